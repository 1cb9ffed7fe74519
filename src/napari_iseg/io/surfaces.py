"""Surfaces of objects as STL or OBJ, in the world of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import ending, replacing, replacing_folder
from napari_iseg.io.png_planes import is_exported_folder, write_folder_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["surface_of", "write_object_surfaces", "write_surfaces"]

# Rounds of Taubin's smoothing, which keeps the volume: enough to hide the steps between thick slices.
_ROUNDS = 10


def surface_of(mask: NDArray[np.bool_], to_world: NDArray[np.float64], *, smooth: bool = False) -> Any:
    """Return the surface of a mask.

    Parameters
    ----------
    mask
        (planes, rows, columns) bool, not empty.
    to_world
        4 x 4, from (plane, row, column) to (x, y, z) of the world.
    smooth
        Whether to take the steps of the voxels away; volumes stay within a few percent.

    Returns
    -------
    trimesh.Trimesh
        A closed surface whose normals point outwards, with vertices in the world.
    """
    import trimesh
    from skimage.measure import marching_cubes

    vertices, faces, _, _ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5, allow_degenerate=False)
    placed = (vertices - 1) @ to_world[:3, :3].T + to_world[:3, 3]
    surface: Any = trimesh.Trimesh(placed, faces, process=True)
    if smooth:
        smoothing: Any = trimesh.smoothing
        smoothing.filter_taubin(surface, iterations=_ROUNDS)
    if surface.volume < 0:
        # A mirrored world turns the triangles inside out.
        surface.invert()
    return surface


def write_surfaces(path: Path, exported: ExportedLabels, tick: Tick = no_tick, *, smooth: bool = False) -> Path:
    """Write the surfaces of all objects into one file, which appears whole or not at all.

    Coordinates are millimetres of the RAS+ world (right, anterior, superior) where the image has one, as NIfTI counts;
    else x, y, z = column, row, plane times the spacing.

    Parameters
    ----------
    path
        Ends in ``.stl`` or ``.obj``; an OBJ tells the objects apart by name.
    exported
        Labels of a volume.
    tick
        Is told the part that is done.
    smooth
        Whether to take the steps of the voxels away.

    Raises
    ------
    ExportError
        If the labels are no volume or hold no object, or the file cannot be written.
    """
    import trimesh

    surfaces = _surfaces(exported, tick, smooth=smooth)
    kind = ending(path).lstrip(".")
    if kind == "obj":
        scene = trimesh.Scene()
        for label, surface in surfaces.items():
            name = exported.about(label).name.replace(" ", "_")
            scene.add_geometry(surface, node_name=name, geom_name=name)
        made: str | bytes = _obj(scene)
    else:
        together: Any = trimesh.util.concatenate(list(surfaces.values()))
        made = together.export(file_type="stl")
    with replacing(path) as temporary:
        _write(temporary, made)
    return path


def write_object_surfaces(
    path: Path, exported: ExportedLabels, tick: Tick = no_tick, *, kind: str = "stl", smooth: bool = False
) -> Path:
    """Write the surface of every object into a file of its own (``nucleus_0007.stl``), in a folder.

    Parameters
    ----------
    path
        The folder; it appears whole or not at all.
    exported, tick, smooth
        As for :func:`write_surfaces`.
    kind
        ``"stl"`` or ``"obj"``.

    Raises
    ------
    ExportError
        If the labels are no volume or hold no object, or the folder holds other files or cannot be written.
    """
    surfaces = _surfaces(exported, tick, smooth=smooth)
    names = []
    with replacing_folder(path, is_exported_folder) as folder:
        for label, surface in surfaces.items():
            names.append(f"{_plain(exported.about(label).class_name)}_{label:04}.{kind}")
            _write(folder / names[-1], surface.export(file_type=kind))
        write_folder_file(folder, names, exported)
    return path


def _surfaces(exported: ExportedLabels, tick: Tick, *, smooth: bool) -> dict[int, Any]:
    from scipy import ndimage

    labels = exported.labels
    if labels.ndim != 3 or exported.space != 3:
        raise ExportError(
            f"A surface needs a volume of planes, rows and columns; labels of the shape {labels.shape} are none, so "
            "export a label image."
        )
    present = exported.present()
    if not present:
        raise ExportError("There is no object to make a surface of.")
    numbered = np.searchsorted([0, *present], labels)
    to_world, made = _to_world(exported), {}
    for number, (label, box) in enumerate(zip(present, ndimage.find_objects(numbered), strict=True)):
        shifted = to_world.copy()
        shifted[:3, 3] += to_world[:3, :3] @ [side.start for side in box]
        made[label] = surface_of(labels[box] == label, shifted, smooth=smooth)
        tick((number + 1) / (len(present) + 1))
    return made


def _to_world(exported: ExportedLabels) -> NDArray[np.float64]:
    """Return the 4 x 4 from (plane, row, column) to (x, y, z) of the world."""
    affine = exported.like.affine if exported.like is not None else None
    if affine is None:
        affine = np.diag([*exported.sizes[::-1], 1.0])
    return np.asarray(affine[:, [2, 1, 0, 3]], dtype=float)


def _obj(scene: Any) -> str:
    """Return one OBJ text with an ``o`` line per object; vertices are counted through the whole file."""
    lines, before = ["# napari-iseg"], 0
    for name, surface in scene.geometry.items():
        lines.append(f"o {name}")
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in surface.vertices]
        lines += [f"f {a} {b} {c}" for a, b, c in surface.faces + 1 + before]
        before += len(surface.vertices)
    return "\n".join(lines) + "\n"


def _write(file: Path, made: str | bytes) -> None:
    if isinstance(made, str):
        file.write_text(made, encoding="utf-8")
    else:
        file.write_bytes(made)


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name) or "object"
