"""Surfaces: trimesh finds closed bodies of the right volume in the right place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from napari_iseg.errors import ExportError
from napari_iseg.io import LoadedImage
from napari_iseg.io.export_formats import export_labels
from napari_iseg.io.exported import ExportedLabels, ExportedObject

SPACING = (2.0, 0.5, 0.75)
RADIUS = 9.0
BALL = 4 / 3 * np.pi * RADIUS**3
MIDDLE = (7, 24, 19)


def ball_and_box() -> np.ndarray:
    z, y, x = (axis - middle for axis, middle in zip(np.ogrid[:15, :51, :61], MIDDLE, strict=True))
    labels = np.zeros((15, 51, 61), int)
    labels[(z * 2.0) ** 2 + (y * 0.5) ** 2 + (x * 0.75) ** 2 <= RADIUS**2] = 4
    labels[0:6, 0:20, 50:61] = 900
    return labels


def world(flip: bool) -> np.ndarray:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.75 if flip else 0.75, 0.5, 2.0])
    affine[:3, 3] = (12, -30, 101)
    return affine


@pytest.mark.parametrize("ending", [".stl", ".obj"])
def test_without_a_world_x_y_z_are_column_row_and_plane(ending: str, tmp_path: Path) -> None:
    labels = np.where(ball_and_box() == 4, 4, 0)
    written = export_labels(tmp_path / f"ball{ending}", ExportedLabels(labels, spacing=SPACING))
    mesh = trimesh.load_mesh(written)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx((labels > 0).sum() * np.prod(SPACING), rel=0.04)
    assert mesh.volume == pytest.approx(BALL, rel=0.04)
    np.testing.assert_allclose(mesh.center_mass, np.multiply(MIDDLE, SPACING)[::-1], atol=0.05)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
def test_surfaces_lie_in_the_image_s_world_and_face_outwards(flip: bool, smooth: bool, tmp_path: Path) -> None:
    affine = world(flip)
    like = LoadedImage(ball_and_box(), Path("head.nii.gz"), "nifti", spacing=SPACING, affine=affine)
    exported = ExportedLabels(ball_and_box(), like, objects={4: ExportedObject(4, "big ball")})
    folder = export_labels(tmp_path / "bodies", exported, format_name="obj-objects", smooth=smooth)
    assert {file.name for file in folder.glob("*.obj")} == {"big-ball_0004.obj", "object_0900.obj"}
    mesh = trimesh.load_mesh(folder / "big-ball_0004.obj")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(BALL, rel=0.05)
    there = affine @ (*MIDDLE[::-1], 1)
    np.testing.assert_allclose(mesh.center_mass, there[:3], atol=0.1)
    distances = np.linalg.norm(mesh.vertices - there[:3], axis=1)
    assert distances.min() > RADIUS - 2
    assert distances.max() < RADIUS + 1.2


def test_one_file_holds_every_object_by_name(tmp_path: Path) -> None:
    exported = ExportedLabels(ball_and_box(), spacing=SPACING, objects={4: ExportedObject(4, "ball")})
    written = export_labels(tmp_path / "all.obj", exported)
    scene = trimesh.load_scene(written, split_objects=True, group_material=False)
    found = {name: mesh.volume for name, mesh in scene.geometry.items()}
    assert set(found) == {"ball_4", "object_900"}
    assert found["ball_4"] == pytest.approx(BALL, rel=0.04)
    whole = trimesh.load_mesh(export_labels(tmp_path / "all.stl", exported))
    assert whole.volume == pytest.approx(sum(found.values()), rel=1e-3)
    assert len(whole.split()) == 2


def test_what_has_no_surface_is_told(tmp_path: Path) -> None:
    for labels, said in ((np.ones((5, 7), int), "needs a volume"), (np.zeros((3, 5, 7), int), "no object")):
        with pytest.raises(ExportError, match=said):
            export_labels(tmp_path / "x.stl", ExportedLabels(labels))
    assert not list(tmp_path.iterdir())
