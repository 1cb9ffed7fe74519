"""The label file that lies next to a session file, and the digest that tells whether a mask is the very same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import ending
from napari_iseg.io.images import read_image
from napari_iseg.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.exported import Tick
    from napari_iseg.io.loaded import LoadedImage
    from napari_iseg.io.session_file import SavedSession

__all__ = [
    "SESSION_ENDING",
    "labels_name",
    "mask_digest",
    "read_session_labels",
    "session_path",
    "write_session_labels",
]

SESSION_ENDING = ".iseg.json"


def session_path(path: str | Path) -> Path:
    """Return a session's file for a typed name or an image: ``cell.png`` to ``cell.iseg.json``.

    A name that ends in ``.json`` stays as it is.
    """
    file = Path(path)
    if file.name.lower().endswith(".json"):
        return file
    return file.with_name(file.name[: len(file.name) - len(ending(file))] + SESSION_ENDING)


def labels_name(session: Path, *, nifti: bool) -> str:
    """Return the name of the label file next to a session: NIfTI where the image is NIfTI, else TIFF."""
    stem = session.name
    for end in (SESSION_ENDING, ".json"):
        if stem.lower().endswith(end):
            stem = stem[: -len(end)]
            break
    return f"{stem}.labels{'.nii.gz' if nifti else '.tif'}"


def write_session_labels(
    session: Path,
    labels: NDArray[Any],
    like: LoadedImage | None = None,
    spacing: Sequence[float] | None = None,
    tick: Tick = no_tick,
) -> str:
    """Write the labels of a session next to it; the file appears whole or not at all.

    Parameters
    ----------
    session
        The session's own file.
    labels
        (grid of the image) labels, 0 where there is no object.
    like
        The image that they belong to, if it came from a file: a NIfTI image's labels are written as NIfTI.
    spacing
        Size of a pixel per axis.
    tick
        Is told 1 before the file appears; what it raises ends the writing.

    Returns
    -------
    str
        The name of the label file, to be told in the session.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    name = labels_name(session, nifti=like is not None and like.kind == "nifti")
    write_labels(session.with_name(name), labels, like, spacing, tick=tick)
    return name


def read_session_labels(path: str | Path, saved: SavedSession) -> NDArray[Any] | None:
    """Read the labels that lie next to a session file.

    Parameters
    ----------
    path
        The session file.
    saved
        What it says.

    Returns
    -------
    numpy.ndarray or None
        (grid of the image) unsigned labels; None if the session names no label file.

    Raises
    ------
    ImageError
        If the file that it names is missing, damaged, holds no labels or has another shape.
    """
    if saved.labels is None:
        return None
    # Only a name: a session that was sent by somebody must not point elsewhere.
    file = Path(path).with_name(Path(saved.labels).name)
    data = read_image(file).data
    if data.shape != saved.shape and data.size == int(np.prod(saved.shape)):
        # Readers leave axes of one plane out, or put them in.
        data = data.reshape(saved.shape)
    if data.shape != saved.shape:
        raise ImageError(
            f"{file} has the shape {data.shape} but the session's image has {saved.shape}; put the label file of this "
            "session back."
        )
    whole = np.asarray(data)
    if whole.dtype.kind == "f":
        whole = whole.astype(np.int64)
    if whole.dtype.kind not in "iub" or (whole.size and int(whole.min()) < 0):
        raise ImageError(f"{file} does not hold labels; put the label file of this session back.")
    return whole.astype(np.uint16 if not whole.size or int(whole.max()) < 2**16 else np.uint32, copy=False)


def mask_digest(mask: NDArray[np.bool_]) -> str:
    """Return the SHA-256, as hexadecimal digits, of a mask: of its box and of the bits in it.

    Parameters
    ----------
    mask
        (H, W) bool.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return hashlib.sha256(b"empty").hexdigest()
    box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    bits = np.packbits(mask[box[0] : box[1], box[2] : box[3]])
    return hashlib.sha256(",".join(map(str, box)).encode() + b":" + bits.tobytes()).hexdigest()
