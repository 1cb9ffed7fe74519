"""Proposals and mattes as files: what is read again is what was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

from napari_iseg.errors import ExportError
from napari_iseg.io import PROPOSALS_FILE, ProposedMask, read_image, write_alpha, write_proposals

if TYPE_CHECKING:
    from pathlib import Path


def proposed(number: int, label: str = "") -> ProposedMask:
    mask = np.zeros((21, 34), bool)
    mask[number : number + 5, 3:10] = True
    return ProposedMask(mask=mask, score=1 / (number + 1), box=(number, 3, number + 5, 10), label=label)


def test_every_proposal_is_a_png_and_an_entry(tmp_path: Path) -> None:
    proposals = [proposed(0), proposed(2, "part"), proposed(7)]
    table = write_proposals(tmp_path / "out", proposals, chosen=1)
    values = json.loads(table.read_text())
    assert table == tmp_path / "out" / PROPOSALS_FILE
    assert values["shape"] == [21, 34]
    assert values["proposals"][1] == {
        "file": "proposal-1.png",
        "score": 1 / 3,
        "box": [2, 3, 7, 10],
        "area": 35,
        "chosen": True,
        "label": "part",
    }
    assert [entry["chosen"] for entry in values["proposals"]] == [False, True, False]
    for entry, one in zip(values["proposals"], proposals, strict=True):
        pixels = imageio.imread(table.parent / entry["file"])
        np.testing.assert_array_equal(pixels, np.where(one.mask, 255, 0))
        assert pixels.dtype == np.uint8
        r0, c0, r1, c1 = entry["box"]
        assert one.mask[r0:r1, c0:c1].sum() == entry["area"]


def test_files_of_many_proposals_sort_by_name(tmp_path: Path) -> None:
    table = write_proposals(tmp_path, [proposed(n) for n in range(12)])
    values = json.loads(table.read_text())["proposals"]
    names = [entry["file"] for entry in values]
    assert names == sorted(names) == sorted(file.name for file in tmp_path.glob("*.png"))
    assert not any(entry["chosen"] for entry in values)


def test_a_second_writing_leaves_no_entry_of_the_first(tmp_path: Path) -> None:
    write_proposals(tmp_path, [proposed(0), proposed(1), proposed(2)])
    table = write_proposals(tmp_path, [proposed(4)])
    assert len(json.loads(table.read_text())["proposals"]) == 1


def test_folders_that_cannot_be_used_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "missing" / "out"):
        with pytest.raises(ExportError, match="cannot be made"):
            write_proposals(folder, [proposed(0)])
    with pytest.raises(ExportError, match="no proposals"):
        write_proposals(tmp_path / "out", [])


def test_a_matte_comes_back_with_its_pixel_size(tmp_path: Path) -> None:
    alpha = np.random.default_rng(3).random((21, 35)).astype(np.float32)
    file = write_alpha(tmp_path / "alpha.tif", alpha, pixel=(0.5, 0.25))
    np.testing.assert_array_equal(tifffile.imread(file), alpha)
    again = read_image(file)
    assert again.data.dtype == np.float32
    np.testing.assert_allclose(again.spacing, (0.5, 0.25))


@pytest.mark.parametrize(("name", "words"), [("alpha.png", "ending .tif"), ("missing/alpha.tif", "no folder")])
def test_a_matte_that_cannot_be_written(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        write_alpha(tmp_path / name, np.ones((3, 4), np.float32))
