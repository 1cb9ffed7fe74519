"""Whether a new object may take pixels from finished ones: never, always, or as the user says each time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_iseg.interactions import Prompt
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["Guard", "Protection", "Question"]


class Protection(Enum):
    """What happens where a new object lies over finished ones; the values are the words of the window."""

    KEEP = "Keep"
    OVERWRITE = "Overwrite"
    ASK = "Ask"


@dataclass(frozen=True)
class Question:
    """What a user is asked before an object is accepted.

    Parameters
    ----------
    work
        The object.
    prompts
        Its prompts then; with others the question is void.
    pixels, objects
        How many pixels of how many finished objects it lies over.
    """

    work: PlaneWork
    prompts: tuple[Prompt, ...]
    pixels: int
    objects: int

    @property
    def words(self) -> str:
        """The question in a sentence."""
        whose = "a finished object" if self.objects == 1 else f"{self.objects} finished objects"
        return f"This lies over {whose} ({self.pixels:,} px)."


class Guard:
    """Decides by the rule, or asks.

    Attributes
    ----------
    rule
        What the user has chosen.
    """

    def __init__(self) -> None:
        self.rule = Protection.KEEP
        self._question: Question | None = None

    def question_on(self, work: PlaneWork | None) -> Question | None:
        """Return the question that is open for a work as it is now, or None."""
        asked = self._question
        return asked if asked is not None and asked.work is work and asked.prompts == work.prompts else None

    def dismiss(self) -> None:
        """Ask no longer; the object stays unfinished."""
        self._question = None

    def decide(self, project: Project, work: PlaneWork) -> bool | None:
        """Return whether the object may overwrite finished ones; None if the user is asked first.

        To accept once more while the question is open answers it with the safe choice: what is finished is kept.
        """
        already, self._question = self.question_on(work), None
        if self.rule is not Protection.ASK:
            return self.rule is Protection.OVERWRITE
        if already is not None or work.session is None or not project.layers.has_objects:
            return False
        layer, own = work.target or (project.layers.objects, 0)
        there = work.plane.take_labels(layer.data)[work.session.mask]
        covered = there[(there != 0) & (there != own)]
        if not len(covered):
            return False
        self._question = Question(work, work.prompts, len(covered), len(np.unique(covered)))
        return None
