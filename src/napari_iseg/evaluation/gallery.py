"""The best, the median and the worst objects of an evaluation as pictures with every click."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from PIL import Image

from napari_iseg.errors import IsegError
from napari_iseg.evaluation.metrics import clicks_to_reach
from napari_iseg.evaluation.object_drawing import draw_object
from napari_iseg.interactions import MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.evaluation.report import Report
    from napari_iseg.io.labelled_images import DatasetObject

__all__ = ["Pictures", "chosen_results", "ranked", "told"]

_INCHES, _DPI = 3.0, 140
_QUALITIES = (82, 72, 60, 48, 36, 24)


def ranked(report: Report) -> list[ObjectResult]:
    """Return a report's objects, the best first.

    Those that reached the target come first, those with fewer clicks before those with more and then by their IoU; then
    those that did not, by their last IoU; those that ended with an error come last. Where each prompt is given once,
    the last IoU alone decides.
    """
    stepwise = report.until_good

    def key(result: ObjectResult) -> tuple[bool, bool, float, float]:
        last = result.ious[-1] if result.ious else 0.0
        reached = clicks_to_reach(result.ious, report.target_iou) if stepwise else None
        if reached is None:
            return result.error is not None, True, -last, len(result.ious)
        return result.error is not None, False, reached, -last

    return sorted(report.counted, key=key)


def chosen_results(report: Report, count: int = 4) -> dict[str, list[ObjectResult]]:
    """Return the objects to show: none twice, and as many of each kind where there are few.

    Parameters
    ----------
    report
        The evaluation.
    count
        At most how many of each kind.

    Returns
    -------
    dict
        ``"Best"``, ``"Median"`` and ``"Worst"`` (the very worst first) to objects; ``"All"`` where there are fewer
        than three.
    """
    order = ranked(report)
    if len(order) < 3:
        return {"All": order} if order else {}
    each = min(count, len(order) // 3)
    start = (len(order) - each) // 2
    return {"Best": order[:each], "Median": order[start : start + each], "Worst": order[: -each - 1 : -1]}


def told(result: ObjectResult, report: Report) -> str:
    """Return what happened with an object of a report in a few words: the IoU and how many clicks."""
    if not result.ious:
        return "no answer"
    count, last = len(result.ious), result.ious[-1]
    if report.prompt == "mask":
        coarse = f", from {result.coarse_ious[count - 1]:.3f}" if len(result.coarse_ious) >= count else ""
        return f"IoU {last:.3f} for the coarsest mask{coarse}"
    if not report.until_good:
        return f"IoU {last:.3f}"
    noun = report.unit
    return f"IoU {last:.3f} after {count} {noun if count == 1 else noun + 's'}"


@dataclass(slots=True)
class Pictures:
    """Draws objects, each image read once.

    Parameters
    ----------
    find
        Image name and object to the object.
    max_bytes
        A picture is compressed until it has at most as many, or no further.
    """

    find: Callable[[str, int], DatasetObject]
    max_bytes: int = 20_000
    _found: dict[tuple[str, int], DatasetObject | None] = field(default_factory=dict)

    def draw(self, result: ObjectResult, prompt: str = "click") -> bytes | None:
        """Return a WebP file of an object with the last answer and what was given for it, every click numbered.

        Parameters
        ----------
        result
            Of the object.
        prompt
            What was given. Coarse masks are given one by one: the last alone led to the last answer.

        Returns
        -------
        bytes or None
            None where the object cannot be read any more.
        """
        shown = self._object(result)
        mask = result.masks[-1].mask() if result.masks else None
        if shown is None or not (shown.truth == 1).any() or (mask is not None and mask.shape != shown.truth.shape):
            return None
        figure = Figure(figsize=(_INCHES, _INCHES), dpi=_DPI, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        prompts = result.prompts[-1:] if prompt == "mask" else result.prompts
        if result.start is not None:
            prompts = [MaskPrompt(result.start.mask()), *prompts]
        draw_object(axes, shown, mask, prompts, numbered=True)
        return self._packed(figure, _trim(axes.get_xlim(), axes.get_ylim()))

    def _object(self, result: ObjectResult) -> DatasetObject | None:
        key = (result.name, result.object_id)
        if key not in self._found:
            try:
                self._found[key] = self.find(*key)
            except (IsegError, OSError):
                # The numbers stand without the picture, which says that it is missing.
                self._found[key] = None
        return self._found[key]

    def _packed(self, figure: Figure, size: tuple[float, float]) -> bytes:
        figure.set_size_inches(_INCHES * size[0], _INCHES * size[1])
        file = BytesIO()
        figure.savefig(file, format="png")
        image = Image.open(file).convert("RGB")
        packed = b""
        for quality in _QUALITIES:
            out = BytesIO()
            image.save(out, format="webp", quality=quality, method=4)
            packed = out.getvalue()
            if len(packed) <= self.max_bytes:
                break
        return packed


def _trim(across: Sequence[float], up: Sequence[float]) -> tuple[float, float]:
    """Return width and height of what is shown as parts of the longer of them."""
    wide, tall = abs(across[1] - across[0]), abs(up[1] - up[0])
    return wide / max(wide, tall), tall / max(wide, tall)
