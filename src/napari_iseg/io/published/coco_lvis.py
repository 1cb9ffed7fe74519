"""COCO+LVIS as RITM combined them (Sofiiuk et al. 2022): instances with their parts, in layers.

``train/hannotation.pickle`` maps the name of an image to the number of its instances and their hierarchy,
``train/images`` holds the images of LVIS and ``train/masks/<name>.pickle`` a pair: layers as PNG files in memory, and
for each mask its layer and its value there. Masks after the instances are stuff (sky, grass), which is left out, as
RITM's evaluations have it.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.entries import Entry, Layout
from napari_iseg.io.published.pickles import read_annotation_pickle

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["COCO_LVIS"]

_LIST = "hannotation.pickle"
_PARTS = {"train": False, "val": True}


def _parts(path: Path) -> dict[str, bool]:
    return {part: held for part, held in _PARTS.items() if (path / part / _LIST).is_file()}


def _entries(path: Path, _: str) -> list[Entry]:
    """``val`` is held back; where there is no ``val``, the names decide."""
    parts = _parts(path)
    entries = []
    for part, held in parts.items():
        listed = read_annotation_pickle(path / part / _LIST)
        try:
            instances = {str(name): int(about["num_instance_masks"]) for name, about in listed.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ImageError(
                f"{path / part / _LIST} does not say num_instance_masks for each image; fetch RITM's file again."
            ) from error
        for name, count in sorted(instances.items()):
            masks = path / part / "masks" / f"{name}.pickle"
            held_back = held if len(parts) > 1 or held else in_held_back(name)
            image = path / part / "images" / f"{name}.jpg"
            entries.append(Entry(name, image, masks, partial(_read, masks, count), held_back))
    return entries


def _read(file: Path, instances: int) -> list[NDArray[np.int32]]:
    """Return the layers; an instance's number is its place in the list of masks, from 1."""
    packed = read_annotation_pickle(file)
    try:
        encoded, mapping = packed
        layers = [_decoded(layer) for layer in encoded]
        places = [(int(layer), int(value)) for layer, value in mapping[:instances]]
        # A table from a layer's values to numbers: what is no instance, and so not in it, becomes background.
        tables = np.zeros((len(layers), 256), np.int32)
        for number, (layer, value) in enumerate(places, start=1):
            tables[layer, value] = number
        numbered = [table[layer] for table, layer in zip(tables, layers, strict=True)]
    # A pair of another form fails in as many ways as it can be another.
    except (AttributeError, IndexError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise ImageError(f"{file} does not hold the layers and masks of RITM's annotation; fetch it again.") from error
    return [layer for layer in numbered if layer.any()] or numbered[:1]


def _decoded(layer: Any) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(io.BytesIO(np.asarray(layer, dtype=np.uint8).tobytes())) as image:
        return np.array(image.convert("L"))


COCO_LVIS = Layout(
    name="coco-lvis",
    files=f"train/{_LIST} with train/images and train/masks",
    recognise=lambda path: bool(_parts(path)),
    entries=_entries,
)
