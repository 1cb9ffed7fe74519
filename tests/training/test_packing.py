"""Packs: folders in one file and back, the size limit, damage, a full disk; and training data that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest

from napari_iseg.errors import ImageError, OptionError, UnknownNameError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.dataset import in_held_back
from napari_iseg.io.datasets import kinds_of_labels, layout_of, open_dataset
from napari_iseg.io.pack_file import is_pack, read_pack, write_pack
from napari_iseg.io.pack_plan import PlanePlan
from napari_iseg.training.cutting import object_boxes
from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.packing import pack_folders
from napari_iseg.training.recipe import DataRecipe

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = DataRecipe(max_side=400, min_pixels=12)


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, array)


def cells(shape: tuple[int, int], every: int, side: int) -> np.ndarray:
    """Return squares of ``side`` pixels, ``every`` so many pixels."""
    labels = np.zeros(shape, np.uint16)
    corners = [(r, c) for r in range(3, shape[0] - side, every) for c in range(3, shape[1] - side, every)]
    for number, (row, column) in enumerate(corners, start=1):
        labels[row : row + side, column : column + side] = number
    return labels


@pytest.fixture
def cells_folder(tmp_path: Path) -> Path:
    """Return a folder of twenty colour images with two kinds of references and an ignored corner."""
    rng = np.random.default_rng(1)
    for number in range(20):
        labels = cells((45, 61), 15, 9)
        labels[:2, :2] = 65535
        write(tmp_path / "cells" / "images" / f"cell{number:02}.png", rng.integers(0, 255, (45, 61, 3), dtype=np.uint8))
        write(tmp_path / "cells" / "labels" / f"cell{number:02}.png", labels)
        write(tmp_path / "cells" / "labels_fine" / f"cell{number:02}.png", cells((45, 61), 8, 5) * 300)
    return tmp_path / "cells"


@pytest.fixture
def brain_folder(tmp_path: Path) -> Path:
    """Return a folder with two volumes."""
    volume = np.random.default_rng(2).normal(300, 40, (9, 33, 41)).astype(np.float32)
    labels = np.zeros(volume.shape, np.int16)
    labels[2:7, 5:25, 9:30] = 4
    for kind, data in (("images", volume), ("labels", labels)):
        (tmp_path / "brain" / kind).mkdir(parents=True)
        for name in ("a", "b"):
            nib.save(nib.Nifti1Image(data.T, np.eye(4)), tmp_path / "brain" / kind / f"{name}.nii.gz")
    return tmp_path / "brain"


@pytest.mark.parametrize("max_mb", [None, 5.0])
def test_what_is_packed_comes_back_as_it_was(cells_folder: Path, tmp_path: Path, max_mb: float | None) -> None:
    report = pack_folders([cells_folder], tmp_path / "pack", bad_input=BadInput("stop"), max_mb=max_mb)
    assert is_pack(report.path)
    assert layout_of(report.path) == "pack"
    assert report.bytes == report.path.stat().st_size
    assert kinds_of_labels(report.path) == kinds_of_labels(cells_folder) == ("labels", "labels_fine")
    for labels in ("labels", "labels_fine"):
        before, after = (open_dataset(path, labels=labels) for path in (cells_folder, report.path))
        assert after.names == tuple(f"cells/{name}" for name in before.names)
        for name in before.names:
            was, now = before.sample(name), after.sample(f"cells/{name}")
            np.testing.assert_array_equal(now.image, was.image)
            np.testing.assert_array_equal(now.labels, was.labels)
            assert now.labels.dtype == np.int32
    held_back = {plane.name for plane in read_pack(report.path).planes if plane.held_back}
    assert held_back == {name for name in before.names if in_held_back(name)}
    assert len(held_back) == report.held_back > 0
    assert {name.removeprefix("cells/") for name in open_dataset(report.path, split="held-back").names} == held_back


def test_training_takes_a_pack_like_its_folders(cells_folder: Path, brain_folder: Path, tmp_path: Path) -> None:
    folders = [cells_folder, brain_folder]
    pack_folders(folders, tmp_path / "pack", bad_input=BadInput("stop"))
    before, after = load_pictures(folders, RECIPE), load_pictures([tmp_path / "pack"], RECIPE)
    assert set(after) == set(before) == {"cells", "brain"}
    for source, pictures in before.items():
        assert len(after[source]) == len(pictures)

        def key(picture):
            return sorted(picture.boxes.items()), picture.rgb.sum()

        for was, now in zip(sorted(pictures, key=key), sorted(after[source], key=key), strict=True):
            np.testing.assert_array_equal(now.rgb, was.rgb)
            np.testing.assert_array_equal(now.labels, was.labels)
            assert now.boxes == was.boxes
            assert len(now.others) == len(was.others) == (source == "cells")
            for mine, theirs in zip(now.others, was.others, strict=True):
                np.testing.assert_array_equal(mine, theirs)
            # A view of the file: nothing was read into memory of its own.
            assert not now.rgb.flags.owndata
            assert not now.labels.flags.owndata
    stream = iter(Crops(after, RECIPE, size=32, seed=0))
    for _ in range(12):
        rgb, target = next(stream)
        assert (rgb.shape, target.shape) == ((3, 32, 32), (32, 32))
        assert (target == 1).any()


def test_the_same_folders_make_the_same_bytes(cells_folder: Path, brain_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pack_folders([cells_folder, brain_folder], tmp_path / name, bad_input=BadInput("stop"), max_mb=0.1)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_limit_is_kept_by_leaving_out_evenly_spaced_planes(cells_folder: Path, tmp_path: Path) -> None:
    loose = pack_folders([cells_folder], tmp_path / "loose", bad_input=BadInput("stop"))
    whole = pack_folders([cells_folder], tmp_path / "whole", bad_input=BadInput("stop"), max_mb=9)
    # References compress to next to nothing, images stay as they are.
    assert 20 * 45 * 61 * 3 < whole.bytes < 0.7 * loose.bytes
    report = pack_folders([cells_folder], tmp_path / "half", bad_input=BadInput("stop"), max_mb=whole.bytes / 2e6)
    assert whole.bytes / 4 < report.bytes <= whole.bytes / 2
    assert report.found == whole.planes == {"cells": 20}
    places = [int(plane.name[-2:]) for plane in read_pack(report.path).planes]
    assert len(places) == report.planes["cells"]
    assert np.diff(places).max() <= np.diff(places).min() + 1
    with pytest.raises(OptionError, match=r"max-mb is 0\.001"):
        pack_folders([cells_folder], tmp_path / "none", bad_input=BadInput("stop"), max_mb=0.001)
    with pytest.raises(OptionError, match="max-side"):
        pack_folders([cells_folder], tmp_path / "none", bad_input=BadInput("stop"), max_side=5)
    assert not (tmp_path / "none").exists()


def large(folder: Path, labels: np.ndarray) -> np.ndarray:
    image = np.random.default_rng(3).integers(0, 255, labels.shape, dtype=np.uint8)
    write(folder / "images" / "plane.png", image)
    write(folder / "labels" / "plane.png", labels)
    return image


def test_a_large_plane_with_one_object_is_cropped_around_it(tmp_path: Path) -> None:
    labels = np.zeros((300, 411), np.uint16)
    labels[100:140, 200:230] = 777
    image = large(tmp_path / "em", labels)
    pack_folders([tmp_path / "em"], tmp_path / "pack", bad_input=BadInput("stop"), max_side=128)
    (plane,) = read_pack(tmp_path / "pack").planes
    assert plane.name == "plane.r68c168"
    rows, columns = slice(68, 172), slice(168, 262)
    np.testing.assert_array_equal(plane.rgb[..., 0], image[rows, columns])
    np.testing.assert_array_equal(plane.references[0].labels, labels[rows, columns])
    assert plane.references[0].labels.dtype == np.int16
    assert plane.references[0].objects == {777: (32, 72, 32, 62, 1200)}


def test_small_objects_in_a_large_plane_are_kept_at_their_own_size_in_windows(tmp_path: Path) -> None:
    labels = cells((300, 411), 40, 14)
    labels[:100, :150] = 0
    image = large(tmp_path / "em", labels)
    pack_folders([tmp_path / "em"], tmp_path / "pack", bad_input=BadInput("stop"), max_side=128)
    rebuilt = np.zeros(labels.shape, int)
    for plane in read_pack(tmp_path / "pack").planes:
        row, column = (int(part) for part in plane.name.rpartition(".r")[2].split("c"))
        assert max(plane.rgb.shape) <= 128
        window = slice(row, row + plane.rgb.shape[0]), slice(column, column + plane.rgb.shape[1])
        np.testing.assert_array_equal(plane.rgb[..., 0], image[window])
        rebuilt[window] = plane.references[0].labels
    np.testing.assert_array_equal(rebuilt, labels)


def test_large_objects_are_reduced_with_their_ids_and_lost_ones_are_counted(tmp_path: Path) -> None:
    labels = np.zeros((300, 411), np.uint16)
    labels[10:200, 10:200] = 40000
    labels[30:280, 210:400] = 5
    labels[0:290, 405] = 9
    image = large(tmp_path / "photo", labels)
    report = pack_folders([tmp_path / "photo"], tmp_path / "pack", bad_input=BadInput("stop"), max_side=100)
    (plane,) = read_pack(tmp_path / "pack").planes
    assert plane.rgb.shape == (73, 100, 3)
    assert plane.references[0].labels.dtype == np.int32
    assert set(np.unique(plane.references[0].labels).tolist()) - {9} == {0, 5, 40000}
    assert report.vanished == (9 not in plane.references[0].labels)
    assert abs(plane.rgb.mean() - image.mean()) < 2


def test_boxes_are_those_of_the_labels() -> None:
    rng = np.random.default_rng(0)
    for top in (7, 3_000_000):
        labels = rng.integers(-1, 3, (15, 23)) * top // 2
        labels = np.where(labels < 0, -1, labels).astype(np.int32)
        found = object_boxes(labels)
        assert set(found) == set(np.unique(labels[labels > 0]).tolist())
        for label, (r0, r1, c0, c1, pixels) in found.items():
            rows, columns = np.nonzero(labels == label)
            assert (r0, r1, c0, c1) == (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
            assert pixels == rows.size


def test_a_foreign_a_cut_off_and_a_damaged_pack_are_named(cells_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "pack"
    pack_folders([cells_folder], file, bad_input=BadInput("stop"))
    whole = file.read_bytes()
    for broken, sentence in (
        (b"PK\x03\x04" + whole[4:], "no pack"),
        (whole[: len(whole) // 2], "cut off"),
        (whole[:17], "cut off"),
        (whole + b"\0", "cut off or was changed"),
        (whole[:50] + b"\xff" + whole[51:], "pack .* is damaged"),
        (whole[:8] + b"\x09" + whole[9:], "version 9"),
        (b"", "empty"),
    ):
        file.write_bytes(broken)
        with pytest.raises(ImageError, match=sentence) as error:
            read_pack(file)
        assert str(file) in str(error.value)
        with pytest.raises(ImageError, match=str(file)):
            load_pictures([file], RECIPE)
    with pytest.raises(ImageError, match="pack already"):
        file.write_bytes(whole)
        pack_folders([file], tmp_path / "again", bad_input=BadInput("stop"))


FULL = """
import resource, sys
from pathlib import Path
from napari_iseg.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main(["data", "pack", sys.argv[1], "-o", sys.argv[2]])
"""


def test_a_full_disk_leaves_the_pack_that_was_there(cells_folder: Path, tmp_path: Path) -> None:
    """The system refuses to write more than 20 kB, as it does when a disk is full."""
    file = tmp_path / "out" / "pack"
    file.parent.mkdir()
    pack_folders([cells_folder], file, bad_input=BadInput("stop"), max_mb=0.05)
    before = file.read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL, cells_folder, file], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert [entry.name for entry in file.parent.iterdir()] == ["pack"]
    assert file.read_bytes() == before


@pytest.fixture
def bad_folder(cells_folder: Path) -> Path:
    """Return the folder with one fault of every kind, in images that are not held back."""
    images, labels = cells_folder / "images", cells_folder / "labels"
    for file in (cells_folder / "labels_fine").iterdir():
        file.unlink()
    (cells_folder / "labels_fine").rmdir()
    names = open_dataset(cells_folder, split="train").names
    missing, orphan, shape, empty, corrupt, unreadable = names[:6]
    (labels / f"{missing}.png").unlink()
    (images / f"{orphan}.png").unlink()
    write(labels / f"{shape}.png", cells((44, 61), 15, 9))
    write(labels / f"{empty}.png", np.zeros((45, 61), np.uint16))
    (images / f"{corrupt}.png").write_bytes((images / f"{corrupt}.png").read_bytes()[:200])
    (labels / f"{unreadable}.png").write_bytes(b"")
    (cells_folder / "faults.json").write_text(json.dumps([missing, orphan, shape, empty, corrupt, unreadable]))
    return cells_folder


def test_every_kind_of_bad_input_is_named_and_left_out(bad_folder: Path) -> None:
    faults = json.loads((bad_folder / "faults.json").read_text())
    bad_input = BadInput("skip")
    pictures = load_pictures([bad_folder], RECIPE, bad_input=bad_input)
    names = open_dataset(bad_folder, split="train", bad_input=BadInput()).names
    assert len(pictures["cells"]) == len(names) - 4
    assert sorted(bad.path.stem for bad in bad_input.found) == sorted(faults)
    for bad, word in zip(
        sorted(bad_input.found, key=lambda bad: faults.index(bad.path.stem)),
        ("no reference", "without its image", "shape", "empty", "damaged", "0 bytes"),
        strict=True,
    ):
        assert word in bad.sentence
        assert str(bad_folder) in bad.sentence
    assert str(bad_input.summary()).startswith("6 files were left out")
    assert BadInput().summary() is None


def test_the_first_bad_input_stops_where_this_was_chosen(bad_folder: Path) -> None:
    with pytest.raises(ImageError, match=str(bad_folder)):
        load_pictures([bad_folder], RECIPE, bad_input=BadInput("stop"))
    with pytest.raises(UnknownNameError, match="skip"):
        BadInput("ignore")


def test_bad_input_never_costs_a_pack_or_a_run_with_other_data(bad_folder: Path, tmp_path: Path) -> None:
    bad_input = BadInput()
    report = pack_folders([bad_folder], tmp_path / "pack", bad_input=bad_input)
    assert report.planes["cells"] == 20 - 6
    assert len(bad_input.found) == 6
    large(tmp_path / "empty", np.zeros((50, 60), np.uint16))
    bad_input = BadInput()
    pictures = load_pictures([tmp_path / "empty", tmp_path / "pack"], RECIPE, bad_input=bad_input)
    assert set(pictures) == {"cells"}
    assert any("empty" in bad.sentence for bad in bad_input.found)
    with pytest.raises(ImageError, match="no object to train on"):
        load_pictures([tmp_path / "empty"], RECIPE)
    # A mistyped path is no bad file among good ones.
    with pytest.raises(ImageError, match="nowhere"):
        load_pictures([tmp_path / "pack", tmp_path / "nowhere"], RECIPE)


def test_a_file_that_changes_while_it_is_packed_leaves_no_pack(tmp_path: Path) -> None:
    labels = cells((45, 61), 15, 9).astype(np.int32)
    plan = PlanePlan("cells", "a", False, (45, 61), True, (("labels", object_boxes(labels)),))
    other = replace(plan, name="b")
    image = np.zeros((45, 61), np.uint8)
    for pixels in ([(other, image, [labels])], []):
        with pytest.raises(ImageError, match="cells/a changed while it was packed"):
            write_pack(tmp_path / "pack", [plan], pixels, {})
    assert list(tmp_path.iterdir()) == []
    write_pack(tmp_path / "pack", [plan], [(plan, image, [labels])], {})
    np.testing.assert_array_equal(read_pack(tmp_path / "pack").planes[0].references[0].labels, labels)
