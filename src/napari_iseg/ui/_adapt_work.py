"""What the dock "Adapt" has done in a thread, away from the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.io.pairs import labelled_planes
from napari_iseg.ui._loading import ONE_AT_A_TIME, prepare_for_torch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from napari_iseg.training.adapting import Adaptation, AdaptProgress

__all__ = ["adapt_and_keep"]


def adapt_and_keep(
    pairs: list[tuple[str, Any, np.ndarray, bool]],
    name: str,
    settings: dict[str, Any],
    seconds: float,
    stop: threading.Event,
    take: Callable[[AdaptProgress], None],
    cancelled: Callable[[], bool],
) -> tuple[Adaptation, str, str]:
    """Adapt weights to layers, and keep them under a name if they are better.

    Parameters
    ----------
    pairs
        Of each image its name, data, labels of its shape, and whether its last axis is colour.
    name
        Of the new weights.
    settings
        The method, the weights to begin with and the parts, as :func:`napari_iseg.training.adapting.adapt` has them.
    seconds
        The most it may take.
    stop
        Ends it early; what is best so far is kept.
    take
        Called with the progress, in this thread.
    cancelled
        Ends it as ``stop`` does.

    Returns
    -------
    tuple
        What came of it, the name, and a sentence about it.

    Raises
    ------
    IsegError
        If there is something of that name already, or as ``adapt`` says.
    """
    prepare_for_torch()
    with ONE_AT_A_TIME:
        from napari_iseg.training.adapted_weights import free_name, keep_adapted, summary
        from napari_iseg.training.adapting import adapt
        from napari_iseg.training.examples import Example

    free_name(name)
    examples = [
        Example(*plane)
        for title, image, labels, rgb in pairs
        for plane in labelled_planes(title, np.asarray(image), labels, rgb=rgb)
    ]
    result = adapt(
        examples,
        **settings,
        seconds=seconds,
        device="auto",
        progress=take,
        cancelled=lambda: stop.is_set() or cancelled(),
    )
    if not result.is_better:
        return result, name, "Nothing was better than the weights at the start; they stay, and nothing was written."
    keep_adapted(result, name, **settings)
    return result, name, f"{summary(result.before, result.after)} They are the weights {name!r} now."
