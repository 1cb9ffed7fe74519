"""OAI-ZIB (Ambellan et al. 2019): bones and cartilages of the knee, as slices or as volumes.

The slices that SimpleClick and its descendants evaluate on lie in ``test/image`` and ``test/annotations``; volumes, as
later releases have them (and the Medical Decathlon and nnU-Net with them), in ``imagesTr`` and ``labelsTr``, and in
``imagesTs`` and ``labelsTs`` where the references of the test cases are public.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from napari_iseg.io.dataset import image_files
from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.published.entries import Entry, Layout, first_channel, paired

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OAIZIB"]

_PARTS = {"train": False, "test": True}
_VOLUMES = {"Tr": False, "Ts": True}
_CHANNEL = re.compile(r"_\d{4}$")


def _slices(path: Path) -> dict[str, bool]:
    return {part: held for part, held in _PARTS.items() if (path / part / "annotations").is_dir()}


def _volumes(path: Path) -> dict[str, bool]:
    return {part: held for part, held in _VOLUMES.items() if (path / f"labels{part}").is_dir()}


def _entries(path: Path, _: str) -> list[Entry]:
    # The test part is held back; where there is a training part only, the names decide.
    entries = []
    slices, volumes = _slices(path), _volumes(path)
    for part, held in slices.items():
        folder = path / part
        # The published evaluation has a test part only, which nothing should be trained on.
        fixed = held if len(slices) > 1 or held else None
        entries += paired(folder / "image", folder / "annotations", first_channel, held_back=fixed)
    for part, held in volumes.items():
        images, references = image_files(path / f"images{part}"), image_files(path / f"labels{part}")
        cases = {name: _CHANNEL.sub("", name) for name in images}
        for name, image in images.items():
            reference = references.get(cases[name], path / f"labels{part}" / f"{cases[name]}.nii.gz")
            held_back = held if len(volumes) > 1 else in_held_back(cases[name])
            entries.append(Entry(name, image, reference, partial(_read, reference), held_back))
        for name in references.keys() - set(cases.values()):
            missing = path / f"images{part}" / f"{name}.nii.gz"
            entries.append(Entry(name, missing, references[name], partial(_read, references[name]), in_held_back(name)))
    return entries


def _read(file: Path) -> list[NDArray[np.integer]]:
    return [first_channel(file)]


OAIZIB = Layout(
    name="oaizib",
    files="the folders test/image and test/annotations, or imagesTr and labelsTr",
    recognise=lambda path: bool(_slices(path) or _volumes(path)),
    entries=_entries,
)
