"""When Delete means a prompt: not in a list of layers or objects, and not while a layer's own tool has the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QAbstractItemView, QApplication

if TYPE_CHECKING:
    from qtpy.QtGui import QShortcut  # type: ignore[attr-defined]  # qtpy moves it here for every binding

    from napari_iseg.ui._controller import Controller

__all__ = ["only_on_the_canvas"]


def only_on_the_canvas(shortcut: QShortcut, controller: Controller) -> None:
    """Leave a key to others where the focus is in a list, a layer's tool has the mouse, or there is no prompt."""

    def decide(_old: Any = None, focused: Any = None) -> None:
        widget = focused or QApplication.focusWidget()
        work = controller.work
        there = work is not None and bool(work.prompts)
        shortcut.setEnabled(there and not controller.busy_tool and not isinstance(widget, QAbstractItemView))

    def changed() -> None:
        decide()

    application = QApplication.instance()
    if isinstance(application, QApplication):
        application.focusChanged.connect(decide)
        shortcut.destroyed.connect(lambda: application.focusChanged.disconnect(decide))
    controller.changed.connect(changed)
    shortcut.destroyed.connect(lambda: controller.changed.disconnect(changed))
    decide()
