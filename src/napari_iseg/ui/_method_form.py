"""Which method, and with which weights: two rows of the dock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout

from napari_iseg.ui._elided_box import ElidedBox
from napari_iseg.ui._method_choice import MethodChoice
from napari_iseg.ui._telling import told
from napari_iseg.zoo import METHODS, find_method
from napari_iseg.zoo.weights import names_for, non_commercial_licence
from napari_iseg.zoo.weights_folder import show_once

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller

__all__ = ["MethodForm"]

TOOLTIP = Qt.ItemDataRole.ToolTipRole
_ASK = object()


class MethodForm(QObject):
    """Boxes for the method and its weights.

    Parameters
    ----------
    controller
        Whose method it is.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._form: QFormLayout | None = None
        self._listed: tuple[str | None, ...] = ()
        self.method_box = ElidedBox()
        self.method_box.setAccessibleName("Method")
        for spec in METHODS.values():
            self.method_box.addItem(spec.name, spec.name)
            self.method_box.setItemData(self.method_box.count() - 1, f"{spec.title}\n{spec.paper}", TOOLTIP)
        self.weights_box = ElidedBox()
        self.weights_box.setAccessibleName("Weights")
        self.weights_box.setToolTip("What the network was trained to be; released files can be used as they are.")
        self.method_box.activated.connect(self._on_method)
        self.weights_box.activated.connect(self._on_weights)

    def add_rows(self, form: QFormLayout) -> None:
        """Put the boxes into a form."""
        form.addRow("Method", self.method_box)
        form.addRow("Weights", self.weights_box)
        self._form = form

    def refresh(self) -> None:
        """Show the controller's choice."""
        choice = self._controller.answering.choice
        index = self.method_box.findData(choice.method)
        self.method_box.setCurrentIndex(index)
        self.method_box.setToolTip(self.method_box.itemData(index, TOOLTIP))
        if self._form is not None:
            self._form.setRowVisible(self.weights_box, find_method(choice.method).family is not None)
        self._list_weights(choice)

    def use_file(self, path: str | Path) -> None:
        """Use a weights file for the present method."""
        self._use(MethodChoice(self._controller.answering.choice.method, str(path)))

    def _use(self, choice: MethodChoice) -> None:
        """Use a choice, and say first what its weights may not be used for, if that was not said before."""
        terms = non_commercial_licence(choice.weights) if choice.weights else None
        if choice.weights and terms and show_once(choice.weights, terms):
            self._controller.said.emit(f"{Path(choice.weights).name}: not for commercial use. {terms}")
        self._controller.use(choice)

    def _list_weights(self, choice: MethodChoice) -> None:
        known: list[str | None] = list(names_for(choice.method))
        if choice.weights_in_use not in known:
            known.append(choice.weights_in_use)
        if tuple(known) != self._listed:
            self._listed = tuple(known)
            self.weights_box.clear()
            for name in known:
                self.weights_box.addItem("none yet: choose a file" if name is None else Path(name).name, name)
                if name is not None:
                    terms = "\nNot for commercial use." if non_commercial_licence(name) else ""
                    self.weights_box.setItemData(self.weights_box.count() - 1, f"{name}{terms}", TOOLTIP)
            self.weights_box.addItem("From a file…", _ASK)
        self.weights_box.setCurrentIndex(known.index(choice.weights_in_use))

    @told
    def _on_method(self, index: int) -> None:
        self._controller.use(MethodChoice(self.method_box.itemData(index)))

    @told
    def _on_weights(self, index: int) -> None:
        chosen = self.weights_box.itemData(index)
        if chosen is _ASK:
            self._ask()
        elif chosen is not None:
            choice = self._controller.answering.choice
            own = find_method(choice.method).weights
            self._use(replace(choice, weights=None if chosen == own else chosen, changes=()))

    def _ask(self) -> None:
        kinds = "Weights (*.safetensors *.pth *.pt *.ckpt)"
        path, _ = QFileDialog.getOpenFileName(self.weights_box.window(), "Weights file", "", kinds)
        if path:
            self.use_file(path)
        else:
            self.refresh()
