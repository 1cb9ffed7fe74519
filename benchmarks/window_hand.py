"""A hand on the mouse and the keys of a napari window that counts what it does, and a pulse that finds stalls.

For the benchmarks that drive the real window. It sends Qt events to the widgets that a user's mouse would hit, and
never calls the plugin.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Hand", "Pulse", "pause", "resident_megabytes", "wait_until"]

_BEAT_MS = 5
_POLL_MS = 20


class Pulse:
    """Beats every 5 ms as long as the event loop is free; a longer gap is a stall and belongs to the last act.

    On a machine that is busy with other things a gap says little. So each is measured twice: on the clock, and as the
    time that the window's thread itself computed meanwhile.
    """

    def __init__(self) -> None:
        self.doing = "start"
        self._beats: list[tuple[float, float, str]] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin to beat."""
        self._timer.start(_BEAT_MS)

    def stop(self) -> None:
        """End it."""
        self._timer.stop()

    def _beat(self) -> None:
        self._beats.append((time.perf_counter(), time.thread_time(), self.doing))

    def report(self, worst: int = 8) -> dict[str, Any]:
        """Return longest gap, 99th percentile, how many lie above 50 ms, and the worst with what was done.

        ``own`` says the same of the time that the window's thread computed.
        """
        names = [doing for _, _, doing in self._beats[1:]]
        gaps, own = (np.diff([beat[n] for beat in self._beats]) * 1000 for n in (0, 1))
        return {
            "beats": len(self._beats),
            **_summary(gaps, names, worst),
            "own": _summary(own, names, worst),
        }


def _summary(gaps: NDArray[np.float64], names: list[str], worst: int) -> dict[str, Any]:
    by_act: dict[str, float] = {}
    for gap, doing in zip(gaps, names, strict=True):
        by_act[doing] = max(by_act.get(doing, 0.0), float(gap))
    return {
        "longest_ms": float(gaps.max()),
        "percentile_99_ms": float(np.percentile(gaps, 99)),
        "above_50_ms": int((gaps > 50).sum()),
        "worst": [{"ms": float(gaps[n]), "during": names[n]} for n in np.argsort(-gaps)[:worst]],
        "longest_ms_by_act": by_act,
    }


class Hand:
    """Clicks and types, and counts every click and key.

    Parameters
    ----------
    viewer
        napari's viewer.
    pulse
        Is told what is being done.
    """

    def __init__(self, viewer: Any, pulse: Pulse) -> None:
        self.acts: list[str] = []
        self._viewer = viewer
        self._pulse = pulse
        self.window = viewer.window._qt_window
        self._canvas = viewer.window._qt_viewer.canvas
        self._native = self._canvas.native

    def act(self, name: str) -> None:
        """Count one act."""
        self.acts.append(name)
        self._pulse.doing = name

    def wake(self) -> None:
        """Let the window have the keyboard, as a window manager would give it; no act."""
        # Events that come faster than any hand's can leave a submenu open that a user's click closes.
        while (menu := QApplication.activePopupWidget()) is not None:
            menu.close()
            pause(50)
        self.window.activateWindow()
        self._native.setFocus()
        wait_until(lambda: bool(self.window.isActiveWindow() and self._native.hasFocus()), 10)

    def place(self, image: Any, point: Sequence[float]) -> QPoint:
        """Return the canvas pixel that shows a point given in pixels of an image."""
        row, column = image.data_to_world(point)
        shown = self._canvas.view.scene.transform.map([column, row, 0, 1])
        return QPoint(round(shown[0] / shown[3]), round(shown[1] / shown[3]))

    def sees(self, image: Any, point: Sequence[float]) -> bool:
        """Whether a point of an image lies on the canvas."""
        return bool(self._native.rect().adjusted(2, 2, -2, -2).contains(self.place(image, point)))

    def click(
        self,
        image: Any,
        point: Sequence[float],
        name: str = "click on the canvas",
        *,
        button: Any = Qt.MouseButton.LeftButton,
        modifier: Any = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Click a point of an image on the canvas."""
        self.act(name)
        place = self.place(image, point)
        QTest.mouseMove(self._native, place)
        QTest.mouseClick(self._native, button, modifier, place)

    def press(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier, name: str = "key") -> None:
        """Press a key while the canvas has the focus."""
        self.act(name)
        QTest.keyClick(self._native, key, modifier)

    def answer_dialog(self, key: Any, name: str) -> None:
        """Press a key in the dialog that the next act opens, as soon as it is there."""
        timer = QTimer(self.window)
        timer.setInterval(50)

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is not None and dialog.isVisible():
                timer.stop()
                self.act(name)
                QTest.keyClick(dialog.focusWidget() or dialog, key)

        timer.timeout.connect(look)
        timer.start()

    def choose_in_menu(self, *path: str) -> None:
        """Click through the menu bar to an entry; each menu and the entry are one click."""
        bar: Any = self.window.menuBar()
        for title in path:
            action = next(a for a in bar.actions() if title in a.text().replace("&", ""))
            self.act(f"menu: {title}")
            QTest.mouseClick(
                bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, bar.actionGeometry(action).center()
            )
            menu = action.menu()
            if isinstance(menu, QMenu):
                wait_until(menu.isVisible, 5)
                pause(400)
                bar = menu


def pause(milliseconds: int) -> None:
    """Let the event loop run for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Let the event loop run until ``condition()`` holds.

    Raises
    ------
    TimeoutError
        If it does not hold after ``seconds``.
    """
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"still waiting after {seconds} s")
        pause(_POLL_MS)


def resident_megabytes() -> float:
    """Return the resident memory of this process, Linux only."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
