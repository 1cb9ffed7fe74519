"""What a user exports and saves is what other programs, and the dock itself, read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel
import numpy as np
import tifffile
from qtpy.QtCore import Qt

from napari_iseg.io.readers import read_layers

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

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
    assert np.array_equal(tifffile.imread(tmp_path / "labels.tif"), disc(0) + 2 * disc(1))
    assert np.array_equal(hand.mask, disc(1))
    assert np.array_equal(hand.layer("Objects").data, disc(0))
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
    assert "saved" in notes[-1]
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
    hand.wait()
    assert np.array_equal(hand.layer("Objects").data, expected)
    assert len(hand.widget.objects.table.objects_model.rows) == 2
    hand.undo()
    assert np.array_equal(hand.mask[0], disc(0) | disc(1))
    (tmp_path / "bad.json").write_text("{}")
    hand.widget.load_session(tmp_path / "bad.json")
    assert "not a session" in notes[-1]
