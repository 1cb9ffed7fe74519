"""The curve of an adaptation: clicks per object over time, and the loss beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from napari_iseg.training.adapting import AdaptProgress

__all__ = ["AdaptCurve"]

_BACK, _FRONT = "#262930", "#d0d3d8"
_CLICKS, _LOSS = "#3ecf7a", "#7f8694"


class AdaptCurve(FigureCanvasQTAgg):
    """A small plot that grows while an adaptation runs."""

    def __init__(self) -> None:
        super().__init__(Figure(figsize=(3, 2), layout="constrained", facecolor=_BACK))
        self.setMinimumHeight(110)
        self._losses: list[tuple[float, float]] = []
        self._clicks = self.figure.add_subplot()
        self._loss = self._clicks.twinx()
        self._shown: tuple[int, int] = (0, 0)
        self._dress()

    def show_progress(self, now: AdaptProgress) -> None:
        """Draw the state of a run; a run that begins clears the curve."""
        state = (len(now.scores), now.samples)
        if state == self._shown:
            return
        if now.samples == 0:
            self._losses.clear()
        self._shown = state
        if now.loss is not None:
            self._losses.append((now.seconds / 60, now.loss))
        for axes in (self._clicks, self._loss):
            axes.clear()
        self._dress()
        judged = [(seconds / 60, score.clicks) for seconds, score in now.scores]
        if judged:
            self._clicks.plot(*zip(*judged, strict=True), "o-", color=_CLICKS)
            self._clicks.axhline(judged[0][1], color=_CLICKS, linewidth=0.8, linestyle=":")
        if self._losses:
            self._loss.plot(*zip(*self._losses, strict=True), color=_LOSS, linewidth=1)
        self.draw_idle()

    def _dress(self) -> None:
        for axes in (self._clicks, self._loss):
            axes.set_facecolor(_BACK)
            axes.tick_params(colors=_FRONT, labelsize=7)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            for spine in axes.spines.values():
                spine.set_color(_LOSS)
        self._clicks.set_xlabel("minutes", color=_FRONT, fontsize=8)
        self._clicks.set_ylabel("clicks to 85 %", color=_CLICKS, fontsize=8)
        self._loss.set_ylabel("loss", color=_LOSS, fontsize=8)
        self._loss.yaxis.set_label_position("right")
