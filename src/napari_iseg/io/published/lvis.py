"""LVIS (Gupta et al. 2019) and COCO (Lin et al. 2014): one JSON file of annotations for all images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.json_file import read_json_object
from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.coco_masks import decode_mask, in_layers
from napari_iseg.io.published.entries import Entry, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["LVIS"]

# As LVIS, RITM (which moved LVIS's files into folders train and val) and COCO name their files. Only the first family
# that is there is read: LVIS lies beside COCO and calls images of COCO's training part its validation.
_FAMILIES = (
    {"train": "lvis_v1_train.json", "val": "lvis_v1_val.json"},
    {"train": "lvis_v0.5_train.json", "val": "lvis_v0.5_val.json"},
    {"train": "train/lvis_train.json", "val": "val/lvis_val.json"},
    {"train": "instances_train*.json", "val": "instances_val*.json"},
)


def _lists(path: Path) -> list[tuple[str, Path]]:
    for family in _FAMILIES:
        found = [
            (part, file)
            for part, pattern in family.items()
            for folder in (path, path / "annotations")
            for file in sorted(folder.glob(pattern))
        ]
        if found:
            return found
    return []


def _entries(path: Path, _: str) -> list[Entry]:
    # What a list of validation images has is held back; where there is none, the names decide.
    lists = _lists(path)
    parts = {part for part, _ in lists}
    entries: list[Entry] = []
    for part, file in lists:
        try:
            entries += _listed(path, file, None if parts == {"train"} else part == "val")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ImageError(
                f"{file} is not of the form of LVIS or COCO, with images and annotations; fetch it again."
            ) from error
    return entries


def _listed(path: Path, file: Path, held_back: bool | None) -> Iterator[Entry]:
    values = read_json_object(file, ImageError)
    of_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in values["annotations"]:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    for image in values["images"]:
        found = of_image.get(image["id"])
        # An image on which nothing is annotated is no bad file here: LVIS lists them for its negative categories.
        if found:
            place = _place(path, image)
            shape = (int(image["height"]), int(image["width"]))
            held = in_held_back(place.stem) if held_back is None else held_back
            yield Entry(place.stem, place, file, partial(_read, file, place.stem, found, shape), held)


def _place(path: Path, image: dict[str, Any]) -> Path:
    """Return where an image lies: in its folder of COCO, or in ``train/images`` or ``val/images`` as with RITM."""
    parts = Path(str(image.get("coco_url") or image["file_name"])).parts
    name, folder = parts[-1], parts[-2] if len(parts) > 1 else ""
    part = "val" if "val" in folder else "train"
    tried = [path / folder / name, path / part / "images" / name, path / "images" / name]
    if not folder:
        tried += [place for split in ("train", "val") for place in sorted(path.glob(f"{split}20*/{name}"))]
    return next((place for place in tried if place.is_file()), tried[0])


def _read(file: Path, name: str, annotations: list[dict[str, Any]], shape: tuple[int, int]) -> list[NDArray[np.int32]]:
    """Return layers of objects; a crowd, which COCO does not tell apart, is ignored."""
    masks: list[NDArray[np.bool_]] = []
    ignored = np.zeros(shape, bool)
    try:
        for annotation in annotations:
            mask = decode_mask(annotation["segmentation"], shape)
            if annotation.get("iscrowd"):
                ignored |= mask
            else:
                masks.append(mask)
    except (IndexError, KeyError, TypeError, ValueError, UnicodeEncodeError) as error:
        raise ImageError(f"{file} has a mask of {name!r} that cannot be read ({error}); fetch it again.") from error
    return in_layers(masks, ignored)


LVIS = Layout(
    name="lvis",
    files="lvis_v1_train.json, lvis_v1_val.json or COCO's instances_*.json, here or in annotations/, beside train2017/",
    recognise=lambda path: bool(_lists(path)),
    entries=_entries,
)
