"""Stacks and volumes in a real window: the question which one, what is told, and nothing read that nobody looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import h5py
import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_iseg.errors import ImageError
from napari_iseg.ui._choice_dialog import ChoiceDialog
from napari_iseg.ui._reading import Opening
from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hand

STACK = np.random.default_rng(6).integers(0, 3000, (11, 60, 80)).astype(np.uint16)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "several.h5", "w") as file:
        file["raw"] = STACK
        file["raw"].attrs["element_size_um"] = (2.0, 0.5, 0.5)
        file["membranes"] = STACK[:4].astype(np.float32)
        file["labels"] = (STACK > 2900).astype(np.uint16)
    return tmp_path / "several.h5"


def dialog_shown() -> ChoiceDialog | None:
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, ChoiceDialog) and w.isVisible()), None)


def test_napari_asks_which_data_set_is_meant(open_hand: Callable[..., Hand], several: Path) -> None:
    hand = open_hand()
    seen: list[int] = []

    def answer() -> None:
        dialog = dialog_shown()
        if dialog is None:
            QTimer.singleShot(50, answer)
            return
        seen.append(dialog.list.topLevelItemCount())
        assert dialog.chosen == ["labels"]  # as large as "raw", and before it
        item = dialog.list.findItems("membranes", Qt.MatchFlag.MatchExactly)[0]
        place = dialog.list.visualItemRect(item).center()
        hand.qtbot.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
        hand.qtbot.keyClick(dialog.list, Qt.Key.Key_Return)

    QTimer.singleShot(100, answer)
    (layer,) = hand.viewer.open(str(several), plugin="napari-iseg")
    assert seen == [3]
    assert layer.name == "several membranes"
    assert layer.data.shape == (4, 60, 80)


def test_cancelling_opens_nothing(open_hand: Callable[..., Hand], several: Path) -> None:
    hand = open_hand()

    def cancel() -> None:
        dialog = dialog_shown()
        if dialog is None:
            QTimer.singleShot(50, cancel)
            return
        hand.qtbot.keyClick(dialog.list, Qt.Key.Key_Escape)

    QTimer.singleShot(100, cancel)
    hand.viewer.open(str(several), plugin="napari-iseg")
    assert len(hand.viewer.layers) == 0


def test_the_dock_opens_several_at_once_in_a_thread(open_hand: Callable[..., Hand], several: Path) -> None:
    hand = open_hand()
    opening = Opening(hand.viewer, Workers(hand.widget), hand.widget)
    opening.open([str(several)])
    hand.qtbot.waitUntil(lambda: dialog_shown() is not None, timeout=10000)
    dialog = dialog_shown()
    assert dialog is not None
    hand.qtbot.keyClick(dialog.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    hand.qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    hand.qtbot.waitUntil(
        lambda: len([x for x in hand.viewer.layers if x.name.startswith("several")]) == 3, timeout=10000
    )
    raw = hand.layer("several raw")
    assert tuple(raw.scale) == (2, 0.5, 0.5)
    assert [str(unit) for unit in raw.units] == ["micrometer"] * 3
    assert type(hand.layer("several labels")).__name__ == "Labels"


def test_notes_are_told_and_an_error_is_a_sentence(
    open_hand: Callable[..., Hand], tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand()
    for number in (0, 1, 3):
        tifffile.imwrite(tmp_path / f"s{number}.tif", STACK[number])
    hand.viewer.open(str(tmp_path), plugin="napari-iseg")
    hand.wait_for_note(notes, "these are missing: 2;")
    assert hand.viewer.layers[0].data.shape == (3, 60, 80)
    Opening(hand.viewer, Workers(hand.widget), hand.widget).open([str(tmp_path / "s9.tif")])
    hand.wait_for_note(notes, "did you mean")


def test_channels_of_an_ome_zarr_get_their_colours(open_hand: Callable[..., Hand], tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "two.zarr", mode="w")
    group.create_array("0", shape=(2, 60, 80), dtype=np.uint16, chunks=(1, 60, 80))[:] = STACK[:2]
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx")]
    step = {"type": "scale", "scale": [1, 0.5, 0.5]}
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [step]}]}
    channels = [
        {"label": name, "color": code, "window": {"start": 0, "end": 2000}}
        for name, code in (("DAPI", "0000FF"), ("GFP", "00FF00"))
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image], "omero": {"channels": channels}}
    hand = open_hand()
    first, second = hand.viewer.open(str(tmp_path / "two.zarr"), plugin="napari-iseg")
    assert (first.name, second.name) == ("two DAPI", "two GFP")
    np.testing.assert_allclose(second.colormap.map(1.0).ravel()[:3], (0, 1, 0))
    assert tuple(second.contrast_limits) == (0, 2000)
    assert second.blending == "additive"
    assert second.axis_labels == ("y", "x")


def counting(shape: tuple[int, ...], asked: list[int]) -> Any:
    def block(block_info: Any = None) -> np.ndarray:
        number = block_info[None]["array-location"][0][0]
        asked.append(number)
        rows, columns = np.mgrid[: shape[1], : shape[2]]
        return (np.where((rows - 40) ** 2 + (columns - 60) ** 2 < 200, 900, 100) + number).astype(np.uint16)[None]

    chunks = ((1,) * shape[0], (shape[1],), (shape[2],))
    return da.map_blocks(block, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))


def test_the_dock_computes_only_the_planes_that_are_looked_at(open_hand: Callable[..., Hand]) -> None:
    asked: list[int] = []
    hand = open_hand(counting((101, 81, 123), asked), contrast_limits=(0, 1100), scale=(4, 1, 1))
    shown = hand.viewer.dims.current_step[0]
    # napari itself looks at the first plane when it makes the layer.
    assert set(asked) <= {0, shown}
    hand.click(4 * shown, 40, 60)
    hand.wait()
    assert hand.mask.any()
    hand.press(Qt.Key.Key_Q)
    hand.wait()
    assert set(asked) <= {0, shown}
    hand.viewer.dims.set_current_step(0, 70)
    hand.qtbot.wait(400)
    hand.wait()
    assert set(asked) <= {0, shown, 70}


def test_a_plane_that_is_gone_is_told_and_the_others_stay(
    open_hand: Callable[..., Hand], tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_iseg.io.tiff_files.SMALL", 0)
    tifffile.imwrite(tmp_path / "stack.tif", STACK, photometric="minisblack", metadata={"axes": "ZYX"})
    hand = open_hand()
    Opening(hand.viewer, Workers(hand.widget), hand.widget).open([str(tmp_path / "stack.tif")])
    hand.qtbot.waitUntil(lambda: "stack" in hand.viewer.layers, timeout=10000)
    hand.qtbot.wait(300)
    hand.wait()
    (tmp_path / "stack.tif").rename(tmp_path / "away.tif")
    with pytest.raises(ImageError, match="cannot be read any more"):
        hand.viewer.dims.set_current_step(0, 9)
