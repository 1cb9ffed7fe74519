"""Follows one object through the planes of a layer, and notes what a replay needs to do the very same again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.io.session_slices import SliceMaking
from napari_iseg.planes.shapes import planes_around
from napari_iseg.ui._plane_view import full_data
from napari_iseg.ui._saved import plain_options
from napari_iseg.ui._square_pixels import square_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.propagation import Filling
    from napari_iseg.ui._loading import Loaded
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.ui._plane_work import PlaneWork
    from napari_iseg.ui._project import Project
    from napari_iseg.ui._slice_filling import Found

__all__ = ["SliceTracking"]


class SliceTracking:
    """What fills planes of one object.

    Parameters
    ----------
    project
        The work on the image.
    work
        The work on the plane that is shown: planes are cut as that one is.
    axis
        The planes follow one another along it.
    loaded
        The method that corrects each plane, None where it is not loaded.
    choice
        Which method that is.
    refine
        Whether it does.
    """

    def __init__(
        self,
        project: Project,
        work: PlaneWork,
        axis: int,
        loaded: Loaded | None,
        choice: MethodChoice,
        refine: bool,
    ) -> None:
        # Imported late: it brings torch.
        from napari_iseg.inference.propagation import Propagation, Tracker

        data, look, plane = full_data(project.image), project.look, work.plane
        square = square_pixels(project.image, plane) if loaded is not None else None
        size = plane.pixel_size([abs(float(value)) for value in project.image.scale])
        self._options = Propagation(refine=refine and loaded is not None)
        self._tracker = Tracker(
            lambda position: look.rgb(plane.at(axis, position).take(data)),
            on_square_pixels(loaded.predictor, square) if loaded is not None else None,
            self._options,
            pixel_size=size,
        )
        self._moment = project.finished.tick()
        self._pixel_size = (float(size[0]), float(size[1]))
        self._facts = {**look.facts(), **(square.facts() if square is not None else {})}
        self._choice = choice if self._options.refine else None
        self._predictor = loaded.predictor if loaded is not None else None

    def carried(self, start: int, mask: NDArray[np.bool_], positions: range) -> Iterator[Found]:
        """Follow the object away from one plane until it ends; in any thread."""
        making = self._making({start: mask})
        for found in self._tracker.propagate(start, mask, positions):
            yield found, making

    def between(self, known: Mapping[int, NDArray[np.bool_]], gaps: Sequence[tuple[int, int]]) -> Iterator[Found]:
        """Fill the planes between two that are known, for each of some gaps; in any thread."""
        filling = self._tracker.best_filling(known) if gaps else "method"
        for gap in gaps:
            around = {position: known[position] for position in planes_around(known, gap)}
            making = self._making(around, filling)
            for found in self._tracker.interpolate(around, range(gap[0] + 1, gap[1]), filling=filling):
                yield found, making

    def _making(self, known: Mapping[int, NDArray[np.bool_]], filling: Filling = "method") -> SliceMaking:
        start = {position: mask_digest(mask) for position, mask in known.items()}
        made = SliceMaking(
            moment=self._moment,
            start=start,
            register=self._options.register,
            least_confidence=self._options.least_confidence,
            pixel_size=self._pixel_size,
            facts=self._facts,
            edges=filling == "edges",
        )
        if self._choice is None or self._predictor is None or filling != "method":
            return made
        options = self._predictor.options
        return replace(
            made,
            method=self._choice.method,
            weights=self._choice.weights_in_use,
            options=plain_options(options),
            threshold=options.threshold,
        )
