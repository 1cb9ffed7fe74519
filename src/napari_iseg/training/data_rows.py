"""What a run was trained on, set by set: how much there is, how much is held back, and under which terms."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.datasets import PACK, kinds_of_labels, layout_of, open_dataset
from napari_iseg.io.stated_licence import stated_licence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_iseg.training.data import Picture
    from napari_iseg.training.data_recipe import DataRecipe

__all__ = ["GENERATED", "DataRow", "data_rows", "images_of"]

GENERATED = "procedural"
"""The name that recipes give to the generated images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """One set that a run draws from.

    Parameters
    ----------
    name
        Of its folder; :data:`GENERATED` for generated images.
    planes, objects
        That are trained on; None for generated ones, which have no end.
    share
        How often it is drawn, in [0, 1].
    held_back
        The names of the images that were held back.
    images
        How many there are; a volume is one image.
    licence
        As its source states it.
    """

    name: str
    planes: int | None
    objects: int | None
    share: float
    held_back: tuple[str, ...]
    images: int
    licence: str


def data_rows(
    folders: Sequence[Path], pictures: Mapping[str, Sequence[Picture]], recipe: DataRecipe, *, layout: str | None = None
) -> list[DataRow]:
    """Return what there is to say of a run's data, the sets drawn most often first.

    Parameters
    ----------
    folders
        As they were given to :func:`napari_iseg.training.data.load_pictures`.
    pictures
        What that returned.
    recipe
        How often each is drawn.
    layout
        Forces a layout on all folders that are no packs; None recognises each.
    """
    held_back: defaultdict[str, list[str]] = defaultdict(list)
    images: Counter[str] = Counter()
    places: dict[str, Path] = {}
    for path in map(Path, folders):
        for (name, image), held in images_of(path, None if path.is_file() else layout).items():
            held_back[name] += [image.removeprefix(f"{name}/")] if held else []
            images[name] += 1
            places.setdefault(name, path)
    rows = []
    for name, share in recipe.shares(pictures).items():
        planes = pictures.get(name)
        if planes is None:
            rows.append(_generated(share))
            continue
        rows.append(
            DataRow(
                name=name,
                # Several kinds of references of one plane share its image.
                planes=len({plane.rgb.__array_interface__["data"][0] for plane in planes}),
                objects=sum(len(plane.boxes) for plane in planes),
                share=share,
                held_back=tuple(sorted(held_back[name])),
                images=images[name],
                licence=stated_licence(places[name], name) if name in places else "",
            )
        )
    return sorted(rows, key=lambda row: -row.share)


def _generated(share: float) -> DataRow:
    licence = "this project's own images"
    return DataRow(name=GENERATED, planes=None, objects=None, share=share, held_back=(), images=0, licence=licence)


def images_of(path: Path, layout: str | None = None) -> dict[tuple[str, str], bool]:
    """Return which images of a folder are held back from training.

    Parameters
    ----------
    path
        A folder with images and labels, a published data set, or a pack, which holds several sets.
    layout
        Forces a layout; None recognises it.

    Returns
    -------
    dict
        (set, name of the image) to whether it is held back.
    """
    packed = layout_of(path, layout) == PACK
    found: dict[tuple[str, str], bool] = {}
    for kind in kinds_of_labels(path, layout=layout):
        try:
            opened = open_dataset(path, layout=layout, labels=kind, bad_input=BadInput())
        except ImageError:
            # Loading has told of it already.
            continue
        for name in opened.names:
            place = name.partition("/")[0] if packed else path.name
            found[place, name] = opened.is_held_back(name)
    return found
