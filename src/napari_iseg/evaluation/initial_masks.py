"""The masks that a simulated user begins from: coarse ones of a level, and defective ones to be corrected.

All follow from an object's identity alone, so that every run, every method and every part of a folder has the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.prediction import Prediction
from napari_iseg.interactions import IGNORE, MaskPrompt, iou
from napari_iseg.interactions.simulated_defects import defect_seed, defective_mask
from napari_iseg.interactions.simulated_masks import coarse_mask_of_level, coarse_seed
from napari_iseg.io.mask_runs import MaskRuns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.inference.session import Session

__all__ = ["INITIAL_IOU", "begin_from_defects", "coarse_masks"]

INITIAL_IOU = "initial_IoU"
"""Name of the measure of a defective mask before it is corrected."""


def coarse_masks(truth: NDArray[np.integer], levels: Sequence[int], result: ObjectResult) -> list[MaskPrompt]:
    """Make an object's coarse masks and note how good they are, all before the first answer, which may fail.

    Parameters
    ----------
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    levels
        Which, 1 to 5.
    result
        Which object it is; takes ``coarse_ious``.
    """
    masks = []
    for level in levels:
        seed = coarse_seed(_image(result), result.object_id, level)
        mask = coarse_mask_of_level(truth == 1, level, seed, ignored=truth == IGNORE)
        result.coarse_ious.append(iou(truth, mask))
        masks.append(MaskPrompt(mask))
    return masks


def begin_from_defects(
    session: Session, truth: NDArray[np.integer], start: NDArray[np.bool_] | None, result: ObjectResult
) -> bool:
    """Make a defective mask the previous answer of a session, as the evaluations on DAVIS-585 begin.

    The method is not asked: whatever it would make of a mask, the first click corrects this one.

    Parameters
    ----------
    session
        Without prompts.
    truth
        (H, W): 1 object, 0 background, -1 ignored.
    start
        (H, W) bool, the data set's own mask; None has one made (FocalClick-XL, Algorithm 1).
    result
        Which object it is; takes the mask as ``start`` and its IoU as the measure ``initial_IoU``.

    Returns
    -------
    bool
        False if no mask can be made of the object, as of all with fewer than 300 pixels; the session is unchanged then.
    """
    mask = start
    if mask is None:
        rng = np.random.default_rng(defect_seed(_image(result), result.object_id))
        mask = defective_mask(session.image, truth == 1, rng, ignored=truth == IGNORE)
    if mask is None:
        return False
    result.start = MaskRuns.of(mask)
    result.measures[INITIAL_IOU] = iou(truth, mask)
    session.edit([MaskPrompt(mask)])
    request = session.request()
    if request is not None:
        session.deliver(request, Prediction.from_mask(mask))
    return True


def _image(result: ObjectResult) -> str:
    return result.name if result.plane is None else f"{result.name}:{result.plane}"
