"""A small picture of what the method sees, with the channel and the contrast that it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_iseg.planes.brightening import brightened
from napari_iseg.planes.contrasts import CONTRASTS, SAVED
from napari_iseg.ui._square_pixels import aspect_of, square_pixels
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.planes.contrasts import Contrast
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._seen import Seen

__all__ = ["SeenRow"]

_SIDE = 56
_SOON_MS = 20
_CHANNELS = (("All colours", None), ("Red", 0), ("Green", 1), ("Blue", 2))


class SeenRow(QWidget):
    """A thin view on what is seen.

    Parameters
    ----------
    controller
        Whose image it is.
    seen
        What it shows and sets.
    above
        Stands beside the picture, over the choices.
    """

    def __init__(self, controller: Controller, seen: Seen, above: QWidget) -> None:
        super().__init__()
        self._controller, self._seen = controller, seen
        self._shown: tuple[NDArray[np.uint8] | None, tuple[float, float], bool] = (None, (1.0, 1.0), False)
        self.picture = QLabel()
        self.picture.setFixedSize(_SIDE, _SIDE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setAccessibleName("What the method sees")
        self.words = QLabel()
        self.channel_box = _box("Colour channel", "The colours, or one channel of them in grey.", _CHANNELS)
        self.channel_box.activated.connect(self._on_channel)
        self.window_box = _box(
            "Contrast for the method",
            "Which values the method sees as black and white.",
            tuple((contrast.title, contrast) for contrast in CONTRASTS),
        )
        for number, contrast in enumerate(CONTRASTS):
            self.window_box.setItemData(number, contrast.tip, Qt.ItemDataRole.ToolTipRole)
        self.window_box.activated.connect(self._on_window)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(above)
        choices = QHBoxLayout()
        choices.addWidget(self.words)
        choices.addWidget(self.channel_box, stretch=1)
        choices.addWidget(self.window_box, stretch=1)
        column.addLayout(choices)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.picture)
        row.addLayout(column, stretch=1)
        # One act tells of several changes: they are shown together.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        seen.changed.connect(self._later)
        self.refresh()

    def refresh(self) -> None:
        """Show the pixels and how they came about."""
        seen, image = self._seen, self._controller.image
        look, pixels = seen.look, seen.pixels
        self.setVisible(image is not None and self._controller.work is not None)
        self.channel_box.setVisible(seen.has_colours)
        self.window_box.setVisible(not seen.has_colours)
        if look is not None:
            self.channel_box.setCurrentIndex([channel for _, channel in _CHANNELS].index(look.channel))
            self._show_contrast(seen.contrast)
        words = self._words()
        self.words.setText(words)
        self.words.setVisible(bool(words))
        dark = "made brighter where the plane is dark" if self._brightens else ""
        parts = ("What the method sees of this plane", words, self._square_words(), dark)
        self.picture.setToolTip(" · ".join(part for part in parts if part))
        shown = (pixels, self._aspect(), self._brightens)
        if shown[0] is not self._shown[0] or shown[1:] != self._shown[1:]:
            self._shown = shown
            self.picture.setPixmap(_small(pixels, *shown[1:]) if pixels is not None else QPixmap())

    def _show_contrast(self, contrast: Contrast) -> None:
        # What came with a session file is in the list as long as it holds.
        extra = self.window_box.count() > len(CONTRASTS)
        if contrast is SAVED and not extra:
            self.window_box.addItem(SAVED.title)
            self.window_box.setItemData(len(CONTRASTS), SAVED.tip, Qt.ItemDataRole.ToolTipRole)
        elif contrast is not SAVED and extra:
            self.window_box.removeItem(len(CONTRASTS))
        self.window_box.setCurrentIndex((*CONTRASTS, SAVED).index(contrast))
        self.window_box.setToolTip(f"Which values the method sees as black and white.\n{contrast.tip}")

    def _later(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _words(self) -> str:
        work, image, look = self._controller.work, self._controller.image, self._seen.look
        if work is None or image is None or look is None:
            return ""
        names = [image.axis_labels[axis] for axis in work.plane.other_axes]
        places = zip(names, work.plane.index, strict=True)
        parts = [", ".join(f"{_plain(name)} {position}" for name, position in places)]
        if look.limits is not None:
            parts.append(f"{look.limits[0]:.5g} to {look.limits[1]:.5g}")
        elif look.percentiles is not None:
            parts.append(f"{look.percentiles[0]:g} to {look.percentiles[1]:g} %")
        return " · ".join(part for part in parts if part)

    @property
    def _brightens(self) -> bool:
        return bool(getattr(self._controller.answering.choice.options, "brighten", False))

    def _aspect(self) -> tuple[float, float]:
        work, image = self._controller.work, self._controller.image
        return aspect_of(image, work.plane) if work is not None and image is not None else (1.0, 1.0)

    def _square_words(self) -> str:
        work, image = self._controller.work, self._controller.image
        square = square_pixels(image, work.plane) if work is not None and image is not None else None
        return "" if square is None else f"resampled to {square.shown[0]} x {square.shown[1]} square pixels"

    @told
    def _on_channel(self, index: int) -> None:
        self._seen.set_channel(_CHANNELS[index][1])

    @told
    def _on_window(self, index: int) -> None:
        self._seen.set_contrast((*CONTRASTS, SAVED)[index])
        self.refresh()


def _box(name: str, tip: str, entries: tuple[tuple[str, Any], ...]) -> QComboBox:
    box = QComboBox()
    box.addItems([words for words, _ in entries])
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box


def _plain(name: str) -> str:
    # napari calls axes that nobody named "axis -3", or "-3".
    return "plane" if name.startswith("axis") or name.lstrip("-").isdigit() else name


def _small(pixels: NDArray[np.uint8], aspect: tuple[float, float], brighten: bool) -> QPixmap:
    step = max(1, min(pixels.shape[:2]) // (2 * _SIDE))
    thin = np.ascontiguousarray(pixels[::step, ::step])
    if brighten:
        thin = brightened(thin)
    height, width = thin.shape[:2]
    image = QImage(thin.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    high, wide = height * aspect[0], width * aspect[1]
    side = _SIDE / max(high, wide)
    return QPixmap.fromImage(image).scaled(
        max(1, round(wide * side)),
        max(1, round(high * side)),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
