"""The field of view: what the first click of an object will look at, and how the user makes it larger or smaller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iseg.errors import PromptError
from napari_iseg.inference.first_view import ENOUGH_OBJECTS, prior_side, square_view
from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.interactions.prompts import with_replaced
from napari_iseg.ui._first_look import VIEWED, first_view, sizes_of_class, visible_box
from napari_iseg.ui._square_pixels import aspect_of

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["FieldOfView"]

_STEP = 1.15
_LEAST_SIDE = 32.0


class FieldOfView:
    """Tells and sets where the method looks at an object's first prompt.

    Parameters
    ----------
    controller
        Whose image, method and prompts.

    Attributes
    ----------
    changed
        The user set another size.
    """

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        # Looking through the pixels of earlier objects at every movement of the mouse would be slow.
        self._known: tuple[Any, float | None] = (None, None)
        self._crop: tuple[Any, str] = (None, "")

    @property
    def first_crop(self) -> str:
        """The chosen method's option of that name; empty if it has none."""
        choice = self._controller.answering.choice
        if self._crop[0] is not choice:
            self._crop = (choice, str(getattr(choice.options, "first_crop", "")))
        return self._crop[1]

    @property
    def can_be_set(self) -> bool:
        """Whether the method looks at one part of the plane, which the user can choose."""
        return self._controller.project is not None and self.first_crop in VIEWED

    @property
    def whole(self) -> bool:
        """Whether the next first click looks at the whole plane."""
        project = self._controller.project
        return self.first_crop == "whole" or (project is not None and self.can_be_set and project.first_look.whole)

    @property
    def follows_mouse(self) -> bool:
        """Whether the part lies about the mouse rather than being what is on the screen."""
        project = self._controller.project
        return project is not None and not self.whole and self.can_be_set and self._side(project) is not None

    def box(self, place: tuple[float, float] | None) -> Box | None:
        """Return what a first click would look at.

        Parameters
        ----------
        place
            (row, column) of the mouse on the plane; None if it is elsewhere.

        Returns
        -------
        Box or None
            Clipped to the plane; None where it follows the mouse and that is elsewhere, or cannot be told.
        """
        project, work = self._controller.project, self._controller.work
        if project is None or work is None or self.first_crop not in (*VIEWED, "whole"):
            return None
        if self.whole:
            return _clipped(None, work)
        side = self._side(project)
        if side is None:
            view = visible_box(project.image, work.plane)
            return None if view is None else _clipped(view, work)
        if place is None:
            return None
        return _clipped(square_view(place, side, work.shape, aspect_of(project.image, work.plane)), work)

    @property
    def size(self) -> tuple[float, float] | None:
        """(rows, columns) of what a first click would look at, in pixels; None where that cannot be told."""
        work = self._controller.work
        box = self.box((work.shape[0] / 2, work.shape[1] / 2)) if work is not None else None
        return (box.stop[0] - box.start[0], box.stop[1] - box.start[1]) if box is not None else None

    def taken(self) -> Box | None:
        """Return what the present object's first prompt looks at, while it is the only one; else None."""
        work = self._controller.work
        if work is None or len(work.prompts) != 1 or self.first_crop not in (*VIEWED, "whole"):
            return None
        first = work.prompts[0]
        if not isinstance(first, Click | Scribble):
            return None
        return _clipped(first.view if self.first_crop in VIEWED else None, work)

    def resize(self, steps: float) -> None:
        """Make it larger (positive) or smaller, for the next objects of this image.

        Parameters
        ----------
        steps
            Notches of the mouse wheel; each is a seventh.

        Raises
        ------
        PromptError
            If the method looks at no part of the plane that could be chosen.
        """
        project, work, size = self._controller.project, self._controller.work, self.size
        if project is None or work is None or size is None or not self.can_be_set:
            raise PromptError(self.why_not)
        aspect = aspect_of(project.image, work.plane)
        longest = max(length * unit for length, unit in zip(work.shape, aspect, strict=True))
        side = max(length * unit for length, unit in zip(size, aspect, strict=True)) * _STEP**steps
        project.first_look.whole = side >= longest
        project.first_look.side = None if side >= longest else max(side, min(_LEAST_SIDE, longest))
        self._tell()

    def set_whole(self, *, whole: bool) -> None:
        """Look at the whole plane from now on, or again at what the option of the method says.

        The present object's first prompt is answered anew, as a step that undo takes back.

        Raises
        ------
        PromptError
            If the method looks at no part of the plane that could be chosen.
        """
        project = self._controller.project
        if project is None or not self.can_be_set:
            raise PromptError(self.why_not)
        project.first_look.whole, project.first_look.side = whole, None
        self._ask_again(project)
        self._tell()

    @property
    def why_not(self) -> str:
        """Why it cannot be set."""
        if self._controller.work is None:
            return "There is no image plane to look at; open an image first."
        if self.first_crop == "multi-scale":
            return "The method answers a first click from several crops; set its option 'first crop' to choose one."
        if self.first_crop == "whole":
            return "The method's option 'first crop' is 'whole'; set it to 'view' or 'size-prior' to choose a part."
        return "This method always looks at the whole image."

    def _ask_again(self, project: Project) -> None:
        work = self._controller.work
        if work is None or not work.prompts or work.accept_on_answer:
            return
        first = work.prompts[0]
        if not isinstance(first, Click | Scribble):
            return
        view = first_view(first, project, work, self.first_crop, self._class(work))
        if view != first.view:
            self._controller.change(with_replaced(work.prompts, 0, replace(first, view=view)), work)

    def _class(self, work: PlaneWork) -> str:
        return work.class_name or self._controller.classes.current

    def _side(self, project: Project) -> float | None:
        """Return the side of the square about the mouse; None where it is what is on the screen."""
        if project.first_look.side is not None:
            return project.first_look.side
        work = self._controller.work
        if self.first_crop != "size-prior" or work is None:
            return None
        key = (project, project.finished.revision, self._class(work))
        if self._known[0] != key:
            sizes = sizes_of_class(project, key[2])
            self._known = (key, prior_side(sizes) if len(sizes) >= ENOUGH_OBJECTS else None)
        return self._known[1]

    def _tell(self) -> None:
        self.changed.emit()


def _clipped(view: Box | None, work: PlaneWork) -> Box | None:
    """Return the part of a view that lies on the plane; of None the whole plane; None where nothing does."""
    rows, columns = work.shape
    if view is None:
        return Box((0.0, 0.0), (float(rows), float(columns)))
    start = (max(view.start[0], 0.0), max(view.start[1], 0.0))
    stop = (min(view.stop[0], float(rows)), min(view.stop[1], float(columns)))
    return Box(start, stop) if start[0] < stop[0] and start[1] < stop[1] else None
