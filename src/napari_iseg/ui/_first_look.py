"""Where the method looks at the first prompt of an object: what is on the screen, or what earlier objects suggest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.inference.first_view import prior_view, square_view
from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.ui._square_pixels import aspect_of

if TYPE_CHECKING:
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["VIEWED", "FirstLook", "first_view", "sizes_of_class", "visible_box", "with_view"]

VIEWED = ("view", "size-prior")
"""The values of the option ``first_crop`` with which the first prompt carries a view."""

# Of these objects, the latest of their class, the sizes are looked up: thousands need not be.
_LATEST = 25


@dataclass
class FirstLook:
    """What the user set of the first look at one image; nothing of it, to begin with.

    Parameters
    ----------
    side
        Of the square that is looked at, in pixels; None leaves it to the method's option.
    whole
        Whether the whole plane is looked at, whatever the rest says.
    """

    side: float | None = None
    whole: bool = False


def with_view(prompt: Prompt, project: Project, work: PlaneWork, first_crop: str, class_name: str) -> Prompt:
    """Return an object's first prompt with the view that it was given in; any other prompt as it is.

    While the answer that finishes ``work`` is awaited the first prompt is that of the object after it.

    Parameters
    ----------
    prompt
        About to be given to ``work``.
    project
        The image, with its finished objects.
    work
        The unfinished object.
    first_crop
        The method's option of that name; empty if it has none.
    class_name
        Of the object.
    """
    given = work.next_clicks if work.accept_on_answer else work.prompts
    if first_crop not in VIEWED or given or not isinstance(prompt, Click | Scribble):
        return prompt
    return replace(prompt, view=first_view(prompt, project, work, first_crop, class_name))


def first_view(
    prompt: Click | Scribble, project: Project, work: PlaneWork, first_crop: str, class_name: str
) -> Box | None:
    """Return where the method looks if this is an object's first prompt; None for the whole plane.

    Parameters
    ----------
    prompt, project, work, first_crop, class_name
        As for :func:`with_view`.
    """
    look = project.first_look
    if look.whole:
        return None
    if look.side is not None:
        middle, extent = _middle(prompt)
        return square_view(middle, max(look.side, extent), work.shape, aspect_of(project.image, work.plane))
    view = None
    if first_crop == "size-prior" and isinstance(prompt, Click):
        aspect = aspect_of(project.image, work.plane)
        view = prior_view(prompt, sizes_of_class(project, class_name), work.shape, aspect)
    return view or visible_box(project.image, work.plane)


def _middle(prompt: Click | Scribble) -> tuple[tuple[float, float], float]:
    """Return the middle of a prompt, (row, column), and its longer side in pixels."""
    places = np.array([(prompt.row, prompt.column)] if isinstance(prompt, Click) else prompt.points, float)
    row, column = (places.min(axis=0) + places.max(axis=0)) / 2
    return (float(row), float(column)), float(np.ptp(places, axis=0).max())


def visible_box(image: Any, plane: PlaneAddress) -> Box | None:
    """Return the part of a plane that is on the screen, in pixels of the full resolution; None if that is nothing."""
    factors = image.downsample_factors[image.data_level] if image.multiscale else np.ones(image.ndim)
    first, last = (np.asarray(corner, float)[: image.ndim] * factors[: image.ndim] for corner in image.corner_pixels)
    axes = [plane.rows, plane.columns]
    start, stop = first[axes], last[axes] + factors[axes]
    if not (stop > start).all():
        return None
    return Box((float(start[0]), float(start[1])), (float(stop[0]), float(stop[1])))


def sizes_of_class(project: Project, class_name: str) -> list[float]:
    """Return the longer side of each of the latest finished objects of a class, in pixels (the shorter side of one)."""
    found = [r for r in project.finished.records if r.class_name == class_name and r.indices and r.indices[0].size]
    return [_longer_side(project, record) for record in found[-_LATEST:]]


def _longer_side(project: Project, record: FinishedObject) -> float:
    axes = (record.plane.rows, record.plane.columns)
    sizes = zip(axes, aspect_of(project.image, record.plane), strict=True)
    return max(float(np.ptp(record.indices[axis]) + 1) * size for axis, size in sizes)
