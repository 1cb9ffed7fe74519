"""The dock exports in every format, in a thread, with the part that is done and a way to stop."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_iseg.errors import ExportError
from napari_iseg.io import read_image
from napari_iseg.io.export_formats import EXPORT_FORMATS
from napari_iseg.ui._export_dialog import filters, meant

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_measurements_and_coco_know_classes_units_and_confidence(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(discs, scale=(0.5, 0.5), units=("um", "um"))
    image = hand.viewer.layers[0]
    hand.widget.controller.classes.choose("nucleus")
    hand.click_data(image, *DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click_data(image, *DISCS[1])
    hand.wait()
    hand.widget.export_row.export_to(str(tmp_path / "table"), "csv")
    hand.wait_for_note(notes, "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert float(first["area_um2"]) == pytest.approx(disc(0).sum() * 0.25)
    assert float(first["intensity_mean"]) == pytest.approx(discs[disc(0)].mean())
    assert (first["class"], first["confidence"]) == ("nucleus", "0.8")
    assert float(second["area_um2"]) == pytest.approx(disc(1).sum() * 0.25)
    # Nobody can have the labels again from a table: the work is not safe yet.
    assert hand.widget.autosaver.has_unsaved(hand.widget.controller.project)
    hand.widget.export(tmp_path / "objects.json")
    hand.wait_for_note(notes, "objects.json")
    assert not hand.widget.autosaver.has_unsaved(hand.widget.controller.project)
    coco = json.loads((tmp_path / "objects.json").read_text())
    assert coco["categories"][0]["name"] == "nucleus"
    assert [one["area"] for one in coco["annotations"]] == [int(disc(0).sum()), int(disc(1).sum())]
    hand.widget.export(tmp_path / "x.dcm")
    hand.wait_for_note(notes, "DICOM series")


def test_a_long_export_shows_its_part_and_can_be_cancelled(
    open_hand: Callable[..., Hand], tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(np.zeros((60, 512, 512), np.uint8))
    hand.viewer.dims.set_current_step(0, 3)
    row = hand.widget.export_row
    project = hand.widget.controller.project
    objects = project.objects_layer()
    objects.data[:] = np.random.default_rng(0).integers(0, 2**15, objects.data.shape)
    (tmp_path / "labels.tif").write_bytes(b"what was there before")
    hand.widget.export(tmp_path / "labels.tif")
    hand.qtbot.waitUntil(row.cancel_button.isVisible, timeout=5000)
    assert not row.export_button.isVisible()
    assert row.cancel_button.text().startswith("Cancel, ")
    hand.widget.export(tmp_path / "second.tif")
    assert "still being written" in notes[-1]
    hand.qtbot.mouseClick(row.cancel_button, Qt.MouseButton.LeftButton)
    hand.wait_for_note(notes, "nothing was written")
    assert row.export_button.isVisible()
    assert not row.cancel_button.isVisible()
    assert [file.name for file in tmp_path.glob("*.tif")] == ["labels.tif"]
    assert (tmp_path / "labels.tif").read_bytes() == b"what was there before"


def test_painted_labels_go_out_as_folders_and_stores(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(np.stack([discs] * 3), scale=(2, 0.5, 0.5))
    project = hand.widget.controller.project
    objects = project.objects_layer()
    objects.data[1, 5:20, 7:30] = 6
    hand.widget.export_row.export_to(str(tmp_path / "masks.tif"), "png-planes")
    hand.wait_for_note(notes, "masks.")
    assert len(list((tmp_path / "masks").glob("*.png"))) == 3
    np.testing.assert_array_equal(read_image(tmp_path / "masks" / "0001.png").data, objects.data[1])
    hand.widget.export(tmp_path / "labels.ome.tif")
    hand.wait_for_note(notes, "labels.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.ome.tif"), objects.data)
    hand.widget.export(tmp_path / "labels.ome.zarr")
    hand.wait_for_note(notes, "labels.ome.zarr")
    assert (tmp_path / "labels.ome.zarr" / "zarr.json").exists()


def test_the_dialog_s_answer_gets_the_ending_of_its_format(tmp_path: Path) -> None:
    assert {*filters(None, 2).values(), *filters(None, 3).values()} == {None, *EXPORT_FORMATS}
    assert set(filters(None, 2).values()).isdisjoint({"stl", "png-planes"})
    assert "png" not in filters(None, 3).values()
    assert meant("/a/cells_labels.nii.gz", "csv", None) == ("/a/cells_labels.csv", "csv")
    assert meant("/a/cells_labels.tif", "png-planes", None) == ("/a/cells_labels", "png-planes")
    assert meant("/a/v1.2 cells", "ome-tiff", None) == ("/a/v1.2 cells.ome.tif", "ome-tiff")
    assert meant("/a/cells", None, None) == ("/a/cells.tif", None)
    (tmp_path / "cells.csv").write_text("mine")
    with pytest.raises(ExportError, match="is there already"):
        meant(str(tmp_path / "cells.tif"), "csv", None)
    assert meant(str(tmp_path / "cells.csv"), "csv", None) == (str(tmp_path / "cells.csv"), "csv")


def test_an_ome_zarr_image_offers_its_own_store(tmp_path: Path) -> None:
    (tmp_path / "cells.ome.zarr").mkdir()
    (tmp_path / "cells.ome.zarr" / "zarr.json").write_text("{}")
    source = str(tmp_path / "cells.ome.zarr")
    inside = next(name for title, name in filters(source, 3).items() if "inside" in title)
    assert meant(str(tmp_path / "whatever"), inside, source) == (source, "ome-zarr")
