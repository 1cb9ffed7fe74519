"""What the figures of an evaluation share: a contestant's looks, small plots beside each other, and SVG for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from napari_iseg.evaluation.report import Report

__all__ = [
    "GRID",
    "SAMPLES",
    "WIDTH",
    "Entrant",
    "as_svg",
    "interval",
    "name_axes",
    "one_plot",
    "small_plots",
]

# Okabe and Ito's, without yellow, which is too light for lines, and two more.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#000000",
    "#56B4E9",
    "#E69F00",
    "#7A7A7A",
    "#7B4F2C",
    "#B5BD00",
)
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
SAMPLES = 1000
"""How many resamples an interval is made of."""

_RC: dict[str, Any] = {"svg.fonttype": "path", "axes.spines.top": False, "axes.spines.right": False, "font.size": 8.5}
GRID: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.6}
"""How lines behind plots look."""

WIDTH = 7.4
"""How wide figures are, in inches."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One report with the name and the looks that it has everywhere on a page.

    Parameters
    ----------
    name
        As tables and figures show it.
    report
        Its objects.
    place
        From 0; decides colour, line and mark.
    """

    name: str
    report: Report
    place: int

    @property
    def colour(self) -> str:
        """Hexadecimal, with the #."""
        return _COLOURS[self.place % len(_COLOURS)]

    @property
    def line(self) -> dict[str, Any]:
        """What matplotlib's ``plot`` takes."""
        dashes, mark = _DASHES[self.place % len(_DASHES)], _MARKS[self.place % len(_MARKS)]
        return {"color": self.colour, "linestyle": dashes, "marker": mark, "markersize": 4, "linewidth": 1.5}


def one_plot(height: float) -> tuple[Figure, Axes]:
    """Return a figure of one plot, ``height`` inches high."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(**GRID)
    return figure, axes


def small_plots(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return small plots that share their axes, as many as asked for, in one or two columns."""
    columns = 1 if count == 1 else 2
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.5), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in panels:
        axes.grid(**GRID)
        axes.set_axisbelow(True)
    for spare in panels[count:]:
        spare.set_axis_off()
        # Its neighbour above then stands at the bottom of the column.
        panels[len(panels) - 1 - columns].tick_params(labelbottom=True)
    return figure, panels


def name_axes(figure: Figure, across: str, up: str) -> None:
    """Name the two axes that small plots share."""
    figure.supxlabel(across, fontsize=8.5)
    figure.supylabel(up, fontsize=8.5)


def interval(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ends, (2, columns), of the 95 % bootstrap interval of the means over rows."""
    random = np.random.default_rng(0)
    count = len(table)
    means = [
        random.multinomial(count, np.full(count, 1 / count), size=100) @ table / count for _ in range(SAMPLES // 100)
    ]
    return np.quantile(np.concatenate(means), (0.025, 0.975), axis=0)


def as_svg(draw: Callable[[], Figure | None], name: str, title: str) -> str | None:
    """Draw a figure as SVG to stand in a page.

    Parameters
    ----------
    draw
        Makes the figure, or None where there is nothing to show.
    name
        Makes the ids in it differ from those of the page's other figures; the same name gives the same text.
    title
        What it shows, for who cannot see it.

    Returns
    -------
    str or None
        None where there is nothing to show.
    """
    text = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    settings: Any = {**_RC, "svg.hashsalt": name}
    with rc_context(settings):
        figure = draw()
        if figure is None:
            return None
        figure.savefig(text, format="svg", metadata=nothing, facecolor="white")
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"", "", svg).replace("xlink:href", "href")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1 role=\"img\" aria-label=\"@\">", svg, count=1)
    svg = svg.replace('\\"', '"').replace('aria-label="@"', f'aria-label="{_attribute(title)}"', 1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
