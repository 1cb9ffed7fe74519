"""What napari calls to open a file; no napari in here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.io.files import ending
from napari_iseg.io.images import read_image
from napari_iseg.io.nifti_files import is_label_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["get_reader", "read_layers"]

LayerData = tuple[Any, dict[str, Any], str]

# PNG and TIFF stay with napari's own reader, so that nobody is asked which one to take.
_OURS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return what reads a path for napari, or None if the path is not for this reader.

    Parameters
    ----------
    path
        One path, or several that napari wants as one stack, which this reader leaves to others.
    """
    paths = _paths(path)
    return read_layers if len(paths) == 1 and ending(paths[0]) in _OURS else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read files as napari layers, with scale and with the source in the metadata.

    Integer NIfTI files whose header says "label" become Labels layers, everything else Image layers.

    Returns
    -------
    list of tuple
        (data, attributes, layer type), where ``metadata["napari_iseg"]`` holds ``"source"`` (the path) and ``"image"``
        (the :class:`~napari_iseg.io.LoadedImage`, whose grid an export takes over).

    Raises
    ------
    ImageError
        If a file cannot be read.
    """
    return [_layer(file) for file in _paths(path)]


def _layer(file: Path) -> LayerData:
    loaded = read_image(file)
    name = file.name[: -len(ending(file))]
    attributes: dict[str, Any] = {
        "name": name,
        "scale": loaded.scale,
        "metadata": {"napari_iseg": {"source": str(file), "image": loaded}},
    }
    if is_label_image(loaded):
        return loaded.data, attributes, "labels"
    return loaded.data, {**attributes, "rgb": loaded.rgb}, "image"


def _paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str | Path) else [Path(item) for item in path]
