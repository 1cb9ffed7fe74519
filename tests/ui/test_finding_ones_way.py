"""A user without an image, without a mouse, or with keys of his own finds his way."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import napari.settings
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from napari_iseg.ui._adapt_widget import AdaptWidget
from napari_iseg.ui._evaluate_widget import EvaluateWidget
from napari_iseg.ui._protection import Protection

from .conftest import DISCS, Hand, disc  # noqa: TID252 - the tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KINDS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QAbstractSlider, QAbstractItemView)


def test_an_empty_window_offers_a_sample_and_goes_on_with_it(open_hand: Callable[..., Hand]) -> None:
    hand = open_hand()
    begin = hand.widget.begin
    assert "Open an image to begin" in begin.label.text()
    assert not hand.widget.panel.isVisible()
    hand.qtbot.mouseClick(begin.sample_buttons["Cell"], Qt.MouseButton.LeftButton)
    assert "Opening" in begin.label.text()
    hand.qtbot.waitUntil(lambda: hand.widget.controller.image is not None, timeout=20000)
    hand.wait()
    assert hand.widget.controller.image.name == "cell"
    assert not begin.isVisible()
    assert hand.widget.panel.isVisible()
    hand.viewer.layers.remove("cell")
    assert begin.isVisible()


def test_an_empty_table_says_what_comes_there(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    table = hand.widget.objects.table
    assert "Accepted objects" in table.hint
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    assert table.hint == ""
    hand.widget.objects.search.setText("no such words")
    assert "No object" in table.hint


def test_two_acts_on_one_key_are_told_once(open_hand: Callable[..., Hand], discs: np.ndarray, notes: list[str]) -> None:
    hand = open_hand(discs)
    keys = napari.settings.get_plugin_settings("napari-iseg").keys
    keys.swap_sign = "Q"
    told = [note for note in notes if note.startswith("The key Q ")]
    assert len(told) == 1
    assert "Swap include and exclude" in told[0]
    assert "Accept the object" in told[0]
    keys.accept_object = "Shift+Q"
    keys.brush_tool = "W"
    assert [note for note in notes if note.startswith("The key")] == [told[0], notes[-1]]
    assert "Next proposal" in notes[-1]
    hand.widget.tools.show_sheet()
    assert "The key W" in hand.widget.tools.sheet.text.text()


def controls_of(dock: QWidget) -> list[Any]:
    """Return what a user can change in a dock, whether it is shown now or not."""
    owners = QAbstractSpinBox | QComboBox | QAbstractItemView | QLineEdit
    found = [w for w in dock.findChildren(QWidget) if isinstance(w, _KINDS) and not isinstance(w, QScrollBar)]

    def is_part(widget: QWidget | None) -> bool:
        while widget is not None and widget is not dock:
            widget = widget.parentWidget()
            if isinstance(widget, owners):
                return True
        return False

    return [w for w in found if not is_part(w)]


def says_what_it_is(control: Any, dock: QWidget) -> bool:
    # Qt names a control after the label that it is the buddy of.
    if control.accessibleName().strip() or any(label.buddy() is control for label in dock.findChildren(QLabel)):
        return True
    if isinstance(control, QAbstractButton) and any(letter.isalpha() for letter in control.text()):
        return True
    # The parts of a slider with a number: the whole has the name.
    parent = control.parentWidget()
    return (
        isinstance(parent, QAbstractSlider | QWidget)
        and type(parent).__module__.startswith("superqt.sliders")
        and (bool(parent.accessibleName()))
    )


def test_every_control_of_every_dock_says_what_it_is(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    adapt = AdaptWidget(hand.viewer)
    hand.viewer.window.add_dock_widget(adapt, name="Adapt", area="right")
    evaluate = EvaluateWidget(hand.viewer)
    hand.viewer.window.add_dock_widget(evaluate, name="Evaluate", area="right")
    hand.qtbot.wait(50)
    hand.widget.tools.show_sheet()
    for dock in (hand.widget, adapt, evaluate, hand.widget.tools.sheet):
        controls = controls_of(dock)
        assert len(controls) > 1
        assert [type(c).__name__ for c in controls if not says_what_it_is(c, dock)] == []


def test_the_tab_key_goes_from_top_to_bottom_and_what_has_the_keyboard_shows_it(
    open_hand: Callable[..., Hand], discs: np.ndarray
) -> None:
    hand = open_hand(discs)
    hand.click(*DISCS[0])
    hand.wait()
    hand.window.resize(1000, 900)
    hand.qtbot.wait(100)
    first = hand.widget.image_box
    first.setFocus(Qt.FocusReason.TabFocusReason)
    seen: list[Any] = []
    for _ in range(60):
        now = QApplication.focusWidget()
        if now is None or not hand.widget.isAncestorOf(now) or now in seen:
            break
        seen.append(now)
        hand.qtbot.keyClick(now, Qt.Key.Key_Tab)
    assert hand.widget.export_row.load_button in seen
    tops = [widget.mapTo(hand.widget, QPoint(0, widget.height() // 2)).y() for widget in seen]
    assert all(later > earlier - 12 for earlier, later in pairwise(tops)), tops
    button = hand.widget.panel.accept_button
    before = button.grab().toImage()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    hand.qtbot.wait(50)
    after = button.grab().toImage()
    assert before != after


def test_a_wheel_over_the_dock_scrolls_and_changes_nothing(open_hand: Callable[..., Hand], discs: np.ndarray) -> None:
    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QWheelEvent

    hand = open_hand(discs)
    hand.native.setFocus()
    box = hand.widget.method.method_box
    method = box.currentText()
    place = QPointF(box.rect().center())
    none = Qt.KeyboardModifier.NoModifier
    for _ in range(2):
        turn = QWheelEvent(
            place,
            QPointF(box.mapToGlobal(place.toPoint())),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            none,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, turn)
    assert box.currentText() == method
    box.setFocus()
    QApplication.sendEvent(box, turn)
    assert box.currentText() != method


def test_classes_colours_and_protection_come_back_with_a_session(
    open_hand: Callable[..., Hand], discs: np.ndarray, tmp_path: Path, notes: list[str]
) -> None:
    hand = open_hand(discs)
    hand.widget.objects.classes.add("nucleus")
    hand.widget.objects.classes.set_colour("#123456")
    hand.widget.panel.protection.rule_box.activated.emit(2)
    hand.click(*DISCS[0])
    hand.wait()
    hand.press(Qt.Key.Key_Q)
    path = tmp_path / "s.iseg.json"
    hand.widget.save_session(path)
    hand.wait_for_note(notes, "saved")
    values = json.loads(path.read_text())
    assert values["facts"]["classes"] == [{"name": "nucleus", "colour": "#123456"}]
    values["facts"]["somebody's"] = {"own": 1}
    path.write_text(json.dumps(values))
    again = open_hand(discs)
    again.widget.load_session(path)
    again.wait_for_note(notes, "put back")
    controller = again.widget.controller
    assert controller.classes.colour("nucleus") == "#123456"
    assert controller.classes.current == "nucleus"
    assert controller.guard.rule is Protection.ASK
    assert again.widget.panel.protection.rule_box.currentText() == "Ask"
    assert np.array_equal(again.layer("Objects").data, disc(0))
    again.widget.save_session(tmp_path / "t.iseg.json")
    again.qtbot.waitUntil((tmp_path / "t.iseg.json").exists, timeout=5000)
    assert json.loads((tmp_path / "t.iseg.json").read_text())["facts"]["somebody's"] == {"own": 1}
    values["facts"] = {"classes": "none", "protection": 3}
    path.write_text(json.dumps(values))
    old = open_hand(discs)
    old.widget.load_session(path)
    old.qtbot.waitUntil(lambda: len(old.widget.controller.finished) == 1, timeout=5000)
    assert old.widget.controller.guard.rule is Protection.KEEP
