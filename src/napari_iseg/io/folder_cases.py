"""A case of a published set as one image: BraTS' modalities, or those of the Decathlon and OAI-ZIB, as channels."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.files import ending
from napari_iseg.io.itk_files import read_itk
from napari_iseg.io.nifti_files import read_nifti
from napari_iseg.io.several import Choice
from napari_iseg.io.shown import Channel, Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_iseg.io.loaded import LoadedImage

__all__ = ["case_choices"]

_VOLUMES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
_MODALITY = re.compile(r"^(?P<case>.+)[_-](?P<kind>flair|t1|t1ce|t2|t1n|t1c|t2w|t2f|seg)$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?P<case>.+)_(?P<kind>\d{4})$")
_ORDER = ("flair", "t2f", "t1", "t1n", "t1ce", "t1c", "t2", "t2w")


def case_choices(folder: Path) -> list[Choice]:
    """List the cases of a folder, empty if it is laid out in none of these ways.

    - BraTS: ``<case>_flair``, ``_t1``, ``_t1ce``, ``_t2`` and perhaps ``_seg``, in the folder or in one for each case.
    - OAI-ZIB, Decathlon, nnU-Net: ``imagesTr`` and ``labelsTr`` (``Ts``), perhaps with ``_0000`` for each modality.
    """
    found = _brats(folder)
    if not found:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            found += _brats(inner)
    return found or _numbered(folder)


def _brats(folder: Path) -> list[Choice]:
    cases: dict[str, dict[str, Path]] = defaultdict(dict)
    for file in _volumes(folder):
        match = _MODALITY.match(_stem(file))
        if match:
            cases[match["case"]][match["kind"].lower()] = file
    choices = []
    for case, files in sorted(cases.items()):
        images = {kind: files[kind] for kind in _ORDER if kind in files}
        # One modality alone is an image as any other.
        if len(images) > 1:
            choices.append(_choice(case, images, files.get("seg")))
    return choices


def _numbered(folder: Path) -> list[Choice]:
    choices = []
    for part in ("Tr", "Ts"):
        images, labels = folder / f"images{part}", folder / f"labels{part}"
        if not images.is_dir():
            continue
        references = {_stem(file): file for file in _volumes(labels)} if labels.is_dir() else {}
        cases: dict[str, dict[str, Path]] = defaultdict(dict)
        for file in _volumes(images):
            match = _NUMBERED.match(_stem(file))
            case, kind = (match["case"], match["kind"]) if match else (_stem(file), "")
            cases[case][kind] = file
        choices += [_choice(case, files, references.get(case)) for case, files in sorted(cases.items())]
    return choices


def _choice(case: str, images: Mapping[str, Path], reference: Path | None) -> Choice:
    kinds = ", ".join(kind for kind in images if kind)
    words = [f"modalities {kinds}"] if kinds else []
    words += ["with labels"] if reference is not None else []
    return Choice(
        name=case,
        shape=(),
        dtype="volume",
        description=", ".join(words),
        open=lambda _lazy: _read(case, images, reference),
    )


def _read(case: str, images: Mapping[str, Path], reference: Path | None) -> LoadedImage:
    volumes = {kind: _volume(file) for kind, file in images.items()}
    first = next(iter(volumes.values()))
    for kind, volume in volumes.items():
        if volume.data.shape != first.data.shape:
            raise ImageError(
                f"The modalities of {case} lie on different grids: {first.source.name} has {first.data.shape}, "
                f"{kind} has {volume.data.shape}; open their files one by one."
            )
    parts: tuple[LoadedImage, ...] = ()
    if reference is not None:
        labels = _volume(reference)
        if labels.data.shape == first.data.shape:
            whole = labels.data.astype(np.int32) if labels.data.dtype.kind == "f" else labels.data
            parts = (replace(labels, data=whole, shown=Shown(name=f"{case} labels", labels=True)),)
    shown = replace(first.shown, name=case, axes="zyx", parts=parts)
    if len(volumes) == 1:
        return replace(first, shown=shown)
    return replace(
        first,
        data=np.stack([volume.data for volume in volumes.values()]),
        spacing=(1.0, *first.spacing),
        source_files=tuple(images.values()),
        shown=replace(shown, axes="czyx", channels=tuple(Channel(name=f"{case} {kind}") for kind in volumes)),
    )


def _volume(file: Path) -> LoadedImage:
    return read_nifti(file) if ending(file).startswith(".nii") else read_itk(file)


def _volumes(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and not file.name.startswith(".") and ending(file) in _VOLUMES
    )


def _stem(file: Path) -> str:
    return file.name[: -len(ending(file))]
