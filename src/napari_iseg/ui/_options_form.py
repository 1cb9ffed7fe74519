"""The options of the chosen method as a form that builds itself from the table of methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_iseg.ui._fold import Fold
from napari_iseg.ui._telling import told
from napari_iseg.zoo import describe_options

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.zoo import OptionInfo

__all__ = ["OptionsForm"]

# A value that is still being typed or wheeled asks the method only when it rests.
_REST_MS = 400
# Qt's spin boxes need ends; these are beyond any sensible value.
_MOST = 1_000_000


class OptionsForm(QWidget):
    """A folded form with one row an option; a change is applied, and the unfinished objects are asked again.

    The rows are made when they are first looked at: most users never do, and the dock opens sooner.

    Parameters
    ----------
    controller
        Whose method it is.
    parent
        The dock.
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._shown: MethodChoice | None = None
        self._infos: list[OptionInfo] = []
        self._rows: dict[str, Any] = {}
        self.folded = Fold("Options", "The method's own options; what is best for these weights is set already.")
        self.folded.toggled.connect(self._on_folded)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.folded)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._apply)

    @property
    def is_empty(self) -> bool:
        """Whether the method has no options."""
        return not self._infos

    @property
    def values(self) -> dict[str, Any]:
        """What the form shows, by option."""
        return {name: row.value for name, row in self._made_rows().items()}

    def row(self, name: str) -> Any:
        """Return the magicgui widget of an option."""
        return self._made_rows()[name]

    def refresh(self) -> None:
        """Show the controller's method; a form for another method is built anew."""
        choice = self._controller.answering.choice
        if choice == self._shown or self._rest.isActive():
            return
        if self._shown is None or self._shown.method != choice.method:
            self._infos = [info for info in describe_options(choice.best_options) if info.name != "threshold"]
            self._rows = {}
            self.setVisible(not self.is_empty)
        self._shown = choice
        if self._rows:
            self._fill()
        elif self.folded.isExpanded():
            self._build()

    def _on_folded(self, unfolded: bool) -> None:
        if unfolded:
            self._made_rows()

    def _made_rows(self) -> dict[str, Any]:
        if not self._rows:
            self._build()
        return self._rows

    def _fill(self) -> None:
        options = self._controller.answering.choice.options
        for name, row in self._rows.items():
            with row.changed.blocked():
                row.value = _single(getattr(options, name))

    def _build(self) -> None:
        self._rows = {info.name: _row(info) for info in self._infos}
        self._fill()
        for row in self._rows.values():
            row.changed.connect(self._on_row)
        form = QFormLayout()
        for info in self._infos:
            row = self._rows[info.name]
            row.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            label = QLabel(info.name.replace("_", " ").replace("iou", "IoU"))
            label.setToolTip(info.description)
            row.native.setAccessibleName(label.text())
            form.addRow(label, row.native)
        reset = QPushButton("Reset options")
        reset.setToolTip("Back to what is best for these weights.")
        reset.clicked.connect(self.reset)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(reset)
        self.folded.put(content)

    def _on_row(self, _value: Any) -> None:
        self._rest.start()

    @told
    def reset(self) -> None:
        """Go back to the best options for the weights in use."""
        self._rest.stop()
        self._controller.use(replace(self._controller.answering.choice, changes=()))

    @told
    def _apply(self) -> None:
        choice = self._controller.answering.choice
        # A row shows one number where an option is a pair; only what was changed by hand counts.
        moved = {n: v for n, v in self.values.items() if v != _single(getattr(choice.options, n))}
        self._controller.use(choice.with_options(moved))


def _row(info: OptionInfo) -> Any:
    """Return the magicgui widget of an option."""
    facts: dict[str, Any] = {
        "name": info.name,
        "label": "",
        "tooltip": info.description,
        "value": _single(info.default),
    }
    if info.kind == "bool":
        box = CheckBox(**facts)
        # The form's label says it already.
        box.native.setText("")
        return box
    if info.choices is not None:
        return ComboBox(choices=info.choices, **facts)
    low = min([info.minimum if info.minimum is not None else info.above or 0, *info.also])
    high = info.maximum if info.maximum is not None else info.below if info.below is not None else _MOST
    if info.kind == "float":
        return FloatSpinBox(min=low, max=high, step=_step(info.default), **facts)
    return SpinBox(min=int(low), max=int(high), step=1, **facts)


def _step(value: float) -> float:
    """Return a twentieth of a value as a round number."""
    return float(f"{max(abs(value), 0.1) / 20:.0e}")


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value
