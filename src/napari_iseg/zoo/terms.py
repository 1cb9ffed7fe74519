"""Under which terms a weights file stands that has no known name: told from the names of its tensors.

Nothing is unpickled and no tensor is read, so that this is quick and safe for any file, and needs no torch.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from napari_iseg.zoo.known_weights import MAE_TERMS, SEGFORMER_TERMS
from napari_iseg.zoo.weights_folder import stated_terms

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["Terms", "terms_in", "terms_of_names"]

# The names of a released file's tensors take less; what is longer is no such file or was made to take time.
_LONGEST_PICKLE = 2_000_000
# Before torch 1.6 a file held a number, a version and the machine's properties, and the weights as its fourth pickle.
_OLD_PICKLES = 4


class Terms(NamedTuple):
    """Under which terms weights stand.

    Attributes
    ----------
    licence
        Of the code and the weights.
    non_commercial
        Whether some part of the licence forbids commercial use.
    """

    licence: str
    non_commercial: bool


# Names that every released state dict of a network holds, and the terms under which its weights were released. The
# first that fits counts.
_RECOGNISED = (
    # SimpleClick, CFR-ICL and AdaptiveClick.
    (("patch_embed_coords.proj.weight", "backbone.pos_embed"), Terms(MAE_TERMS, True)),
    (
        ("refiner.image_conv1.conv.weight", "feature_extractor.backbone.patch_embed1.proj.weight"),
        Terms(SEGFORMER_TERMS, True),
    ),
    # FocalClick on HRNet, then RITM.
    (("refiner.image_conv1.conv.weight", "feature_extractor.transition1.0.0.weight"), Terms("Apache-2.0", False)),
    (("maps_transform.3.scale", "feature_extractor.transition1.0.0.weight"), Terms("MIT", False)),
)


def terms_of_names(names: Collection[str]) -> Terms | None:
    """Return the terms of the released network whose tensors have these names, None if it is none that is known."""
    return next((terms for marks, terms in _RECOGNISED if all(mark in names for mark in marks)), None)


def terms_in(path: Path) -> Terms | None:
    """Return the terms of a weights file.

    Parameters
    ----------
    path
        A released ``.pth``, known by its tensors' names, or a safetensors file of ours, which states its own terms.

    Returns
    -------
    Terms or None
        None for a file that is missing or unreadable, or of which nothing is known, as of weights of one's own.
    """
    if path.suffix == ".safetensors":
        stated = stated_terms(path)
        return Terms(*stated) if stated is not None else None
    try:
        if zipfile.is_zipfile(path):
            return terms_of_names(_names_in_archive(path))
        with path.open("rb") as file:
            return terms_of_names(_names_in_old_file(file))
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        # Reading it for its weights will say what is wrong with it.
        return None


def _names_in_archive(path: Path) -> set[str]:
    names: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            if entry.rsplit("/", 1)[-1] == "data.pkl":
                with archive.open(entry) as file:
                    names |= _texts(io.BytesIO(file.read(_LONGEST_PICKLE)))
    return names


def _names_in_old_file(file: BinaryIO) -> set[str]:
    start = io.BytesIO(file.read(_LONGEST_PICKLE))
    return set().union(*(_texts(start) for _ in range(_OLD_PICKLES)))


def _texts(pickle: BinaryIO) -> set[str]:
    """Return the texts in a pickle as far as it can be read, operation by operation; it is never executed."""
    texts = set()
    try:
        for _, argument, _ in pickletools.genops(pickle):
            if isinstance(argument, str):
                texts.add(argument)
    except ValueError:
        # Cut short, or no pickle.
        pass
    return texts
