"""Proposals in a folder: one PNG each, and a table that says which is which."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ExportError
from napari_iseg.io.files import replacing
from napari_iseg.io.json_file import write_json_object
from napari_iseg.io.raster_files import write_png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PROPOSALS_FILE", "ProposedMask", "write_proposals"]

PROPOSALS_FILE = "proposals.json"
"""Name of the table in the folder."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProposedMask:
    """One candidate mask of a plane.

    Parameters
    ----------
    mask
        (H, W) bool.
    score
        How sure the method is of it, in [0, 1].
    box
        (row_start, column_start, row_stop, column_stop), half-open, in pixels of the plane.
    label
        A word for it ("part", "whole"), or nothing.
    """

    mask: NDArray[np.bool_] = field(repr=False)
    score: float
    box: tuple[int, int, int, int]
    label: str = ""


def write_proposals(folder: str | Path, proposals: Sequence[ProposedMask], chosen: int | None = None) -> Path:
    """Write each proposal as ``proposal-N.png`` (0 and 255) and the table ``proposals.json``.

    The table is ``{"shape": [rows, columns], "proposals": [{"file", "score", "box", "area", "chosen"}, ...]}`` in the
    order given; ``box`` is [row_start, column_start, row_stop, column_stop], half-open, ``area`` counts pixels, and a
    proposal with a word for it has a ``label``. The table is written last, so that it never names what is not there;
    images of an earlier, longer list stay in the folder, and the table does not name them.

    Parameters
    ----------
    folder
        It is made if its parent is there.
    proposals
        At least one, most likely first, all of one shape.
    chosen
        Index of the one that is the answer; None where none is.

    Returns
    -------
    pathlib.Path
        The table.

    Raises
    ------
    ExportError
        If there is none, or the folder or a file in it cannot be written.
    """
    if not proposals:
        raise ExportError("There are no proposals to write; leave out the folder for them.")
    home = Path(folder)
    try:
        home.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise ExportError(f"The folder {home} cannot be made ({reason}); choose another one.") from error
    entries: list[dict[str, Any]] = []
    digits = len(str(len(proposals) - 1))
    for number, proposal in enumerate(proposals):
        name = f"proposal-{number:0{digits}}.png"
        with replacing(home / name) as temporary:
            write_png(temporary, np.where(proposal.mask, 255, 0).astype(np.uint8))
        entry = {
            "file": name,
            "score": float(proposal.score),
            "box": [int(side) for side in proposal.box],
            "area": int(np.count_nonzero(proposal.mask)),
            "chosen": number == chosen,
        }
        entries.append({**entry, "label": proposal.label} if proposal.label else entry)
    table = home / PROPOSALS_FILE
    write_json_object(table, {"shape": list(proposals[0].mask.shape), "proposals": entries})
    return table
