"""Volumes where their files place them: turned and oblique ones meet in 3-D, and planes are worked on as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from napari_iseg.ui._world_view import toggle_world_view, world_affine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hand

ZOOMS = np.array([0.8, 1.1, 2.5])
SHAPE = (23, 17, 9)
COS, SIN = np.cos(0.6), np.sin(0.6)
SHEARED = np.eye(3)
SHEARED[0, 1] = 0.3
TURNS = {
    "upright": np.eye(3),
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "permuted": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "oblique": np.array([[COS, -SIN, 0], [SIN, COS, 0], [0, 0, 1]])
    @ np.array([[1, 0, 0], [0, COS, -SIN], [0, SIN, COS]]),
    "sheared": SHEARED,
}
MIDDLE = (4, 8, 11)


def affine_of(turn: str) -> np.ndarray:
    whole = np.eye(4)
    whole[:3, :3] = TURNS[turn] * ZOOMS
    whole[:3, 3] = (-31.5, 12.25, 80)
    return whole


def written(folder: Path, turn: str, ending: str = ".nii") -> Path:
    values = np.full(SHAPE, 20, np.int16)
    values[6:17, 4:13, 2:7] = 200
    file = folder / f"{turn}.nii"
    nib.save(nib.Nifti1Image(values, affine_of(turn)), file)
    if ending != ".nii":
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(file)), str(file.with_suffix(ending)))
    return file.with_suffix(ending)


def opened(hand: Hand, file: Path) -> Any:
    (layer,) = hand.viewer.open(file, plugin="napari-iseg")
    hand.qtbot.wait(100)
    return layer


def place(layer: Any, voxel: tuple[int, int, int]) -> np.ndarray:
    """Return (R, A, S) where a voxel (i, j, k) of a volume lies in the window."""
    return np.asarray(layer.data_to_world((0,) * (layer.ndim - 3) + voxel[::-1]))[-3:][::-1]


@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
@pytest.mark.parametrize("turn", TURNS)
def test_every_voxel_lies_where_the_file_says(
    open_hand: Callable[..., Hand], tmp_path: Path, turn: str, ending: str
) -> None:
    if (turn, ending) == ("sheared", ".nrrd"):
        pytest.skip("ITK writes no sheared images")
    hand = open_hand()
    layer = opened(hand, written(tmp_path, turn, ending))
    along = np.array(layer.data_to_world((1, 2, 3)))
    toggle_world_view(hand.viewer)
    assert hand.viewer.dims.ndisplay == 3
    for voxel in [(0, 0, 0), (22, 16, 8), (7, 0, 3)]:
        wanted = nib.affines.apply_affine(affine_of(turn), voxel)
        np.testing.assert_allclose(place(layer, voxel), wanted, atol=2e-3)
    hand.qtbot.wait(200)
    toggle_world_view(hand.viewer)
    assert hand.viewer.dims.ndisplay == 2
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), along)


def test_two_series_of_one_head_meet_and_their_planes_come_back(open_hand: Callable[..., Hand], tmp_path: Path) -> None:
    hand = open_hand()
    first, second = (opened(hand, written(tmp_path, turn)) for turn in ("permuted", "oblique"))
    hand.viewer.dims.set_current_step(0, 3)
    hand.qtbot.wait(100)
    point, centre, zoom = hand.viewer.dims.point, hand.viewer.scene.camera.center, hand.viewer.scene.camera.zoom
    toggle_world_view(hand.viewer)
    hand.qtbot.wait(300)
    # Where voxel (3, 4, 5) of the one lies, the other has what its own file has there.
    there = nib.affines.apply_affine(np.linalg.inv(affine_of("oblique")) @ affine_of("permuted"), (3, 4, 5))
    seen = np.asarray(second.world_to_data(first.data_to_world((5, 4, 3))))[::-1]
    np.testing.assert_allclose(seen, there, atol=1e-3)
    # A volume that is opened now comes along the next time.
    third = opened(hand, written(tmp_path, "flipped"))
    toggle_world_view(hand.viewer)
    np.testing.assert_allclose(
        place(third, (1, 2, 3)), nib.affines.apply_affine(affine_of("flipped"), (1, 2, 3)), atol=1e-3
    )
    # napari's own button goes back as well.
    hand.viewer.dims.ndisplay = 2
    hand.qtbot.wait(300)
    assert all(np.array_equal(layer.affine, np.eye(4)) for layer in (first, second, third))
    # To the step: the third volume moved where napari's sliders count from.
    np.testing.assert_allclose(hand.viewer.dims.point, point, atol=1.0)
    np.testing.assert_allclose(hand.viewer.scene.camera.center, centre)
    assert hand.viewer.scene.camera.zoom == zoom


@pytest.mark.parametrize("turn", ["permuted", "oblique"])
def test_work_goes_on_where_it_was(open_hand: Callable[..., Hand], tmp_path: Path, turn: str) -> None:
    hand = open_hand()
    image = opened(hand, written(tmp_path, turn))
    hand.viewer.dims.set_point(0, image.data_to_world(MIDDLE)[0])
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.click_data(image, *MIDDLE)
    hand.wait()
    begun = hand.mask.copy()
    assert 70 < begun.sum() <= 11 * 9
    toggle_world_view(hand.viewer)
    hand.qtbot.wait(300)
    assert len(hand.viewer.layers) > 2
    for layer in hand.viewer.layers:
        np.testing.assert_allclose(layer.data_to_world(MIDDLE), image.data_to_world(MIDDLE), atol=1e-6)
    hand.viewer.dims.ndisplay = 2
    hand.qtbot.wait(300)
    assert np.array_equal(hand.mask, begun)
    hand.click_data(image, MIDDLE[0], 0, 0)
    hand.wait()
    assert hand.mask[MIDDLE[0], 0, 0]
    hand.undo()
    hand.wait()
    assert np.array_equal(hand.mask, begun)


def test_what_has_no_place_is_told_and_what_the_user_turned_stays(
    open_hand: Callable[..., Hand], tmp_path: Path
) -> None:
    hand = open_hand(np.zeros((5, 40, 50), np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        told: list[str] = []
        patch.setattr("napari_iseg.ui._world_view.show_error", told.append)
        toggle_world_view(hand.viewer)
    assert "No layer here has a place in the world" in told[0]
    assert hand.viewer.dims.ndisplay == 2
    layer = opened(hand, written(tmp_path, "oblique"))
    mine = np.diag([1.0, 2, 2, 1])
    layer.affine = mine
    toggle_world_view(hand.viewer)
    assert np.array_equal(layer.affine, mine)
    assert world_affine(hand.viewer.layers[0]) is None
    hand.viewer.dims.ndisplay = 2
    assert np.array_equal(layer.affine, mine)


def test_it_is_in_the_menu(open_hand: Callable[..., Hand], tmp_path: Path) -> None:
    hand = open_hand()
    layer = opened(hand, written(tmp_path, "flipped"))
    menu = hand.viewer.window.layers_menu
    menu.aboutToShow.emit()
    actions = {action.text(): action for part in menu.actions() if part.menu() for action in part.menu().actions()}
    (name,) = (text for text in actions if "Volumes where their files place them" in text)
    actions[name].trigger()
    hand.qtbot.wait(200)
    assert hand.viewer.dims.ndisplay == 3
    assert not np.array_equal(layer.affine, np.eye(4))
