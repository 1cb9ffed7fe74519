"""Sample images: real ones that scikit-image and nibabel bring along, with references that this project drew.

Nothing is downloaded. What belongs to a sample stands in ``sample_data/NAME.json``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.interactions import Click
from napari_iseg.io.images import read_image
from napari_iseg.io.sample_files import read_facts
from napari_iseg.zoo.bundled import bundled_folder

if TYPE_CHECKING:
    import numpy as np

    from napari_iseg.io.loaded import LoadedImage

__all__ = ["Sample", "described_samples", "find_sample", "open_cell", "open_gland", "open_head", "sample_names"]

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample image.

    Parameters
    ----------
    name, title
        Its short name, and one line about it.
    path
        The image file, inside the library that brings it.
    licence, source
        Of the image, as the library states them.
    spacing
        Size of a pixel per axis in ``unit``, where it is known but the file does not say it.
    unit
        ``"um"``, ``"mm"``, or None where nothing is known.
    clicks
        Clicks on the sample's object, most telling first; empty where no object is described.
    outline
        The object's outline, (row, column) points in pixels; empty where no object is described.
    """

    name: str
    title: str
    path: Path
    licence: str
    source: str
    spacing: tuple[float, ...] | None
    unit: str | None
    clicks: tuple[Click, ...]
    outline: tuple[tuple[float, float], ...]

    def read(self) -> LoadedImage:
        """Return the image with its spacing; of a file with several volumes, the first."""
        loaded = read_image(self.path)
        if loaded.data.ndim == 4:
            loaded = replace(loaded, data=loaded.data[0], spacing=loaded.spacing[1:])
        if self.spacing is not None:
            loaded = replace(loaded, spacing=self.spacing, units=self.unit)
        return loaded

    def reference(self) -> np.ndarray:
        """Return the mask of the object, (H, W) bool, as drawn by this project.

        Raises
        ------
        ImageError
            If no object of this sample was drawn.
        """
        from skimage.draw import polygon2mask

        if not self.outline:
            raise ImageError(f"The sample {self.name!r} has no reference; use 'cell' or 'gland'.")
        mask: np.ndarray = polygon2mask(self.read().grid_shape, self.outline)
        return mask


def sample_names() -> list[str]:
    """Return the names of all samples; those that are not in :func:`described_samples` are stacks."""
    return sorted(path.stem for path in bundled_folder("sample_data").glob("*.json"))


def described_samples() -> list[str]:
    """Return the names of the samples that a library brings, which :func:`find_sample` knows."""
    return [name for name in sample_names() if "package" in read_facts(name)]


def find_sample(name: str) -> Sample:
    """Return a sample by its name.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the message names close matches.
    ImageError
        If the library that brings the image does not have it, or has another one.
    """
    if name not in described_samples():
        raise UnknownNameError("sample", name, described_samples())
    facts = read_facts(name)
    thing = facts["object"] or {"clicks": [], "outline": []}
    return Sample(
        name=name,
        title=facts["title"],
        path=_find_file(name, facts["package"], facts["file"], facts["sha256"]),
        licence=facts["licence"],
        source=facts["source"],
        spacing=tuple(facts["spacing"]) if facts["spacing"] else None,
        unit=facts["unit"],
        clicks=tuple(Click(**click) for click in thing["clicks"]),
        outline=tuple((row, column) for row, column in thing["outline"]),
    )


def open_cell() -> list[LayerData]:
    """Return the sample ``cell`` as napari layer data."""
    return _open("cell")


def open_gland() -> list[LayerData]:
    """Return the sample ``gland`` as napari layer data."""
    return _open("gland")


def open_head() -> list[LayerData]:
    """Return the sample ``head`` as napari layer data."""
    return _open("head")


def _open(name: str) -> list[LayerData]:
    loaded = find_sample(name).read()
    attributes = {
        "name": name,
        "scale": loaded.scale,
        "rgb": loaded.rgb,
        "metadata": {"napari_iseg": {"source": str(loaded.source), "image": loaded}},
    }
    return [(loaded.data, attributes, "image")]


def _find_file(name: str, package: str, file: str, sha256: str) -> Path:
    """Return the path of a library's data file, checked, without importing the library."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ImageError(
            f"The image of the sample {name!r} is not in the installed {package}; install {package} again."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ImageError(
            f"The installed {package} has another image for the sample {name!r}; open an image of your own."
        )
    return path
