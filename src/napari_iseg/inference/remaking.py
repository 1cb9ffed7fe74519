"""Answer the prompts of saved objects again, exactly as they were answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.mask_refinement import MaskRefinement
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.finished_pixels import finished_of_facts
from napari_iseg.planes import PlaneLook, SquarePixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress

__all__ = ["remake", "remembering"]


def remembering(load: Callable[[SavedObject], Predictor]) -> Callable[[SavedObject], Predictor]:
    """Return what loads the predictor of an object, each method with its weights and options once."""
    predictors: dict[Any, Predictor] = {}

    def remembered(item: SavedObject) -> Predictor:
        key = _key(item)
        if key not in predictors:
            predictors[key] = load(item)
        return predictors[key]

    return remembered


def remake(
    objects: Iterable[SavedObject],
    data: Any,
    load: Callable[[SavedObject], Predictor],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[SavedObject, Session | IsegError]]:
    """Give every object's prompts again, one object after the other.

    Parameters
    ----------
    objects
        With prompts.
    data
        The image's array, colours included.
    load
        Returns the predictor of an object: its method, weights and options. Asked once for each of these.
    cancelled
        Asked between two objects; the rest is left out.

    Yields
    ------
    tuple
        The object, and its session with the answer or why there is none.
    """
    planes: dict[tuple[PlaneAddress, PlaneLook], NDArray[np.uint8]] = {}
    load = remembering(load)
    encoded: dict[tuple[Any, SquarePixels | None], EncodedImage] = {}
    for item in objects:
        if cancelled():
            return
        try:
            predictor = load(item)
            seen = (item.plane, PlaneLook.of_facts(item.facts))
            if seen not in planes:
                # Planes come one after the other; of earlier ones nothing is needed any more.
                planes, encoded = {seen: seen[1].rgb(item.plane.take(data))}, {}
            image = planes[seen]
            square = SquarePixels.of_facts(item.facts, (image.shape[0], image.shape[1]))
            predictor = on_square_pixels(predictor, square)
            encoding = encoded.setdefault((_key(item), square), EncodedImage(image, predictor))
            finished = finished_of_facts(item.facts, (image.shape[0], image.shape[1]))
            session = Session(image, predictor, encoded=encoding, finished=finished)
            session.threshold = item.threshold
            session.refinement = MaskRefinement.of_facts(item.facts)
            session.resume(item.prompts, item.answered)
            session.compute()
        except IsegError as error:
            yield item, error
        else:
            yield item, session


def _key(item: SavedObject) -> Any:
    return item.method, item.weights, tuple(sorted(item.options.items()))
