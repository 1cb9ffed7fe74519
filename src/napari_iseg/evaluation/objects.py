"""A method on objects, one after the other, each in a session of its own."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_iseg.evaluation.prompt_kinds import LEVELS
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU, ObjectResult, evaluate_object
from napari_iseg.evaluation.simulated_finishing import SimulatedFinishing
from napari_iseg.evaluation.simulated_views import SimulatedViews
from napari_iseg.inference.answer_engine import asks_for_finished
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.planes import SquarePixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.dataset import DatasetObject
    from napari_iseg.zoo import MethodSpec

__all__ = ["evaluate_each", "evaluate_objects", "published_options"]

_THRESHOLD = 0.49

_log = logging.getLogger(__name__)


def evaluate_objects(
    predictor: Predictor,
    objects: Iterable[DatasetObject],
    *,
    prompt: PromptKind = "click",
    levels: Sequence[int] = LEVELS,
    max_clicks: int = MAX_CLICKS,
    target_iou: float = TARGET_IOU,
    best_proposals: bool = False,
    progress: Callable[[int, ObjectResult], None] | None = None,
) -> list[ObjectResult]:
    """Evaluate a predictor on objects, each in a session of its own.

    Parameters
    ----------
    predictor
        The method, loaded once for all.
    objects
        The objects.
    prompt, levels, max_clicks, target_iou, best_proposals
        As for :func:`evaluate_object`.
    progress
        Called after every object with the number done and the object's result.
    """
    results: list[ObjectResult] = []
    for result in evaluate_each(
        predictor,
        objects,
        prompt=prompt,
        levels=levels,
        max_clicks=max_clicks,
        target_iou=target_iou,
        best_proposals=best_proposals,
    ):
        results.append(result)
        if progress is not None:
            progress(len(results), result)
    return results


def evaluate_each(
    predictor: Predictor,
    objects: Iterable[DatasetObject],
    *,
    prompt: PromptKind = "click",
    levels: Sequence[int] = LEVELS,
    max_clicks: int = MAX_CLICKS,
    target_iou: float = TARGET_IOU,
    best_proposals: bool = False,
    views: SimulatedViews | None = None,
    finishing: SimulatedFinishing | None = None,
) -> Iterator[ObjectResult]:
    """Evaluate a predictor on objects and yield each result as it is there; who stops asking ends the work.

    Parameters
    ----------
    predictor, objects, prompt, levels, max_clicks, target_iou, best_proposals
        As for :func:`evaluate_objects`.
    views
        What the simulated user has on the screen; None for one who begins with these objects.
    finishing
        What the simulated user has finished before; None for one who begins with these objects.
    """
    encoded: EncodedImage | None = None
    views = views or SimulatedViews(getattr(predictor.options, "first_crop", "whole"))
    finishing = finishing or SimulatedFinishing(applies=asks_for_finished(predictor.options))
    for one in objects:
        result = ObjectResult(one.name, one.plane, one.object_id)
        square = SquarePixels.of((one.image.shape[0], one.image.shape[1]), one.pixel_size)
        asked = on_square_pixels(predictor, square)
        if encoded is None or not encoded.fits(one.image, asked):
            encoded = EncodedImage(one.image, asked)
        try:
            finished = finishing.before(one.name, one.plane)
            session = Session(one.image, encoded.predictor, encoded=encoded, finished=finished)
            evaluate_object(
                session,
                one.truth,
                prompt=prompt,
                levels=levels,
                max_clicks=max_clicks,
                target_iou=target_iou,
                best_proposals=best_proposals,
                view=partial(views.of, one.name, one.plane, one.object_id, one.truth == 1),
                start=one.start,
                alpha=one.alpha,
                result=result,
            )
            finishing.finish(one.name, one.plane, session.mask)
        except Exception as error:
            # Hours of evaluation must not be lost to one object; the log keeps the traceback, the report the sentence.
            _log.exception("The method failed on object %d of %r", one.object_id, one.name)
            result.error = f"{type(error).__name__}: {error}"
        yield result


def published_options(spec: MethodSpec) -> dict[str, Any]:
    """Return the options in which the published evaluations differ from a window.

    Parameters
    ----------
    spec
        The method.

    Returns
    -------
    dict
        ``threshold`` is 0.49; where the method has them, ``first_crop`` is ``"whole"``, the first click sees all of the
        image, and ``graph_cut``, ``split_off``, ``wide_clicks``, ``spare_finished``, ``brighten_cut``, ``brighten`` and
        ``mask_click`` are off: what counts is the network's own answer to the image as it is, and to the clicks as they
        are.
    """
    off = ("graph_cut", "split_off", "wide_clicks", "spare_finished", "brighten_cut", "brighten", "mask_click")
    own = {"first_crop": "whole", **dict.fromkeys(off, False)}
    return {"threshold": _THRESHOLD, **{name: value for name, value in own.items() if hasattr(spec.options, name)}}
