"""``napari-iseg adapt``: a few labelled images, some of them of no use, become weights of one's own or a plain no."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

from napari_iseg.zoo.weights_folder import imported_weights

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Return a folder of images and labels: three good pairs, and one of everything that can be wrong."""
    root = tmp_path / "cells"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:61, :75]
    for name in ("a", "b", "c", "orphan", "damaged", "empty", "shapes"):
        labels = np.zeros((61, 75), np.uint16)
        for label, column in enumerate((18, 55), start=1):
            labels[np.hypot(rows - rng.uniform(20, 40), columns - column) < 11] = label
        grey = 60 + 120 * (labels > 0) + rng.normal(0, 6, labels.shape)
        imageio.imwrite(root / "images" / f"{name}.png", grey.clip(0, 255).astype(np.uint8))
        tifffile.imwrite(root / "labels" / f"{name}_mask.tif", labels)
    (root / "labels" / "orphan_mask.tif").rename(root / "labels" / "nobody_mask.tif")
    (root / "images" / "damaged.png").write_bytes(b"no image")
    tifffile.imwrite(root / "labels" / "empty_mask.tif", np.zeros((61, 75), np.uint16))
    tifffile.imwrite(root / "labels" / "shapes_mask.tif", np.ones((61, 70), np.uint16))
    return root


def adapt(run: Run, folder: Path, *more: object):
    given = ("--method", "focalclick", "--name", "mine", "--device", "cpu", "--seconds", 6)
    return run("adapt", folder / "images", folder / "labels", *given, *more)


def test_bad_files_are_named_left_out_and_counted_and_do_not_cost_the_run(run: Run, cells: Path) -> None:
    done = adapt(run, cells)
    assert done.code == 0, done.err
    assert "3 labelled planes with 6 objects" in done.err
    assert "clicks to 85 %" in done.out
    assert done.err.count("5 files were left out as unusable, each named above") == 1
    # Either is an honest end; what counts is that it is said and true.
    assert ("mine" in imported_weights()) == ("Wrote " in done.err) == ("nothing was written" not in done.err)


def test_a_run_that_is_to_stop_at_bad_files_stops_at_the_first_and_names_it(run: Run, cells: Path) -> None:
    met = []
    # One after the other is put right by being removed, until nothing is left to stop at.
    for _ in range(6):
        done = adapt(run, cells, "--on-bad-input", "stop", "--parts", "nothing")
        assert done.code == 2
        assert "Traceback" not in done.err
        said = done.err.replace("\n", "")
        if "Option 'parts'" in said:
            break
        bad = next(path for path in cells.glob("*/*") if str(path) in said)
        met.append(bad.stem.removesuffix("_mask"))
        for kind in ("images", "labels"):
            for path in (cells / kind).glob(f"{met[-1]}*"):
                path.unlink()
    assert sorted(met) == ["damaged", "empty", "nobody", "orphan", "shapes"]


def test_images_and_labels_in_one_folder_are_told_apart_by_their_names(run: Run, cells: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in "ab":
        for path in cells.glob(f"*/{name}*"):
            path.rename(mixed / path.name)
    done = run("adapt", mixed, mixed, "--method", "focalclick", "--name", "mine", "--parts", "nothing")
    assert "2 labelled planes with 4 objects" in done.err
    assert "left out" not in done.err


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--on-bad-input", "ignore"), "skip, stop"),
        (("--method", "geodesic"), "nothing to train"),
        (("--parts", "tail"), "prompts, head, all"),
        (("--name", "focalclick-b0"), "focalclick-b0"),
        (("--weights", "nothing.safetensors"), "nothing.safetensors"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_code_2(run: Run, cells: Path, change, word: str) -> None:
    done = adapt(run, cells, *change)
    assert done.code == 2
    assert word in done.err.replace("\n", " ")
    assert "Traceback" not in done.err
    assert not done.out


def test_folders_without_one_usable_pair_end_with_the_first_reason(run: Run, cells: Path) -> None:
    for path in [*cells.glob("labels/[abc]_*"), *cells.glob("images/orphan*")]:
        path.unlink()
    done = adapt(run, cells)
    assert done.code == 2
    assert "There is no labelled image in" in done.err.replace("\n", " ")
    assert "has no labels of its name" in done.err.replace("\n", " ")
