"""Where the method looks at the first prompt of an object: what is on the screen, or what earlier objects suggest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.interactions import Box, Click, Scribble

if TYPE_CHECKING:
    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project

__all__ = ["visible_box", "with_view"]

# Of these objects, the latest of their class, the sizes are looked up: thousands need not be.
_LATEST = 25


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
    if first_crop not in ("view", "size-prior") or given or not isinstance(prompt, Click | Scribble):
        return prompt
    view = None
    if first_crop == "size-prior" and isinstance(prompt, Click):
        from napari_iseg.inference.first_crop import prior_view

        view = prior_view(prompt, _sizes(project, class_name), work.shape)
    return replace(prompt, view=view or visible_box(project.image, work.plane))


def visible_box(image: Any, plane: PlaneAddress) -> Box | None:
    """Return the part of a plane that is on the screen, in pixels of the full resolution; None if that is nothing."""
    factors = image.downsample_factors[image.data_level] if image.multiscale else np.ones(image.ndim)
    first, last = (np.asarray(corner, float)[: image.ndim] * factors[: image.ndim] for corner in image.corner_pixels)
    axes = [plane.rows, plane.columns]
    start, stop = first[axes], last[axes] + factors[axes]
    if not (stop > start).all():
        return None
    return Box((float(start[0]), float(start[1])), (float(stop[0]), float(stop[1])))


def _sizes(project: Project, class_name: str) -> list[float]:
    """Return the longer side of each of the latest finished objects of a class, in pixels."""
    found = [r for r in project.finished.records if r.class_name == class_name and r.indices and r.indices[0].size]
    return [
        float(max(np.ptp(record.indices[axis]) + 1 for axis in (record.plane.rows, record.plane.columns)))
        for record in found[-_LATEST:]
    ]
