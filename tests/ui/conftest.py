"""A real napari window, a hand on the mouse and the keys, and a method that answers by flooding: exact and quick."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import imageio.v3 as imageio
import napari.settings
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QThreadPool
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from skimage.segmentation import flood

from napari_iseg.inference.prediction import Prediction
from napari_iseg.interactions import Click, MaskPrompt, Prompt
from napari_iseg.ui import SegmentWidget
from napari_iseg.ui._loading import Loaded
from napari_iseg.zoo import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from napari_iseg.ui._method_choice import MethodChoice


class FloodPredictor:
    """Answers with what floods from the positive clicks, less what floods from the negative ones.

    Parameters
    ----------
    seconds
        How long an answer takes; the thread sleeps.
    options
        What it says it works with; it works with the threshold alone.
    """

    def __init__(self, seconds: float = 0.0, *, options: Options | None = None) -> None:
        self.options = options or Options()
        self.seconds = seconds
        self.error: Exception | None = None
        self.threads: set[int] = set()
        self.asked: list[tuple[Prompt, ...]] = []
        self.encoded = 0

    def encode(self, image: np.ndarray) -> np.ndarray:
        self.encoded += 1
        return image.astype(np.int16).sum(axis=2)

    def predict(
        self,
        encoding: np.ndarray,
        prompts: Sequence[Prompt],
        previous: Prediction | None,
        *,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Prediction:
        self.threads.add(threading.get_ident())
        self.asked.append(tuple(prompts))
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        probability = np.zeros(encoding.shape, np.float32)
        for click in prompts:
            if isinstance(click, MaskPrompt):
                probability = np.where(click.mask, np.float32(0.8), np.float32(0))
                continue
            assert isinstance(click, Click)
            there = flood(encoding, (round(click.row), round(click.column)), tolerance=30)
            probability[there] = 0.8 if click.positive else 0.0
        return Prediction.from_mask(probability)


class Hand:
    """Clicks, drags and types in a napari window as a user does."""

    def __init__(self, viewer: Any, widget: SegmentWidget, qtbot: Any) -> None:
        self.viewer, self.widget, self.qtbot = viewer, widget, qtbot
        self.window = viewer.window._qt_window
        self._canvas = viewer.window._qt_viewer.canvas
        self.native = self._canvas.native

    def pixel(self, world: Sequence[float]) -> QPoint:
        """Return the canvas pixel that shows a world position along all of the viewer's axes."""
        x, y = (world[axis] for axis in reversed(self.viewer.dims.displayed))
        place = self._canvas.view.scene.transform.map([x, y, 0, 1])
        return QPoint(round(place[0] / place[3]), round(place[1] / place[3]))

    def click(self, *world: float, right: bool = False, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        button = Qt.MouseButton.RightButton if right else Qt.MouseButton.LeftButton
        place = self.pixel(world)
        self.qtbot.mouseMove(self.native, place)
        self.qtbot.mouseClick(self.native, button, modifier, place)

    def click_data(self, image: Any, *point: float, right: bool = False) -> None:
        """Click a point given in pixels of an image."""
        world = list(self.viewer.dims.point)
        world[-image.ndim :] = image.data_to_world(point)
        self.click(*world, right=right)

    def drag(
        self,
        start: Sequence[float],
        stop: Sequence[float],
        button: Any = Qt.MouseButton.LeftButton,
        modifier: Any = Qt.KeyboardModifier.NoModifier,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        begin, end = self.pixel(start), self.pixel(stop)
        self.qtbot.mousePress(self.native, button, modifier, pos=begin)
        for part in (0.25, 0.5, 0.75, 1.0):
            place = QPointF(begin) + (QPointF(end) - QPointF(begin)) * part
            move = QMouseEvent(
                QEvent.Type.MouseMove,
                place,
                QPointF(self.native.mapToGlobal(place.toPoint())),
                Qt.MouseButton.NoButton,
                button,
                modifier,
            )
            QApplication.sendEvent(self.native, move)
            # The canvas leaves out moves that follow each other too quickly.
            self.qtbot.wait(20)
        meanwhile()
        self.qtbot.mouseRelease(self.native, button, modifier, pos=end)
        self.qtbot.wait(100)

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.native.setFocus()
        self.qtbot.keyClick(self.native, key, modifier)

    def undo(self) -> None:
        self.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        self.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)

    def wait(self) -> None:
        """Wait until every answer is there."""
        controller = self.widget.controller

        def is_quiet() -> bool:
            waiting = any(work.job is not None for p in controller.projects for work in p.works)
            return not waiting and not controller.preparing and not controller.restoring

        self.qtbot.waitUntil(is_quiet, timeout=20000)

    def wait_for_note(self, notes: list[str], words: str) -> None:
        """Wait until napari was told to show a sentence with these words."""
        self.qtbot.waitUntil(lambda: any(words in note for note in notes), timeout=10000)

    def layer(self, name: str) -> Any:
        return self.viewer.layers[name]

    @property
    def mask(self) -> np.ndarray:
        """What the live mask shows, bool on the image's grid."""
        return np.asarray(self.layer("Live mask").data) > 0


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings out of the tests, and the first-use tips off the canvas."""
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    monkeypatch.setattr(napari.settings, "_PLUGIN_SETTINGS", {})
    napari.settings.get_plugin_settings("napari-iseg").guidance.tips = False


@pytest.fixture
def predictor() -> FloodPredictor:
    return FloodPredictor()


@pytest.fixture
def open_hand(
    make_napari_viewer: Any, qtbot: Any, predictor: FloodPredictor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Hand]]:
    """Return a function that opens a window with images and the dock, ready to click."""
    hands: list[Hand] = []

    def open_window(*images: Any, load: Callable[[MethodChoice], Loaded] | None = None, **options: Any) -> Hand:
        viewer = make_napari_viewer(show=True, strict_qt=True)
        viewer.window._qt_window.resize(1000, 800)
        for image in images:
            viewer.add_image(image, **options)
        widget = SegmentWidget(viewer, load or (lambda _choice: Loaded(predictor, "CPU")))
        viewer.window.add_dock_widget(widget, name="Segment", area="right")
        _keep_context_current(viewer)
        hand = Hand(viewer, widget, qtbot)
        hands.append(hand)
        qtbot.waitExposed(viewer.window._qt_window)
        qtbot.wait(50)
        hand.wait()
        viewer.reset_view()
        qtbot.wait(300)
        hand.window.activateWindow()
        hand.native.setFocus()
        qtbot.waitUntil(lambda: hand.window.isActiveWindow() and hand.native.hasFocus(), timeout=5000)
        return hand

    yield open_window
    for hand in hands:
        qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
        hand.__dict__.clear()


def _keep_context_current(viewer: Any) -> None:
    """Software GL crashes when a layer below another one goes while another context is current."""
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    for event in (viewer.layers.events.removing, viewer.layers.events.removed):
        event.connect(lambda _event: canvas.set_current())


@pytest.fixture
def discs() -> np.ndarray:
    """(81, 123) uint8: three discs of different brightness on a dark background, radius 12."""
    rows, columns = np.mgrid[:81, :123]
    image = np.full((81, 123), 20, np.uint8)
    for (row, column), value in zip(DISCS, (120, 180, 240), strict=True):
        image[(rows - row) ** 2 + (columns - column) ** 2 <= 144] = value
    return image


@pytest.fixture
def picture(discs: np.ndarray, tmp_path: Path) -> Path:
    """Return a PNG of the discs in a folder of its own."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "discs.png"
    imageio.imwrite(path, discs)
    return path


DISCS = ((20, 25), (40, 60), (58, 100))


def disc(number: int) -> np.ndarray:
    """Return the mask of one of the discs."""
    rows, columns = np.mgrid[:81, :123]
    row, column = DISCS[number]
    return (rows - row) ** 2 + (columns - column) ** 2 <= 144


def nearly(mask: np.ndarray, expected: np.ndarray) -> bool:
    """Return whether masks are the same up to the rim: so they are where pixels are oblong and the method's square."""
    mask, expected = mask > 0, expected > 0
    return int((mask & expected).sum()) > 0.8 * int((mask | expected).sum()) > 0


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """Keep the sentences that napari was told to show, oldest first."""
    from napari.utils.notifications import notification_manager

    seen: list[str] = []

    def take(notification: Any) -> None:
        seen.append(notification.message)

    notification_manager.notification_ready.connect(take)
    yield seen
    notification_manager.notification_ready.disconnect(take)


@pytest.fixture
def dots() -> np.ndarray:
    """(150, 240) uint8: dots of 9 pixels on a dark background."""
    image = np.full((150, 240), 20, np.uint8)
    for row in range(20, 150, 30):
        for column in range(20, 240, 30):
            image[row - 4 : row + 5, column - 4 : column + 5] = 200
    return image
