"""The picture of a model card: objects on which a method did worst, with the reference, the answer and the clicks."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from napari_iseg.evaluation.object_drawing import draw_object, legend_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from napari_iseg.evaluation.failures import Failure

__all__ = ["failure_sheet"]

_COLUMNS = 3
_DPI = 110
_QUALITIES = (85, 75, 65, 55, 45, 35, 25, 15)


def failure_sheet(failures: Sequence[Failure], title: str, *, max_bytes: int = 120_000) -> bytes:
    """Draw objects with what was made of them.

    Parameters
    ----------
    failures
        At least one.
    title
        Above all of them.
    max_bytes
        The file is compressed until it has at most as many, or no further.

    Returns
    -------
    bytes
        A JPEG file.
    """
    columns = min(_COLUMNS, len(failures))
    rows = -(-len(failures) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.9 * rows + 0.6), dpi=_DPI, layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=9)
    for axes, failure in zip(figure.subplots(rows, columns, squeeze=False).flat, failures, strict=False):
        _draw(axes, failure)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.legend(handles=legend_lines(), loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    drawn = b""
    for quality in _QUALITIES:
        file = BytesIO()
        figure.savefig(file, format="jpeg", pil_kwargs={"quality": quality, "optimize": True})
        drawn = file.getvalue()
        if len(drawn) <= max_bytes:
            break
    return drawn


def _draw(axes: Axes, failure: Failure) -> None:
    unseen = draw_object(axes, failure.shown, failure.mask, failure.prompts)
    axes.set_title(_caption(failure, unseen), fontsize=7)


def _caption(failure: Failure, unseen: int) -> str:
    result = failure.result
    plane = "" if result.plane is None else f", plane {result.plane}"
    name = result.name if len(result.name) <= 24 else f"{result.name[:23]}…"
    if not result.ious:
        return f"{name}{plane}, object {result.object_id}\n{_error_of(result.error)}"
    count, first, last = len(result.ious), result.ious[0], result.ious[-1]
    used = f"IoU {first:.2f} after 1"
    if count > 1:
        used += f", {last:.2f} after {count}"
    outside = f" ({unseen} not in view)" if unseen else ""
    return f"{name}{plane}, object {result.object_id}\n{used}{outside}{'' if result.error is None else '; an error'}"


def _error_of(error: str | None) -> str:
    return (error or "no answer")[:40]
