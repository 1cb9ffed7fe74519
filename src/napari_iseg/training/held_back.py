"""A look at held-back objects during the run: the real predictor with the averaged weights, a few clicks each."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.errors import ImageError
from napari_iseg.evaluation.metrics import mean_iou
from napari_iseg.evaluation.objects import evaluate_objects, published_options
from napari_iseg.inference.opening import resolve
from napari_iseg.inference.predictor import never
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.datasets import kinds_of_labels, open_dataset
from napari_iseg.zoo import find_method, make_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.dataset import DatasetObject

__all__ = ["CLICKS", "HeldBack", "load_held_back"]

CLICKS = (1, 3, 5)
"""After how many clicks the IoU is told."""

# Seconds that an object is thought to take before the first one has been timed.
_GUESS = 0.3
# Above 1: all clicks are given to every object, so that means compare.
_NEVER_ENOUGH = 2.0

_log = logging.getLogger(__name__)


def load_held_back(
    folders: Sequence[Path], *, per_folder: int, min_pixels: int, layout: str | None = None
) -> dict[str, list[DatasetObject]]:
    """Read a few held-back objects of each data set, always the same ones, one an image.

    Parameters
    ----------
    folders
        Folders in any known layout, and packs; one without held-back images is left out.
    per_folder
        How many of each.
    min_pixels
        Leave out smaller objects.
    layout
        Forces a layout on all folders that are no packs; None recognises each.

    Returns
    -------
    dict
        Folder name to its objects.
    """
    found = {}
    for path in map(Path, folders):
        forced = None if path.is_file() else layout
        try:
            kinds = kinds_of_labels(path, layout=forced)
            labels = "labels" if "labels" in kinds else kinds[0]
            images = open_dataset(path, layout=forced, labels=labels, split="held-back", bad_input=BadInput())
            found[path.name] = list(images.objects(per_image=1, limit=per_folder, min_pixels=min_pixels))
        except (ImageError, OSError) as error:
            _log.info("%s is not looked at during the run: %s", path.name, error)
    return found


class HeldBack:
    """When to look at held-back objects, and how well they go.

    Parameters
    ----------
    method
        Name of the method that is trained; its predictor answers, at the published threshold.
    objects
        Folder name to objects, as :func:`load_held_back` returns them.
    share
        The most of the run's time that looking may take, in [0, 1]; 0 never looks.
    """

    def __init__(self, method: str, objects: Mapping[str, Sequence[DatasetObject]], *, share: float) -> None:
        self.objects = {name: list(some) for name, some in objects.items() if some}
        self.share = share
        self.spent = 0.0
        self._spec = find_method(method)
        self._estimate = _GUESS * sum(len(some) for some in self.objects.values())

    def due(self, elapsed: float) -> bool:
        """Whether another look fits into its share of the ``elapsed`` seconds of this run."""
        return bool(self.objects) and self.share > 0 and self.spent + self._estimate <= self.share * elapsed

    def look(self, network: nn.Module, *, cancelled: Callable[[], bool] = never) -> dict[str, dict[int, float]]:
        """Click on every object.

        Parameters
        ----------
        network
            With the weights to look at; left in evaluation mode.
        cancelled
            Asked between folders; when it returns True the look ends there.

        Returns
        -------
        dict
            Folder name to (clicks to mean IoU after so many), where every object could be answered; ``"all"`` is the
            mean over folders.
        """
        start = time.monotonic()
        predictor = self._predictor(network)
        found: dict[str, dict[int, float]] = {}
        for name, objects in self.objects.items():
            if cancelled():
                return {}
            results = evaluate_objects(predictor, objects, max_clicks=max(CLICKS), target_iou=_NEVER_ENOUGH)
            means = {click: mean_iou([result.ious for result in results], click) for click in CLICKS}
            known = {click: mean for click, mean in means.items() if mean is not None}
            if len(known) == len(CLICKS):
                found[name] = known
        if found:
            found["all"] = {click: sum(means[click] for means in found.values()) / len(found) for click in CLICKS}
        self._estimate = time.monotonic() - start
        self.spent += self._estimate
        return found

    def _predictor(self, network: nn.Module) -> Predictor:
        options = make_options(self._spec.options, published_options(self._spec))
        predictor: Predictor = resolve(self._spec.predictor)(network, options=options)
        return predictor
