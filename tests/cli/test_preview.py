"""``napari-iseg data preview``: a sheet that opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_iseg.training.procedural import KINDS, procedural_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_a_sheet_of_generated_images_can_be_read(run: Run, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    given = ("data", "preview", "--kind", "cells", "--kind", "head", "--count", 3, "--size", 48, "--columns", 3)
    done = run(*given, "-o", sheet)
    assert done.code == 0, done.err
    first = imageio.imread(sheet)
    assert first.shape == (2 * (48 + 16), 3 * (2 * 48 + 8), 3)
    expected = procedural_sample(np.random.default_rng([0, 1]), 48, "cells").rgb
    left = 2 * 48 + 8
    assert np.array_equal(first[:48, left : left + 48], expected)
    outlined = first[:48, left + 48 : left + 96]
    assert (outlined != expected).any(axis=2).sum() > 20
    # Captions are black on white.
    assert 0 < (first[48:64] < 128).sum() < first[48:64].size / 4
    run(*given, "-o", sheet, "--seed", 1)
    assert not np.array_equal(imageio.imread(sheet), first)


def test_all_kinds_are_shown_when_none_is_named(run: Run, tmp_path: Path) -> None:
    done = run("data", "preview", "-o", tmp_path / "all.png", "--count", 1, "--size", 32, "--columns", 5)
    assert done.code == 0, done.err
    assert imageio.imread(tmp_path / "all.png").shape[0] == -(-len(KINDS) // 5) * (32 + 16)


def test_a_sheet_of_crops_of_folders(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        for kind in ("images", "labels"):
            (tmp_path / name / kind).mkdir(parents=True)
        for number in range(6):
            drawn = procedural_sample(rng, 70, "smear")
            imageio.imwrite(tmp_path / name / "images" / f"{number}.png", drawn.rgb)
            imageio.imwrite(tmp_path / name / "labels" / f"{number}.png", drawn.labels.astype(np.uint16))
    sheet = tmp_path / "crops.png"
    folders = (tmp_path / "one", tmp_path / "two")
    done = run("data", "preview", "--data", *folders, "--count", 2, "--size", 40, "-o", sheet)
    assert done.code == 0, done.err
    assert "4 images" in done.out
    assert imageio.imread(sheet).shape == (40 + 16, 4 * 88, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "hed", "-o", "a.png"), "head"),
        (("-o", "a.jpg"), "PNG"),
        (("--count", 0, "-o", "a.png"), "at least 1"),
        (("--kind", "head", "--data", "x", "-o", "a.png"), "one of them"),
        (("--data", "nowhere", "-o", "a.png"), "nowhere"),
        (("--kind", "knee", "--count", 1, "-o", "no/such/folder/a.png"), "folder"),
    ],
)
def test_bad_input_ends_with_a_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("data", "preview", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.glob("*.png")) == []
