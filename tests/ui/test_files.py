"""What a user exports and saves is what other programs, and the dock itself, read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import tifffile
from qtpy.QtCore import Qt

from napari_iseg.io.readers import read_layers

from .conftest import DISCS, Hand, disc, nearly  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_export_takes_the_unfinished_object_along(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(discs, scale=(0.5, 0.25))
    hand.widget.export(tmp_path / "empty.tif")
    assert "nothing to export" in notes[-1]
    hand.click_data(hand.viewer.layers[0], *DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.click_data(hand.viewer.layers[0], *DISCS[1])
    hand.wait()
    for name in ("labels.tif", "labels.png"):
        hand.widget.export(tmp_path / name)
        hand.wait_for_note(notes, name)
        assert "2 objects (the unfinished one included)" in notes[-1]
    objects = hand.layer("Objects").data
    assert np.array_equal(tifffile.imread(tmp_path / "labels.tif"), objects + 2 * hand.mask)
    assert nearly(hand.mask, disc(1))
    assert nearly(objects, disc(0))
    hand.widget.export(tmp_path / "labels.docx")
    hand.wait_for_note(notes, "docx")


def test_nifti_in_nifti_out_on_the_same_grid(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    affine = np.array([[-2.0, 0.3, 0, 11], [0.3, 2.0, 0, -7], [0, 0, 5.0, 30], [0, 0, 0, 1]])
    volume = np.stack([discs] * 4).transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "scan.nii.gz")
    hand = open_hand()
    ((data, attributes, _),) = read_layers(str(tmp_path / "scan.nii.gz"))
    image = hand.viewer.add_image(data, **attributes)
    hand.qtbot.wait(50)
    hand.wait()
    hand.viewer.dims.set_current_step(0, 2)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click_data(image, 2, *DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    hand.widget.export(tmp_path / "labels.nii.gz")
    hand.wait_for_note(notes, "labels.nii.gz")
    written = nibabel.load(tmp_path / "labels.nii.gz")
    assert np.allclose(written.affine, affine, atol=1e-5)
    expected = np.zeros(volume.shape, int)
    expected[:, :, 2] = disc(0).T
    assert np.array_equal(np.asarray(written.dataobj), expected)


def test_painted_pixels_and_facts_come_back_and_what_is_there_stays(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(discs)
    image = hand.viewer.layers[0]
    for number in (0, 1):
        hand.click_data(image, *DISCS[number])
        hand.wait()
        hand.press(Qt.Key.Key_Q)
    hand.widget.controller.finished[1].facts["note"] = {"by": "Ada", "sure": 0.5}
    hand.widget.controller.finished[1].class_name = "nucleus"
    painted = np.zeros((81, 123), bool)
    painted[70:74, 5:20] = True
    hand.layer("Objects").data_setitem(np.nonzero(painted), 7)
    hand.widget.save_session(tmp_path / "session")
    hand.wait_for_note(notes, "saved to")
    assert (tmp_path / "session.iseg.json").exists()
    other = open_hand(discs)
    other.click_data(other.viewer.layers[0], *DISCS[1])
    other.wait()
    other.press(Qt.Key.Key_Q)
    other.widget.load_session(tmp_path / "session.iseg.json")
    other.wait_for_note(notes, "1 of 2 objects were put back")
    labels = other.layer("Objects").data
    # The id 1 is taken by the disc that was there already.
    assert np.array_equal(labels == 1, disc(1))
    assert np.array_equal(labels > 1, disc(0) | painted)
    assert len(np.unique(labels)) == 4
    again = open_hand(discs)
    again.widget.load_session(tmp_path / "session.iseg.json")
    again.wait_for_note(notes, "2 of 2 objects were put back")
    assert np.array_equal(again.layer("Objects").data, disc(0) + 2 * disc(1) + 7 * painted)
    assert again.widget.controller.finished[1].facts == {"note": {"by": "Ada", "sure": 0.5}}
    assert again.widget.controller.finished[1].class_name == "nucleus"
    again.widget.save_session(tmp_path / "second.iseg.json")
    again.wait_for_note(notes, "second.iseg.json")
    first, second = (json.loads((tmp_path / f"{name}.iseg.json").read_text()) for name in ("session", "second"))
    for item in (*first["objects"], *second["objects"]):
        # Those of the flooding stand-in, which is not the method that the dock names.
        del item["options"]
    assert second["objects"] == first["objects"]


def test_a_session_opens_again(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    stack = np.stack([discs, discs])
    hand = open_hand(stack)
    image = hand.viewer.layers[0]
    hand.click_data(image, 0, *DISCS[0])
    hand.click_data(image, 0, *DISCS[1])
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    hand.viewer.dims.set_current_step(0, 1)
    hand.click_data(image, 1, *DISCS[2])
    hand.wait()
    hand.widget.save_session(tmp_path / "session.json")
    hand.wait_for_note(notes, "session was saved")
    exported = disc(0) | disc(1)
    stored = tifffile.imread(tmp_path / "session.labels.tif")
    assert np.array_equal(stored, [exported, 2 * disc(2)])
    hand.press(Qt.Key.Key_Q)
    expected = hand.layer("Objects").data.copy()
    hand.undo()
    hand.undo()
    hand.viewer.dims.set_current_step(0, 0)
    hand.undo()
    hand.undo()
    hand.undo()
    assert not hand.layer("Objects").data.any()
    hand.widget.load_session(tmp_path / "session.json")
    hand.wait_for_note(notes, "2 of 2 objects were put back")
    hand.wait()
    # The second one had not been accepted when it was saved.
    assert np.array_equal(hand.layer("Objects").data, [exported, np.zeros_like(exported)])
    assert np.array_equal(hand.mask, [np.zeros_like(exported), disc(2)])
    hand.viewer.dims.set_current_step(0, 1)
    hand.press(Qt.Key.Key_Q)
    assert np.array_equal(hand.layer("Objects").data, expected)
    hand.viewer.dims.set_current_step(0, 0)
    assert len(hand.widget.objects.table.objects_model.rows) == 2
    hand.undo()
    hand.wait()
    assert np.array_equal(hand.mask[0], exported)
    hand.redo()
    assert np.array_equal(hand.layer("Objects").data, expected)
    (tmp_path / "bad.json").write_text("{}")
    hand.widget.load_session(tmp_path / "bad.json")
    hand.wait_for_note(notes, "not a session")
