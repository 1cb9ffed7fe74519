"""The objects on which an evaluation went worst, done once more for a person to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_iseg.evaluation.protocol import ObjectResult, evaluate_object
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.datasets import open_dataset
from napari_iseg.planes import SquarePixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_iseg.evaluation.report import Report
    from napari_iseg.interactions import Prompt
    from napari_iseg.io.labelled_images import DatasetObject

__all__ = ["Failure", "replay", "worst_results"]

# No IoU reaches it, so that as many prompts are given as there were.
_NEVER_ENOUGH = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """One object with what a method made of it.

    Parameters
    ----------
    result
        What the evaluation recorded.
    shown
        The object.
    mask
        (H, W) bool: the answer at the end.
    prompts
        What was given, in order.
    """

    result: ObjectResult
    shown: DatasetObject
    mask: NDArray[np.bool_]
    prompts: tuple[Prompt, ...]


def worst_results(results: Sequence[ObjectResult], count: int = 6) -> list[ObjectResult]:
    """Return the objects with the lowest IoU at the end, of the same IoU those with the most prompts first.

    An object on which the method failed with an error counts as 0.
    """
    return sorted(results, key=lambda one: (_last_iou(one), -len(one.ious)))[:count]


def replay(report: Report, results: Sequence[ObjectResult]) -> list[Failure]:
    """Give some objects of an evaluation the same prompts again, and keep the answers.

    Parameters
    ----------
    report
        Of :func:`napari_iseg.evaluation.evaluate_folder`, whose settings say what was evaluated.
    results
        Some of its objects.

    Raises
    ------
    IsegError
        If the method or the data cannot be opened any more.
    """
    given = report.settings
    folder = open_dataset(given["data"], layout=given["layout"], labels=given["labels"], split=given["split"])
    predictor = make_predictor(
        given["method"], weights=given["weights"], device=given["device"], options=given["options"]
    )
    found = []
    for result in results:
        shown = folder.find_object(result.name, result.object_id)
        square = SquarePixels.of((shown.image.shape[0], shown.image.shape[1]), shown.pixel_size)
        session = Session(shown.image, on_square_pixels(predictor, square))
        if result.ious:
            # The simulated user does the same again; it stops before what failed with an error.
            evaluate_object(
                session,
                shown.truth,
                max_clicks=len(result.ious),
                target_iou=_NEVER_ENOUGH,
                best_proposals=given["proposals"] == "best",
                prompt=report.prompt,
                start=shown.start,
                alpha=shown.alpha,
                levels=report.levels[: len(result.ious)],
                result=ObjectResult(result.name, result.plane, result.object_id),
            )
        found.append(Failure(result, shown, session.mask, session.prompts))
    return found


def _last_iou(result: ObjectResult) -> float:
    return 0.0 if result.error is not None or not result.ious else result.ious[-1]
