"""Labels as OME-Zarr: other readers find them, in an image's own store or in one of their own."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import dask.array
import numpy as np
import pytest
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from napari_iseg.errors import ExportError
from napari_iseg.io.export_formats import export_labels
from napari_iseg.io.exported import ExportedLabels, ExportedObject
from napari_iseg.io.files import remove_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

with warnings.catch_warnings():
    # The module warns of its own default arguments.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.writer import write_image

SIZES = {"z": 3.5, "y": 0.9, "x": 0.7}


def labels_of(shape: tuple[int, ...], highest: int = 2**32 - 1) -> np.ndarray:
    return np.random.default_rng(2).integers(0, highest, shape)


def exported(labels: np.ndarray) -> ExportedLabels:
    return ExportedLabels(
        labels, spacing=(3.5, 0.9, 0.7), units="um", objects={int(labels[0, 0, 0]): ExportedObject(1, "cell")}
    )


def image_store(path: Path, version: int) -> Path:
    root = zarr.open_group(str(path), mode="w", zarr_format=version)
    image = np.random.default_rng(1).integers(0, 255, (2, 3, 41, 57)).astype(np.uint8)
    write_image(
        image,
        root,
        fmt=FormatV04() if version == 2 else FormatV05(),
        axes="czyx",
        scale={"c": 1.0, **SIZES},
        axes_units=dict.fromkeys("zyx", "micrometer"),
        scale_factors=[2],
    )
    return path


def opened(path: Path) -> list:
    """Return what the reader of the OME-Zarr project finds at a path."""
    location = parse_url(str(path))
    assert location is not None
    return list(Reader(location)())


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow over 5 kB, as on a disk that is full; not even the log of the tests, so it must be short."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_store_of_its_own_opens_as_labels_and_at_its_root(tmp_path: Path) -> None:
    labels = labels_of((3, 301, 517))
    written = export_labels(tmp_path / "cells.ome.zarr", exported(labels))
    assert written == tmp_path / "cells.ome.zarr" / "labels" / "napari-iseg"
    for path in (written, tmp_path / "cells.ome.zarr"):
        node = next(node for node in opened(path) if node.data)
        assert [level.shape for level in node.data] == [(3, 301, 517), (3, 151, 259), (3, 76, 130)]
        np.testing.assert_array_equal(np.asarray(node.data[0]), labels)
        np.testing.assert_array_equal(np.asarray(node.data[2]), labels[:, ::4, ::4])
        steps = [one[0]["scale"] for one in node.metadata["coordinateTransformations"]]
        assert steps == [[3.5, 0.9, 0.7], [3.5, 1.8, 1.4], [3.5, 3.6, 2.8]]
        assert {axis["unit"] for axis in node.metadata["axes"]} == {"micrometer"}
    said = dict(zarr.open_group(str(written), mode="r").attrs)["ome"]["image-label"]
    assert said["properties"][0]["class"] == "cell"
    np.testing.assert_array_equal(dask.array.from_zarr(str(written / "s0")).compute(), labels)


@pytest.mark.parametrize("version", [2, 3])
def test_labels_go_into_the_image_s_own_store(version: int, tmp_path: Path) -> None:
    store = image_store(tmp_path / "image.ome.zarr", version)
    before = np.asarray(opened(store)[0].data[0])
    labels = labels_of((3, 41, 57))
    for given in (labels, labels[:, ::-1]):
        written = export_labels(store, ExportedLabels(given))
        assert written == store / "labels" / "napari-iseg"
        group = zarr.open_group(str(store), mode="r")
        np.testing.assert_array_equal(group["labels/napari-iseg/s0"][:], given)
    export_labels(store / "labels" / "again", ExportedLabels(labels), format_name="ome-zarr")
    nodes = opened(store)
    np.testing.assert_array_equal(np.asarray(nodes[0].data[0]), before)
    found = {node.zarr.basename(): node for node in nodes if len(node.data) and node.data[0].shape == labels.shape}
    assert set(found) == {"napari-iseg", "again"}
    steps = found["again"].metadata["coordinateTransformations"][0]
    assert steps[0]["scale"] == list(SIZES.values())
    np.testing.assert_array_equal(np.asarray(found["again"].data[0]), labels)
    assert {entry.name for entry in tmp_path.iterdir()} == {"image.ome.zarr"}


def test_an_index_of_the_whole_store_is_brought_up_to_date(tmp_path: Path) -> None:
    store = image_store(tmp_path / "image.ome.zarr", 2)
    zarr.consolidate_metadata(str(store))
    export_labels(store, ExportedLabels(labels_of((3, 41, 57))))
    assert "napari-iseg" in zarr.open_consolidated(str(store))["labels"]


def test_what_other_programs_wrote_is_left_alone(tmp_path: Path) -> None:
    store = image_store(tmp_path / "image.ome.zarr", 3)
    zarr.open_group(str(store / "labels" / "theirs"), mode="w")
    with pytest.raises(ExportError, match="written by another program"):
        export_labels(store / "labels" / "theirs", ExportedLabels(labels_of((3, 41, 57))))
    zarr.open_group(str(tmp_path / "plain.zarr"), mode="w")
    with pytest.raises(ExportError, match="no OME-Zarr image"):
        export_labels(tmp_path / "plain.zarr", ExportedLabels(labels_of((3, 41, 57))))
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "folder.zarr" / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds other files"):
        export_labels(tmp_path / "folder.zarr", ExportedLabels(labels_of((3, 41, 57))))
    assert (tmp_path / "folder.zarr" / "thesis.txt").read_text() == "mine"
    with pytest.raises(ExportError, match="store of their own"):
        export_labels(store, ExportedLabels(labels_of((41, 57))))


@pytest.mark.parametrize("inside", [True, False])
def test_a_full_disk_leaves_the_earlier_labels(inside: bool, tmp_path: Path) -> None:
    store = image_store(tmp_path / "image.ome.zarr", 3) if inside else tmp_path / "labels.ome.zarr"
    good = labels_of((3, 41, 57))
    written = export_labels(store, ExportedLabels(good))
    with small_files(), pytest.raises(ExportError, match=r"cannot be written \(File too large\)"):
        export_labels(store, ExportedLabels(good[::-1]))
    np.testing.assert_array_equal(zarr.open_group(str(written), mode="r")["s0"][:], good)
    assert [entry.name for entry in tmp_path.iterdir()] == [store.name]


def test_what_is_written_late_does_not_leave_a_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "half.zarr"
    (folder / "s0").mkdir(parents=True)
    waits = []

    def write_while_it_waits(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) in (1, 2, 15):
            (folder / "s0").mkdir(parents=True)
            (folder / "s0" / "c0").write_bytes(b"late")

    monkeypatch.setattr("napari_iseg.io.files.time", SimpleNamespace(sleep=write_while_it_waits))
    remove_folder(folder, quiet=False)
    assert not folder.exists()
    assert 0.9 < sum(waits[15:]) < 1.1
