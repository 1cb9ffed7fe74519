"""The window never stands still for long while the dock opens: what the first click needs comes piece by piece."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import napari.settings
import pytest
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QFormLayout

from napari_iseg.ui import SegmentWidget
from napari_iseg.ui import _getting_ready as getting_ready
from napari_iseg.ui._loading import Loaded
from napari_iseg.ui._state import State
from napari_iseg.ui._status import StatusLine

from .conftest import DISCS, FloodPredictor, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

_OWN = ["Objects", "Live mask", "Prompts"]


@pytest.fixture
def open_dock(
    make_napari_viewer: Any, qtbot: Any, predictor: FloodPredictor
) -> Callable[[np.ndarray], tuple[Any, SegmentWidget]]:
    """Return a function that opens the dock beside an image and waits for nothing."""

    def open_it(image: np.ndarray) -> tuple[Any, SegmentWidget]:
        viewer = make_napari_viewer(show=True, strict_qt=True)
        viewer.add_image(image, name="image")
        widget = SegmentWidget(viewer, lambda _choice: Loaded(predictor, "CPU"))
        viewer.window.add_dock_widget(widget, name="Segment", area="right")
        return viewer, widget

    return open_it


class _LayoutRequests(QObject):
    """Counts how often the inside of a dock is laid out anew."""

    def __init__(self, inside: Any) -> None:
        super().__init__(inside)
        self.count = 0
        inside.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return super().eventFilter(watched, event)


def _own(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers if layer.name != "image"]


def test_the_event_loop_runs_between_any_two_layers(
    open_dock: Callable[..., tuple[Any, SegmentWidget]], discs: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_dock(discs)
    assert _own(viewer) == []
    assert widget.controller.state is State.PREPARING
    turns = 0
    seen_at: dict[int, int] = {}

    def turn() -> None:
        nonlocal turns
        turns += 1
        seen_at.setdefault(len(_own(viewer)), turns)

    timer = QTimer(widget)
    timer.timeout.connect(turn)
    timer.start(0)
    qtbot.waitUntil(lambda: not widget.controller.preparing, timeout=60000)
    timer.stop()
    assert _own(viewer) == _OWN
    # A turn between each was seen by somebody else in the same loop.
    assert {1, 2, 3} <= seen_at.keys()
    assert widget.controller.state is State.READY


def test_a_click_that_comes_first_makes_the_layers_at_once(
    open_dock: Callable[..., tuple[Any, SegmentWidget]], discs: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_dock(discs)
    widget.controller.click(DISCS[0], include=True)
    assert _own(viewer) == _OWN
    work = widget.controller.work
    qtbot.waitUntil(lambda: not widget.controller.preparing and not work.pending, timeout=60000)
    assert _own(viewer) == _OWN
    assert (work.session.mask == disc(0)).all()


def test_an_image_that_goes_meanwhile_gets_no_layers(
    open_dock: Callable[..., tuple[Any, SegmentWidget]], discs: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_dock(discs)
    viewer.layers.remove("image")
    qtbot.waitUntil(lambda: not widget.controller.getting_ready.busy, timeout=60000)
    qtbot.wait(100)
    assert list(viewer.layers) == []


def test_what_cannot_be_loaded_ahead_does_not_keep_the_dock_waiting(
    open_dock: Callable[..., tuple[Any, SegmentWidget]],
    discs: np.ndarray,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(getting_ready, "load_for_layers", fail)
    viewer, widget = open_dock(discs)
    qtbot.waitUntil(lambda: not widget.controller.preparing, timeout=60000)
    assert _own(viewer) == _OWN


def test_what_the_first_layers_load_is_there_before_them() -> None:
    code = """
import sys, napari
from napari_iseg.ui._getting_ready import load_for_layers
load_for_layers()
before = set(sys.modules)
import numpy as np
from napari.layers import Labels, Points
Labels(np.zeros((4, 5), np.uint8)); Points(np.empty((0, 2)))
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before} & {"pandas", "scipy"}))
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]")


def test_the_letters_of_the_tips_come_a_few_at_a_time_and_unseen(open_hand: Callable[..., Hand], discs: Any) -> None:
    napari.settings.get_plugin_settings("napari-iseg").guidance.tips = True
    hand = open_hand()
    overlay = hand.viewer.canvas.overlays.text
    shown: list[tuple[str, float]] = []
    overlay.events.text.connect(lambda text: shown.append((text, overlay.opacity)))
    hand.viewer.add_image(discs)
    hand.qtbot.waitUntil(lambda: overlay.text.startswith("1/4"), timeout=60000)
    unseen = [text for text, opacity in shown if opacity == 0]
    assert len(unseen) > 5
    assert all(len(set(two) - set(one)) <= 2 for one, two in zip(["", *unseen], unseen, strict=False))
    assert overlay.opacity == 1


def test_the_form_of_options_is_made_when_it_is_unfolded(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    options = open_hand(discs).widget.options
    assert options.isVisible()
    assert options.findChildren(QFormLayout) == []
    options.folded.expand()
    assert len(options.findChildren(QFormLayout)) == 1
    assert options.row("graph_cut").native.isVisible()


class _HeldPredictor(FloodPredictor):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def predict(self, *args: Any, **options: Any) -> Any:
        self.let.wait(300)
        return super().predict(*args, **options)


def test_the_turning_sign_does_not_lay_the_dock_out_anew(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    held = _HeldPredictor()
    hand = open_hand(discs, load=lambda _choice: Loaded(held, "CPU"))
    status = hand.widget.findChild(StatusLine)
    hand.click(*DISCS[0])

    def wait_for_turns(count: int) -> None:
        seen = [status.sign]
        while len(seen) <= count:
            hand.qtbot.waitUntil(lambda: status.sign != seen[-1], timeout=60000)
            seen.append(status.sign)

    # What the click itself changed in the dock is laid out by then.
    wait_for_turns(5)
    asked = _LayoutRequests(hand.widget.begin.parentWidget())
    wait_for_turns(5)
    assert asked.count == 0
    held.let.set()
    hand.wait()
    assert status.sign == "●"


def test_the_next_object_sets_the_points_once(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    drawn = []
    points = hand.layer("Prompts")
    points.events.data.connect(lambda event: drawn.append(len(points.data)) if event.action == "changed" else None)
    hand.click(*DISCS[1], modifier=Qt.KeyboardModifier.ControlModifier)
    hand.wait()
    assert drawn == [1]
    assert len(hand.widget.controller.finished) == 1
    assert tuple(points.data[0].round()) == DISCS[1]
