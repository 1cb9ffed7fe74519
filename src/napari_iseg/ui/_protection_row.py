"""The choice of what happens to finished objects, and the question that is asked in the dock, never in a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_iseg.ui._protection import Protection
from napari_iseg.ui._telling import told

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller

__all__ = ["ProtectionRow"]

_TIPS = {
    Protection.KEEP: "A new object takes only pixels that belong to no finished one.",
    Protection.OVERWRITE: "A new object takes its pixels from finished ones, too.",
    Protection.ASK: "Asks here, in the dock, when a new object lies over finished ones.",
}


class ProtectionRow(QWidget):
    """Keep, overwrite or ask; and under it the question, while one is open.

    Parameters
    ----------
    controller
        Whose guard it is.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self.rule_box = QComboBox()
        self.rule_box.setAccessibleName("What happens to finished objects under a new one")
        for number, rule in enumerate(Protection):
            self.rule_box.addItem(rule.value)
            self.rule_box.setItemData(number, _TIPS[rule], Qt.ItemDataRole.ToolTipRole)
        self.rule_box.activated.connect(self._on_rule)
        label = QLabel("Finished objects")
        label.setBuddy(self.rule_box)
        # The dock shows it among what is rarely used.
        self.rule = QWidget(self)
        row = QHBoxLayout(self.rule)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.rule_box, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.rule)
        layout.addWidget(self._make_question())
        self.rule_box.setToolTip(_TIPS[controller.guard.rule])

    def _make_question(self) -> QWidget:
        self.question = QWidget()
        self.question_text = QLabel()
        self.question_text.setWordWrap(True)
        self.keep_button = QPushButton("Keep them  (Q)")
        self.keep_button.setToolTip("Accept the object without the pixels that are taken.")
        self.keep_button.clicked.connect(self._on_keep)
        self.overwrite_button = QPushButton("Overwrite")
        self.overwrite_button.setToolTip("Accept the object whole.")
        self.overwrite_button.clicked.connect(self._on_overwrite)
        buttons = QHBoxLayout()
        buttons.addWidget(self.keep_button)
        buttons.addWidget(self.overwrite_button)
        layout = QVBoxLayout(self.question)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.question_text)
        layout.addLayout(buttons)
        self.question.hide()
        return self.question

    def refresh(self) -> None:
        """Show the question that is open for the object on the canvas, if there is one."""
        rule = self._controller.guard.rule
        self.rule_box.setCurrentIndex(list(Protection).index(rule))
        self.rule_box.setToolTip(_TIPS[rule])
        question = self._controller.guard.question_on(self._controller.work)
        self.question.setVisible(question is not None)
        # Empty it would still take the room between two rows.
        self.setVisible(question is not None)
        if question is not None:
            self.question_text.setText(f"{question.words} Further clicks go on with the object.")

    def _on_rule(self, index: int) -> None:
        rule = list(Protection)[index]
        self._controller.guard.rule = rule
        self._controller.guard.dismiss()
        self._controller.changed.emit()

    @told
    def _on_keep(self, _checked: bool = False) -> None:
        self._controller.accepting.answer(overwrite=False)

    @told
    def _on_overwrite(self, _checked: bool = False) -> None:
        self._controller.accepting.answer(overwrite=True)
