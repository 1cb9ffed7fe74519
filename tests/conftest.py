"""What every test may ask for: the shared fixtures folder, where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web import Site, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECKOUT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path | None:
    """Return the folder of goldens and development data, or None where this machine has none."""
    folder = Path(os.environ.get("NAPARI_ISEG_SHARED", _CHECKOUT.parent / "shared"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return ``../shared`` (or ``$NAPARI_ISEG_SHARED``); the test is skipped where it is absent."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("../shared is not here; set NAPARI_ISEG_SHARED to its path to run the tests against the goldens")
    return folder


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a user's folder of weights that is this test's own and does not exist yet; the real one is never seen.

    The folder of autosaves lies beside it.
    """
    path = tmp_path / "user" / "weights"
    monkeypatch.setenv("NAPARI_ISEG_WEIGHTS", str(path))
    monkeypatch.setenv("NAPARI_ISEG_AUTOSAVE", str(path.with_name("autosave")))
    return path


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a site that a real web server on this machine serves; no proxy of the surroundings is used."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as served:
        yield served
