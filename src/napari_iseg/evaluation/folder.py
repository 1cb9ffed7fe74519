"""A method on the objects of a dataset folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.evaluation.bench import Protocol, Selection, Setup
from napari_iseg.evaluation.contestants import Contestant
from napari_iseg.evaluation.prompt_kinds import check_prompt, chosen_levels, references_for
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU, ObjectResult
from napari_iseg.evaluation.runs import evaluate_contestants
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_iseg.evaluation.prompt_kinds import PromptKind
    from napari_iseg.evaluation.report import Report
    from napari_iseg.evaluation.runs import RunProgress
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.dataset import Split

__all__ = ["evaluate_folder"]


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
    weights = None if weights is None else str(weights)
    setup = Setup(
        (Contestant(method, weights, dict(options or {}), best_proposals),),
        Selection(str(data), labels, layout, split, limit, per_image, min_pixels),
        Protocol(prompt, tuple(chosen_levels(prompt, level)), max_clicks, target_iou),
        device,
        None if bad_input is None else bad_input.choice,
    )

    def tell(now: RunProgress) -> None:
        if progress is not None and now.result is not None:
            progress(now.done, now.total, now.result)

    return evaluate_contestants(setup, bad_input=bad_input, progress=tell)[0]
