"""An object through the planes of a volume: carried, filled, corrected, taken back, saved, shown in 3-D."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_iseg.inference.replaying import replay
from napari_iseg.io import read_session
from napari_iseg.io.autosave_file import read_autosave
from napari_iseg.io.autosave_places import every_autosave
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.io.session_slices import ObjectSlices
from napari_iseg.planes.shapes import interpolate_shapes
from napari_iseg.ui._object_columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import FloodPredictor, Hand

SHAPE = (16, 81, 123)
FIRST, LAST, MIDDLE = 3, 12, 7
SHIFT = Qt.KeyboardModifier.ShiftModifier


def tube() -> np.ndarray:
    """Return the object: a disc of radius 12 that moves a pixel to the right from plane to plane, on planes 3 to 12."""
    planes, rows, columns = np.indices(SHAPE)
    there = (rows - 40) ** 2 + (columns - 50 - planes) ** 2 <= 144
    return there & (planes >= FIRST) & (planes <= LAST)


@pytest.fixture
def volume() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 12, SHAPE)
    return np.where(tube(), 200, 40).astype(np.uint8) + noise.astype(np.uint8)


@pytest.fixture
def hand(open_hand: Callable[..., Hand], volume: np.ndarray) -> Hand:
    hand = open_hand(volume, scale=(3, 1, 1))
    go(hand, MIDDLE)
    return hand


def go(hand: Hand, plane: int) -> None:
    hand.viewer.dims.set_current_step(0, plane)
    hand.qtbot.wait(50)
    hand.wait()


def click(hand: Hand, plane: int, row: float, column: float, *, right: bool = False) -> None:
    go(hand, plane)
    hand.click_data(hand.viewer.layers[0], plane, row, column, right=right)
    hand.wait()


def wait(hand: Hand) -> None:
    hand.qtbot.waitUntil(lambda: hand.widget.controller.slices.progress is None, timeout=60000)


def objects(hand: Hand) -> np.ndarray:
    return np.asarray(hand.layer("Objects").data)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


def carried(hand: Hand) -> np.ndarray:
    """Click the object in its middle, carry it both ways, and return what there is then."""
    click(hand, MIDDLE, 40, 50 + MIDDLE)
    hand.press(Qt.Key.Key_W, SHIFT)
    wait(hand)
    return objects(hand).copy()


def test_one_click_and_one_key_make_an_object_of_ten_planes(hand: Hand) -> None:
    found = carried(hand)
    assert dice(found == 1, tube()) > 0.95
    # It ended by itself.
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == list(range(FIRST, LAST + 1))
    slices = hand.widget.controller.slices
    assert slices.planes is not None
    assert {fact.origin for fact in slices.planes.planes.values()} == {"prompted", "propagated"}
    assert all(0.45 <= fact.confidence <= 1 for fact in slices.planes.planes.values())
    assert "planes 3 to 12" in hand.widget.slices.words.text()


def test_undo_takes_the_planes_back_at_once_and_redo_brings_the_very_same(hand: Hand) -> None:
    found = carried(hand)
    hand.undo()
    assert np.flatnonzero(objects(hand).any(axis=(1, 2))).tolist() == [MIDDLE]
    hand.redo()
    assert np.array_equal(objects(hand), found)
    hand.undo()
    hand.undo()
    assert not objects(hand).any()
    assert hand.mask.any()


def test_a_click_corrects_a_plane_and_only_what_lies_around_it(hand: Hand) -> None:
    before = carried(hand)
    # At the top of the disc a bit is cut off, by a click on the object with the right button.
    hand.widget.controller.slices.refine = False
    click(hand, 10, 40, 90)
    wait(hand)
    after = objects(hand)
    assert after[10, 40, 90] == 1
    assert np.array_equal(after[: MIDDLE + 1], before[: MIDDLE + 1])
    assert not np.array_equal(after[MIDDLE + 1 : 10], before[MIDDLE + 1 : 10])
    planes = hand.widget.controller.slices.planes
    assert planes is not None
    assert planes.prompted == [MIDDLE, 10]
    assert len(hand.widget.controller.finished) == 1


def test_an_object_that_was_carried_too_far_is_ended_by_one_key(hand: Hand) -> None:
    found = carried(hand)
    slices = hand.widget.controller.slices
    go(hand, 9)
    hand.press(Qt.Key.Key_Delete, SHIFT)
    ended = objects(hand).copy()
    assert np.array_equal(ended[:9], found[:9])
    assert not ended[9:].any()
    assert slices.planes is not None
    assert slices.planes.ends == (9,)
    assert max(slices.planes.planes) == 8
    # It is carried there no more, neither after a correction nor anew.
    slices.refine = False
    click(hand, 8, 40, 50 + 8)
    wait(hand)
    assert not objects(hand)[9:].any()
    hand.press(Qt.Key.Key_W, SHIFT)
    wait(hand)
    assert not objects(hand)[9:].any()
    while slices.planes is not None and slices.planes.ends:
        hand.undo()
    assert np.array_equal(objects(hand), found)
    hand.redo()
    assert np.array_equal(objects(hand), ended)
    # Who clicks beyond says that it is there after all.
    click(hand, 11, 40, 50 + 11)
    wait(hand)
    assert objects(hand)[11].any()
    assert slices.planes is not None
    assert slices.planes.ends == (9,)
    click(hand, 9, 40, 50 + 9)
    wait(hand)
    assert slices.planes.ends == ()
    assert objects(hand)[8:12].any(axis=(1, 2)).all()


def test_an_end_is_told_where_it_makes_no_sense(hand: Hand, notes: list[str]) -> None:
    hand.press(Qt.Key.Key_Delete, SHIFT)
    assert "No object is being carried" in notes[-1]
    carried(hand)
    hand.press(Qt.Key.Key_Delete, SHIFT)
    assert "began on this plane" in notes[-1]
    assert objects(hand)[MIDDLE].any()


def test_the_brush_paints_on_what_is_there(hand: Hand) -> None:
    before = carried(hand)
    go(hand, 10)
    hand.press(Qt.Key.Key_K)
    hand.drag((30, 40, 85), (30, 40, 95))
    hand.wait()
    wait(hand)
    after = objects(hand)
    assert (after[10] >= before[10]).all()
    assert after[10, 40, 90] == 1
    assert np.array_equal(after[:8], before[:8])


def test_planes_between_two_clicked_ones_are_filled_by_their_shapes(hand: Hand) -> None:
    slices = hand.widget.controller.slices
    hand.widget.slices.refine_box.setChecked(False)
    click(hand, FIRST, 40, 50 + FIRST)
    hand.widget.slices.fill_button.click()
    click(hand, LAST, 40, 50 + LAST)
    hand.widget.slices.fill_button.click()
    wait(hand)
    found = objects(hand) == 1
    assert slices.planes is not None
    assert slices.planes.prompted == [FIRST, LAST]
    for plane in range(FIRST + 1, LAST):
        assert np.array_equal(found[plane], interpolate_shapes({FIRST: found[FIRST], LAST: found[LAST]}, plane))
    assert dice(found, tube()) > 0.97


def test_one_plane_at_a_time_goes_along(hand: Hand) -> None:
    click(hand, MIDDLE, 40, 50 + MIDDLE)
    hand.press(Qt.Key.Key_Right, SHIFT)
    wait(hand)
    assert hand.viewer.dims.current_step[0] == MIDDLE + 1
    hand.press(Qt.Key.Key_Right, SHIFT)
    wait(hand)
    assert np.flatnonzero(objects(hand).any(axis=(1, 2))).tolist() == [MIDDLE, MIDDLE + 1, MIDDLE + 2]


def test_cancelled_half_way_the_filled_planes_stay_and_are_one_step(hand: Hand, predictor: FloodPredictor) -> None:
    click(hand, MIDDLE, 40, 50 + MIDDLE)
    predictor.seconds = 0.15
    hand.press(Qt.Key.Key_Up, SHIFT)
    hand.qtbot.waitUntil(lambda: (hand.widget.controller.slices.progress or (0, 0))[0] >= 2, timeout=20000)
    assert hand.widget.slices.progress_row.isVisibleTo(hand.widget) or not hand.widget.slices.isExpanded()
    hand.widget.slices.cancel_button.click()
    assert hand.widget.controller.slices.progress is None
    filled = np.flatnonzero(objects(hand).any(axis=(1, 2))).tolist()
    assert filled[0] == MIDDLE
    assert 3 <= len(filled) < LAST - MIDDLE + 1
    hand.undo()
    assert np.flatnonzero(objects(hand).any(axis=(1, 2))).tolist() == [MIDDLE]


def test_q_ends_it_and_the_next_click_begins_another_object(hand: Hand) -> None:
    carried(hand)
    hand.press(Qt.Key.Key_Q)
    assert hand.widget.controller.slices.active is None
    click(hand, 8, 10, 10)
    assert hand.widget.controller.work is not None
    assert hand.widget.controller.work.target is None
    hand.press(Qt.Key.Key_Q)
    assert sorted(np.unique(objects(hand))) == [0, 1, 2]


def test_finished_objects_keep_their_pixels(hand: Hand) -> None:
    layer = hand.layer("Objects")
    layer.data_setitem((np.array([9] * 5), np.arange(38, 43), np.array([60] * 5)), np.uint16(7))
    found = carried(hand)
    assert (found[9, 38:43, 60] == 7).all()
    assert np.count_nonzero(found == 7) == 5


def test_deleted_it_is_gone_from_every_plane_and_undo_brings_all_back(hand: Hand) -> None:
    found = carried(hand)
    hand.press(Qt.Key.Key_Q)
    hand.widget.controller.objects.delete([1])
    assert not objects(hand).any()
    hand.undo()
    assert np.array_equal(objects(hand), found)


def test_it_is_saved_and_loaded_with_its_planes_and_goes_on(
    hand: Hand, open_hand: Callable[..., Hand], volume: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    found = carried(hand)
    said = hand.widget.controller.slices.planes
    hand.widget.save_session(tmp_path / "tube.iseg.json")
    hand.qtbot.waitUntil(lambda: (tmp_path / "tube.iseg.json").exists(), timeout=10000)
    other = open_hand(volume, scale=(3, 1, 1))
    go(other, 9)
    other.widget.load_session(tmp_path / "tube.iseg.json")
    other.qtbot.waitUntil(lambda: bool(other.widget.controller.finished), timeout=20000)
    other.wait()
    assert np.array_equal(objects(other), found)
    assert other.widget.controller.finished[0].pixels == np.count_nonzero(found)
    other.widget.controller.objects.edit_again(1)
    again = other.widget.controller.slices.planes
    assert again is not None
    assert said is not None
    assert sorted(again.planes) == sorted(said.planes)
    assert other.viewer.dims.current_step[0] == 9
    click(other, 10, 40, 90)
    wait(other)
    assert objects(other)[10, 40, 90] == 1


def test_replayed_from_its_session_alone_it_is_the_very_same(
    hand: Hand, volume: np.ndarray, tmp_path: Path, predictor: FloodPredictor
) -> None:
    carried(hand)
    # Corrected on one plane, filled between anew; a second object takes a place that the first is later carried into.
    click(hand, 10, 40, 90)
    wait(hand)
    hand.press(Qt.Key.Key_Q)
    click(hand, 1, 3, 3)
    hand.press(Qt.Key.Key_Q)
    hand.widget.controller.objects.edit_again(1)
    go(hand, FIRST)
    hand.press(Qt.Key.Key_Left, SHIFT)
    wait(hand)
    hand.widget.save_session(tmp_path / "tube.iseg.json")
    hand.qtbot.waitUntil(lambda: (tmp_path / "tube.iseg.json").exists(), timeout=10000)
    saved = read_session(tmp_path / "tube.iseg.json")
    slices = ObjectSlices.of_facts(saved.objects[0].facts)
    assert slices is not None
    assert {fact.origin for fact in slices.planes.values()} == {"prompted", "propagated", "interpolated"}
    done = replay(saved, volume, lambda _item: predictor, None)
    assert [one.trouble for one in done.objects] == ["", ""]
    assert done.objects[0].planes == len(slices.planes) - 1 >= 9
    assert np.array_equal(done.labels, objects(hand))


def test_where_shapes_fit_the_clicked_planes_better_the_method_stays_out(
    open_hand: Callable[..., Hand], tmp_path: Path, predictor: FloodPredictor
) -> None:
    # On a straight tube the shape between is exact; what floods would leak through the gap on plane 6.
    straight = np.repeat(np.where(tube()[MIDDLE], 200, 40).astype(np.uint8)[np.newaxis], SHAPE[0], axis=0)
    straight[6, 40] = 200
    hand = open_hand(straight, scale=(3, 1, 1))
    click(hand, 2, 40, 50 + MIDDLE)
    hand.press(Qt.Key.Key_Right, SHIFT)
    wait(hand)
    for plane in (8, 14):
        click(hand, plane, 36, 50 + MIDDLE)
        wait(hand)
    hand.widget.slices.fill_button.click()
    wait(hand)
    slices = hand.widget.controller.slices.planes
    assert slices is not None
    assert slices.prompted == [2, 8, 14]
    between = [fact for fact in slices.planes.values() if fact.origin == "interpolated"]
    assert len(between) == 10
    assert {fact.made.method for fact in between if fact.made is not None} == {None}
    assert np.array_equal(objects(hand)[6] == 1, tube()[MIDDLE])
    hand.widget.save_session(tmp_path / "straight.iseg.json")
    hand.qtbot.waitUntil((tmp_path / "straight.iseg.json").exists, timeout=10000)
    done = replay(read_session(tmp_path / "straight.iseg.json"), straight, lambda _item: predictor, None)
    assert [one.trouble for one in done.objects] == [""]
    assert np.array_equal(done.labels, objects(hand))


def test_planes_between_bend_with_the_clicked_ones_beyond_and_come_again(
    hand: Hand, volume: np.ndarray, tmp_path: Path, predictor: FloodPredictor
) -> None:
    carried(hand)
    hand.widget.slices.refine_box.setChecked(False)
    for plane in (FIRST, 10, LAST):
        click(hand, plane, 40, 55 + plane)
        wait(hand)
    before = objects(hand).copy()
    # Larger on the last plane: the shapes before plane 10 may bend with it, those before the middle do not.
    click(hand, LAST, 40, 50 + LAST + 16)
    wait(hand)
    after = objects(hand)
    slices = hand.widget.controller.slices.planes
    assert slices is not None
    assert slices.prompted == [FIRST, MIDDLE, 10, LAST]
    assert not np.array_equal(after[LAST], before[LAST])
    assert np.array_equal(after[: MIDDLE + 1], before[: MIDDLE + 1])
    known = {plane: after[plane] == 1 for plane in slices.prompted}
    for plane in (MIDDLE + 1, 9):
        assert np.array_equal(after[plane] == 1, interpolate_shapes(known, plane))
        made = slices.planes[plane].made
        assert made is not None
        assert made.start == {place: mask_digest(mask) for place, mask in known.items()}
    hand.widget.save_session(tmp_path / "bent.iseg.json")
    hand.qtbot.waitUntil((tmp_path / "bent.iseg.json").exists, timeout=10000)
    done = replay(read_session(tmp_path / "bent.iseg.json"), volume, lambda _item: predictor, None)
    assert [one.trouble for one in done.objects] == [""]
    assert np.array_equal(done.labels, after)


def test_the_table_says_its_volume_beside_its_voxels(
    open_hand: Callable[..., Hand], volume: np.ndarray, tmp_path: Path
) -> None:
    hand = open_hand(volume, scale=(3, 0.5, 0.25), units=("um", "um", "um"))
    click(hand, MIDDLE, 40, 50 + MIDDLE)
    hand.press(Qt.Key.Key_Q)
    table = hand.widget.objects.table

    def texts() -> dict[str, str]:
        hand.widget.objects.refresh()
        model = table.objects_model
        return {column.name: column.text(model.rows[0]) for column in COLUMNS}

    flat = np.count_nonzero(objects(hand))
    assert (texts()["area"], texts()["pixels"]) == (f"{flat * 0.125:.4g} µm²", f"{flat:,}")
    hand.widget.controller.objects.edit_again(1)
    hand.wait()
    hand.press(Qt.Key.Key_W, SHIFT)
    wait(hand)
    voxels = np.count_nonzero(objects(hand))
    assert voxels > 5 * flat
    assert (texts()["area"], texts()["pixels"]) == (f"{voxels * 0.375:.4g} µm³", f"{voxels:,}")
    shown = {column.name for number, column in enumerate(COLUMNS) if not table.isColumnHidden(number)}
    assert {"area", "pixels"} <= shown
    # The same in the table of measurements that is exported.
    hand.viewer.layers["Objects"].save(str(tmp_path / "tube.csv"), plugin="napari-iseg")
    with (tmp_path / "tube.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert float(row["volume_um3"]) == pytest.approx(voxels * 0.375)
    assert int(row["pixels"]) == voxels


def test_a_crash_costs_no_plane(hand: Hand) -> None:
    found = carried(hand)

    def is_kept() -> bool:
        kept = [read_autosave(path) for path in every_autosave()]
        planes = [sorted(map(int, item.facts["slices"]["planes"])) for one in kept for item in one.objects]
        return planes == [list(range(FIRST, LAST + 1))] and np.array_equal(kept[0].labels, found)

    hand.qtbot.waitUntil(is_kept, timeout=5000)


def test_suspicious_planes_are_listed_and_one_click_away(hand: Hand) -> None:
    carried(hand)
    layer = hand.layer("Objects")
    layer.data[9] = 0
    layer.data[9, 2:20, 2:20] = 1
    hand.widget.controller.project.finished.revision += 1
    hand.widget.slices.expand()
    hand.widget.slices.refresh()
    hand.qtbot.waitUntil(lambda: hand.widget.slices.list.count() > 0, timeout=20000)
    hand.qtbot.wait(300)
    texts = [hand.widget.slices.list.item(row).text() for row in range(hand.widget.slices.list.count())]
    assert any(text.startswith("Plane 9 ") for text in texts[:3])
    row = next(row for row, text in enumerate(texts) if text.startswith("Plane 9 "))
    hand.widget.slices.list.setCurrentRow(row)
    assert hand.viewer.dims.current_step[0] == 9


def test_objects_on_neighbouring_planes_are_merged_to_one(hand: Hand) -> None:
    for plane in (MIDDLE, MIDDLE + 1):
        click(hand, plane, 40, 50 + plane)
        hand.press(Qt.Key.Key_Q)
    assert sorted(np.unique(objects(hand))) == [0, 1, 2]
    before = objects(hand).copy()
    hand.widget.controller.objects.merge([1, 2])
    assert np.array_equal(objects(hand) == 1, before > 0)
    assert hand.widget.controller.finished[0].pixels == np.count_nonzero(before)
    hand.undo()
    assert np.array_equal(objects(hand), before)


def test_objects_are_shown_as_surfaces_in_their_place(hand: Hand) -> None:
    carried(hand)
    hand.widget.slices.surface_button.click()
    hand.qtbot.waitUntil(lambda: hand.viewer.dims.ndisplay == 3, timeout=20000)
    surface: Any = next(layer for layer in hand.viewer.layers if layer.name.startswith("Surfaces"))
    lowest, highest = surface.extent.world
    assert np.allclose(lowest, (3 * (FIRST - 0.5), 27.5, 40.5), atol=1.5)
    assert np.allclose(highest, (3 * (LAST + 0.5), 52.5, 74.5), atol=1.5)
    assert hand.viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].max() > 60
    assert [layer.name for layer in hand.viewer.layers if layer.visible] == [surface.name]
    # They go with the image.
    turned = np.array([[0.0, 0, 1, 5], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    image: Any = hand.viewer.layers[0]
    image.affine = turned
    assert np.array_equal(surface.affine, turned)
    image.affine = np.eye(4)
    assert hand.widget.slices.surface_button.text() == "Back to planes"
    assert hand.widget.slices.isVisibleTo(hand.widget)
    hand.widget.slices.surface_button.click()
    assert hand.viewer.dims.ndisplay == 2
    assert hand.layer("Objects").visible
    assert not surface.visible


def test_without_an_object_it_says_what_to_do(hand: Hand, notes: list[str]) -> None:
    assert not hand.widget.slices.way_buttons[2].isEnabled()
    hand.press(Qt.Key.Key_W, SHIFT)
    hand.wait_for_note(notes, "click one first")


def test_an_image_of_one_plane_has_no_such_panel(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    assert not hand.widget.slices.isVisibleTo(hand.widget)


@pytest.mark.parametrize("axes", ["TYX", "TZYX"])
def test_an_object_is_followed_through_a_movie_and_exported_as_one(
    open_hand: Callable[..., Hand], volume: np.ndarray, tmp_path: Path, axes: str
) -> None:
    movie = volume if axes == "TYX" else np.stack([volume[::-1], volume, volume[::-1]])
    meta = {"axes": axes, "TimeIncrement": 2.0, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(tmp_path / "movie.ome.tif", movie, metadata={**meta, "PhysicalSizeY": 0.5})
    hand = open_hand()
    hand.viewer.open(str(tmp_path / "movie.ome.tif"), plugin="napari-iseg")
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.wait()
    image = hand.viewer.layers[0]
    place = (MIDDLE,) if axes == "TYX" else (1, MIDDLE)
    hand.viewer.dims.set_current_step(tuple(range(len(place))), place)
    hand.qtbot.wait(50)
    hand.wait()
    hand.click_data(image, *place, 40, 50 + MIDDLE)
    hand.wait()
    assert hand.mask[place].any()
    hand.press(Qt.Key.Key_W, SHIFT)
    wait(hand)
    # Of a stack at each moment it goes through the stack; of a film through time.
    found = objects(hand) if axes == "TYX" else objects(hand)[1]
    assert dice(found == 1, tube()) > 0.95
    assert np.count_nonzero(objects(hand)) == np.count_nonzero(found)
    # Frames make no volume.
    row = hand.widget.objects.table.objects_model.rows[0]
    assert (row.size is None) == (axes == "TYX")
    hand.layer("Objects").save(str(tmp_path / "out.ome.tif"), plugin="napari-iseg")
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as tiff:
        assert tiff.series[0].axes == axes
        assert np.array_equal(tiff.asarray(), objects(hand))
