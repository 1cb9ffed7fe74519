"""The files that ``napari-iseg segment`` writes: refused before the work where they cannot be, written after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import ExportError, PromptError
from napari_iseg.zoo import METHODS, find_method

if TYPE_CHECKING:
    from napari_iseg.inference.session import Session
    from napari_iseg.io import LoadedImage
    from napari_iseg.planes import PlaneAddress

__all__ = ["Outputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where the answer goes.

    Parameters
    ----------
    labels
        The label file.
    probability, alpha
        Files for the probabilities and the alpha matte, or None.
    proposals
        Folder for the proposals, or None.
    """

    labels: Path
    probability: Path | None = None
    proposals: Path | None = None
    alpha: Path | None = None

    def check(self, method: str, *, choosing: bool) -> None:
        """Refuse before the work what could not be written after it.

        Parameters
        ----------
        method
            Name of the method.
        choosing
            Whether one of its proposals is to be chosen.

        Raises
        ------
        ExportError
            If an ending does not fit, a folder is missing, or the method does not give what is to be written.
        PromptError
            If a proposal is to be chosen of a method that gives none.
        UnknownNameError
            If there is no such method.
        """
        from napari_iseg.io import LABEL_ENDINGS

        spec = find_method(method)
        if choosing and not spec.proposals:
            raise PromptError(f"The method {method!r} gives no proposals to choose from; {_advice('proposals')}.")
        if self.proposals is not None and not spec.proposals:
            raise ExportError(f"The method {method!r} gives no proposals; {_advice('proposals')}.")
        if self.alpha is not None and not spec.alpha:
            raise ExportError(f"The method {method!r} gives no alpha matte; {_advice('alpha')}.")
        name = self.labels.name
        if not name.lower().endswith(LABEL_ENDINGS):
            raise ExportError(f"{name} is no label file; choose one of {', '.join(LABEL_ENDINGS)} as its ending.")
        if self.probability is not None and self.probability.suffix.lower() != ".npy":
            raise ExportError(
                f"Probabilities are written as NumPy arrays; give {self.probability.name} the ending .npy."
            )
        if self.alpha is not None and self.alpha.suffix.lower() not in (".tif", ".tiff"):
            raise ExportError(f"An alpha matte is written as TIFF; give {self.alpha.name} the ending .tif.")
        for file in (self.labels, self.probability, self.alpha, self.proposals):
            if file is not None and not file.resolve().parent.is_dir():
                raise ExportError(f"There is no folder {file.resolve().parent} to write {file.name} in; make it first.")
        if self.proposals is not None and self.proposals.exists() and not self.proposals.is_dir():
            raise ExportError(f"{self.proposals} is a file; name a folder for the proposals.")

    def write(self, session: Session, loaded: LoadedImage, address: PlaneAddress) -> None:
        """Write the present answer of a session.

        Parameters
        ----------
        session
            It has an answer.
        loaded, address
            The image and the plane that the session is of.

        Raises
        ------
        ExportError
            If the answer has no proposals or no alpha matte although they are asked for, or a file cannot be written.
            Nothing is written where something asked for is not there.
        """
        from napari_iseg.io import write_alpha, write_labels, write_probability

        pixel = address.pixel_size(loaded.spacing)
        alpha = session.alpha
        if self.alpha is not None and alpha is None:
            raise ExportError("There is no alpha matte of this answer; leave out --alpha, or see the method's options.")
        if self.proposals is not None and not session.proposals:
            raise ExportError("These prompts gave no proposals; leave out --proposals, or give fewer prompts.")
        if self.labels.suffix.lower() == ".png":
            write_labels(self.labels, session.mask, spacing=pixel)
        else:
            write_labels(self.labels, _on_grid(session.mask, loaded, address), like=loaded)
        if self.probability is not None:
            write_probability(self.probability, session.probability)
        if self.alpha is not None and alpha is not None:
            write_alpha(self.alpha, alpha, loaded, pixel)
        if self.proposals is not None:
            _write_proposals(self.proposals, session)


def _write_proposals(folder: Path, session: Session) -> None:
    from napari_iseg.io import ProposedMask, write_proposals

    masks = []
    for one in session.proposals:
        box = (one.box.row_start, one.box.column_start, one.box.row_stop, one.box.column_stop)
        mask = one.render(session.shape) > session.threshold
        masks.append(ProposedMask(mask=mask, score=one.score, box=box, label=one.label))
    write_proposals(folder, masks, session.chosen)


def _on_grid(found: np.ndarray, loaded: LoadedImage, address: PlaneAddress) -> np.ndarray:
    """Return labels on the image's grid, 0 but for the object on its plane."""
    labels = np.zeros(loaded.grid_shape, np.uint8)
    address.put(labels, found.astype(np.uint8))
    return labels


def _advice(ability: str) -> str:
    able = [spec.name for spec in METHODS.values() if getattr(spec, ability)]
    return f"take {' or '.join(able)}" if able else "leave that out"
