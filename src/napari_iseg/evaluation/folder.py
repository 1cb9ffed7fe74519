"""A method on the objects of a dataset folder."""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_iseg import __version__
from napari_iseg.errors import ImageError, OptionError
from napari_iseg.evaluation.prompt_kinds import LEVELS, check_prompt, chosen_levels, references_for
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU, ObjectResult, evaluate_object
from napari_iseg.evaluation.report import Report
from napari_iseg.evaluation.simulated_views import SimulatedViews
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.datasets import layout_of, open_dataset
from napari_iseg.planes import SquarePixels
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.dataset import DatasetObject, Split
    from napari_iseg.zoo import MethodSpec

__all__ = ["evaluate_folder", "evaluate_objects", "published_options"]

_THRESHOLD = 0.49

_log = logging.getLogger(__name__)


def evaluate_folder(
    method: str,
    data: str | Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    labels: str = "labels",
    layout: str | None = None,
    split: Split = "all",
    limit: int | None = None,
    per_image: int | None = None,
    min_pixels: int = 1,
    prompt: PromptKind = "click",
    level: int | None = None,
    max_clicks: int = MAX_CLICKS,
    target_iou: float = TARGET_IOU,
    best_proposals: bool = False,
    bad_input: BadInput | None = None,
    progress: Callable[[int, int, ObjectResult], None] | None = None,
) -> Report:
    """Evaluate a method on a dataset folder.

    Parameters
    ----------
    method, weights, device, options
        As for :func:`napari_iseg.make_predictor`, except that, unless ``options`` say otherwise, the threshold is 0.49
        and the first click sees the whole image (``first_crop``), as in the published evaluations.
    data, labels, layout, split
        As for :func:`napari_iseg.io.datasets.open_dataset`.
    limit, per_image, min_pixels
        Which objects: as for :meth:`napari_iseg.io.dataset.DatasetFolder.objects`.
    prompt
        What is given, one of :data:`PROMPT_KINDS`: as for :func:`evaluate_object`. ``"alpha"`` measures by the folder
        ``alpha`` unless ``labels`` names another.
    level
        Which coarse masks, from 1 (nearly right) to 5 (half right); None for all five. For ``"mask"`` only.
    max_clicks, target_iou, best_proposals
        As for :func:`evaluate_object`.
    bad_input
        Takes files that cannot be used and goes on without, as it was told to; None stops at the first. The report's
        settings say how many were left out.
    progress
        Called after every object with the number done, the number of all, and the object's result.

    Raises
    ------
    IsegError
        If the method, its weights or options, the device or the data cannot be used, or a number is out of range.
        An object on which the method fails is no error: it is recorded and counts as ``max_clicks`` or an IoU of 0.
    """
    check_prompt(prompt, find_method(method))
    labels = references_for(prompt, labels)
    levels = chosen_levels(prompt, level)
    _check(limit=limit, per_image=per_image, min_pixels=min_pixels, max_clicks=max_clicks)
    if not target_iou > 0:
        raise OptionError(f"The target IoU must be above 0; {target_iou} was given.")
    folder = open_dataset(data, layout=layout, labels=labels, split=split, bad_input=bad_input)
    chosen = {**published_options(find_method(method)), **(options or {})}
    predictor = make_predictor(method, weights=weights, device=device, options=chosen)
    total = folder.count(per_image=per_image, limit=limit, min_pixels=min_pixels)
    objects = folder.objects(per_image=per_image, limit=limit, min_pixels=min_pixels)
    results = evaluate_objects(
        predictor,
        objects,
        prompt=prompt,
        levels=levels,
        max_clicks=max_clicks,
        target_iou=target_iou,
        best_proposals=best_proposals,
        progress=None if progress is None else lambda done, result: progress(done, total, result),
    )
    if not results:
        raise ImageError(f"Not one image of {data} could be read.{_first_bad(bad_input)}")
    settings = {
        "method": method,
        "weights": None if weights is None else str(weights),
        "options": asdict(predictor.options),
        "proposals": "best" if best_proposals else "likeliest",
        "device": device,
        "data": str(data),
        "layout": layout_of(data, layout),
        "labels": labels,
        "split": split,
        "limit": limit,
        "per_image": per_image,
        "min_pixels": min_pixels,
        "prompt": prompt,
        "level": level,
        "files_left_out": len(bad_input.paths) or None if bad_input is not None else None,
        "version": __version__,
    }
    return Report(results, max_clicks, target_iou, settings, prompt, levels)


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
    encoded: EncodedImage | None = None
    views = SimulatedViews(getattr(predictor.options, "first_crop", "whole"))
    for one in objects:
        result = ObjectResult(one.name, one.plane, one.object_id)
        square = SquarePixels.of((one.image.shape[0], one.image.shape[1]), one.pixel_size)
        asked = on_square_pixels(predictor, square)
        if encoded is None or not encoded.fits(one.image, asked):
            encoded = EncodedImage(one.image, asked)
        try:
            session = Session(one.image, encoded.predictor, encoded=encoded)
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
        except Exception as error:
            # Hours of evaluation must not be lost to one object; the log keeps the traceback, the report the sentence.
            _log.exception("The method failed on object %d of %r", one.object_id, one.name)
            result.error = f"{type(error).__name__}: {error}"
        results.append(result)
        if progress is not None:
            progress(len(results), result)
    return results


def published_options(spec: MethodSpec) -> dict[str, Any]:
    """Return the options in which the published evaluations differ from a window.

    Parameters
    ----------
    spec
        The method.

    Returns
    -------
    dict
        ``threshold`` is 0.49; ``first_crop``, where the method has it, is ``"whole"``: the first click sees all of the
        image.
    """
    whole = {"first_crop": "whole"} if hasattr(spec.options, "first_crop") else {}
    return {"threshold": _THRESHOLD, **whole}


def _first_bad(bad_input: BadInput | None) -> str:
    return f" {bad_input.found[0].sentence}" if bad_input is not None and bad_input.found else ""


def _check(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise OptionError(f"{name.replace('_', '-')} must be a whole number of at least 1; {number} was given.")
