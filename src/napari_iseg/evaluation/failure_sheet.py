"""The picture of a model card: objects on which a method did worst, with the reference, the answer and the clicks."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from napari_iseg.evaluation.failures import Failure

__all__ = ["failure_sheet"]

_REFERENCE, _ANSWER = "#2aa5ff", "#ff9500"
# By shape as well, for who cannot tell the colours apart.
_MARKERS = {True: "o", False: "X"}
_SIGNS = {True: "#22cc44", False: "#f02020"}
_DOT: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.8}
_COLUMNS = 3
# Pixels around an object that are shown at least; else as much as the object is large.
_MARGIN = 16
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
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    drawn = b""
    for quality in _QUALITIES:
        file = BytesIO()
        figure.savefig(file, format="jpeg", pil_kwargs={"quality": quality, "optimize": True})
        drawn = file.getvalue()
        if len(drawn) <= max_bytes:
            break
    return drawn


def _draw(axes: Axes, failure: Failure) -> None:
    inside = failure.shown.truth == 1
    top, bottom, left, right = _window(inside)
    axes.imshow(
        failure.shown.image[top:bottom, left:right],
        interpolation="nearest",
        extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5),
    )
    window = (top, bottom, left, right)
    for mask, colour in ((inside, _REFERENCE), (failure.mask, _ANSWER)):
        _outline(axes, mask, window, colour)
    unseen = 0
    for prompt in failure.prompts:
        match prompt:
            case Click(row=row, column=column, positive=positive):
                if top <= row < bottom and left <= column < right:
                    axes.plot(column, row, color=_SIGNS[positive], marker=_MARKERS[positive], **_DOT)
                else:
                    unseen += 1
            case Scribble(points=points, positive=positive):
                axes.plot([c for _, c in points], [r for r, _ in points], color=_SIGNS[positive], linewidth=2)
            case Box(start=start, stop=stop):
                corner, wide, tall = (start[1] - 0.5, start[0] - 0.5), stop[1] - start[1], stop[0] - start[0]
                axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=_SIGNS[True], linestyle="dashed"))
            case MaskPrompt(mask=mask):
                _outline(axes, mask > 0.5, window, _SIGNS[True], "dashed")
            case _:
                pass
    axes.set_xlim(left - 0.5, right - 0.5)
    axes.set_ylim(bottom - 0.5, top - 0.5)
    axes.set_title(_caption(failure, unseen), fontsize=7)


def _outline(
    axes: Axes, mask: NDArray[np.bool_], window: tuple[int, int, int, int], colour: str, style: str = "solid"
) -> None:
    top, bottom, left, right = window
    # Framed, so that outlines close at the edge of the image; at the edge of the window they close out of sight.
    rows, columns = slice(max(top - 2, 0), bottom + 2), slice(max(left - 2, 0), right + 2)
    framed = np.pad(mask[rows, columns], 1).astype(np.float32)
    if framed.any():
        places = (np.arange(framed.shape[1]) + columns.start - 1, np.arange(framed.shape[0]) + rows.start - 1)
        axes.contour(*places, framed, levels=[0.5], colors=[colour], linewidths=1.1, linestyles=style)


def _window(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return rows and columns, (start, stop) each, of a square around an object, as far as the image goes."""
    ends: list[int] = []
    spans = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    longest = max(int(span[-1] - span[0]) + 1 for span in spans)
    side = longest + 2 * max(longest // 2, _MARGIN)
    for span, length in zip(spans, inside.shape, strict=True):
        wanted = min(side, length)
        start = min(max(int(span[0] + span[-1] + 1 - wanted) // 2, 0), length - wanted)
        ends += [start, start + wanted]
    return ends[0], ends[1], ends[2], ends[3]


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


def _legend() -> list[Line2D]:
    lines = [
        Line2D([], [], color=colour, label=label) for colour, label in ((_REFERENCE, "reference"), (_ANSWER, "answer"))
    ]
    signs = (("on the object", True), ("beside it", False))
    return lines + [
        Line2D([], [], color=_SIGNS[positive], marker=_MARKERS[positive], linestyle="", label=f"prompt {where}")
        for where, positive in signs
    ]
