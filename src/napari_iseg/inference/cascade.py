"""Cascade-forward refinement over any method that is guided by its previous mask (CFR-ICL, section 3.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.inference.predictor import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.zoo import CascadeOptions

__all__ = ["cascade"]

# A-CFR-N stops when a pass changes at most this many pixels, counted at this probability (paper: "20 pixels").
_SETTLED_PIXELS = 20
_SETTLED_LEVEL = 0.49


def cascade(
    once: Callable[[Prediction | None], Prediction],
    previous: Prediction | None,
    prompts: int,
    options: CascadeOptions,
    cancelled: Callable[[], bool],
) -> Prediction:
    """Answer N + 1 times over, each time from the answer before (CFR-N).

    Parameters
    ----------
    once
        Previous answer to one complete answer: zoom-in, network, and back onto the plane.
    previous
        The answer before the newest prompt.
    prompts
        How many prompts there are; beyond ``options.cascade_clicks`` one pass is made.
    options
        ``cascade_steps`` (N), ``cascade_adaptive`` and ``cascade_clicks``.
    cancelled
        Asked before every pass.

    Returns
    -------
    Prediction
        The last answer, with the passes of all in ``forwards``.

    Raises
    ------
    CancelledError
        If ``cancelled()`` became True.
    """
    refined = options.cascade_steps > 0 and prompts <= options.cascade_clicks
    total = options.cascade_steps + 1 if refined else 1
    # An adaptive cascade compares each answer with the one before it; drawing them is paid for only there.
    adaptive = refined and options.cascade_adaptive
    answer, forwards = previous, 0
    drawn: np.ndarray | None = None
    for _ in range(total):
        if cancelled():
            raise CancelledError
        answer = once(answer)
        forwards += answer.forwards
        if adaptive:
            before, drawn = drawn, answer.render() > _SETTLED_LEVEL
            if before is not None and np.count_nonzero(drawn != before) <= _SETTLED_PIXELS:
                break
    if answer is None:
        raise ValueError("a cascade needs at least one pass")
    return replace(answer, forwards=forwards)
