"""Where autosaves lie and how the next start finds them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from napari_iseg.io.autosave_places import every_autosave, forget, places_for, remember

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def autosave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an autosave beside an image; the user's folder is empty."""
    monkeypatch.setenv("NAPARI_ISEG_AUTOSAVE", str(tmp_path / "user"))
    data = tmp_path / "data"
    data.mkdir()
    path = places_for(str(data / "cells.png"), "cells")[0]
    path.write_bytes(b"work")
    return path


def test_an_autosave_beside_its_image_is_found_until_it_is_forgotten(autosave: Path) -> None:
    assert every_autosave() == []
    remember(autosave)
    assert every_autosave() == [autosave]
    forget(autosave)
    assert every_autosave() == []
    assert not autosave.exists()


def test_a_window_that_looks_while_another_writes_does_not_lose_its_autosave(autosave: Path) -> None:
    remember(autosave)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            remember(autosave)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        looks = [every_autosave() for _ in range(2000)]
    finally:
        stop.set()
        writer.join()
    assert all(look == [autosave] for look in looks)


def test_a_signpost_whose_autosave_is_gone_is_taken_down_but_one_to_a_missing_disk_stays(
    autosave: Path, tmp_path: Path
) -> None:
    remember(autosave)
    remember(tmp_path / "away" / ".far.png.iseg-autosave")
    autosave.unlink()
    assert every_autosave() == []
    (signpost,) = (tmp_path / "user").iterdir()
    assert "far" in signpost.read_text(encoding="utf-8")
