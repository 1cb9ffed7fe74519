"""Images into the window: napari's reader, and the dock's own way, which reads in a thread and asks in the window."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari import current_viewer
from napari.layers import Layer
from napari.utils.notifications import show_error, show_warning
from npe2 import read
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.io import readers
from napari_iseg.io.choices import choices_in, holds_choices
from napari_iseg.io.several import SEPARATOR, split_choice
from napari_iseg.ui._choice_dialog import ChoiceDialog
from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_iseg.io.several import Choice

__all__ = ["Opening", "ask_for_files", "ask_for_folder", "asking_window", "get_reader", "read_again", "show_layers"]

LayerData = tuple[Any, ...]

# What napari takes for "read, but there is nothing to show".
_NOTHING: list[LayerData] = [(None,)]


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return what reads a path for napari, or None if the path is not for this plugin.

    With a window the reader asks which of several images is meant and shows what the user should know; without one it
    takes the largest, see :func:`napari_iseg.io.read_image`.

    Parameters
    ----------
    path
        One path or address, or several that napari wants as one stack, which this reader leaves to others.
    """
    read = readers.get_reader(path)
    if read is None:
        return None
    return _read_asking if asking_window() is not None else read


def asking_window() -> QWidget | None:
    """Return the window in which the user can be asked, None where there is none."""
    if QApplication.instance() is None or current_viewer() is None:
        return None
    return QApplication.activeWindow() or next(
        (widget for widget in QApplication.topLevelWidgets() if widget.isVisible()), None
    )


def _read_asking(path: str | Sequence[str]) -> list[LayerData]:
    # napari waits for the layers, so here the question has to wait for its answer.
    given = [path] if isinstance(path, str) else list(path)
    layers: list[LayerData] = []
    for item in given:
        names: list[str] = [item]
        if holds_choices(item) and split_choice(item)[1] is None:
            choices = choices_in(item)
            if len(choices) > 1:
                dialog = ChoiceDialog(item, choices, asking_window())
                names = [f"{item}{SEPARATOR}{name}" for name in dialog.chosen] if dialog.exec() else []
                dialog.deleteLater()
        for name in names:
            layers += readers.open_layers(name)
    tell_notes(layers)
    return layers or _NOTHING


def tell_notes(layers: Iterable[LayerData]) -> None:
    """Show the sentences that come with layers: what is missing, or not as it looks."""
    for _, attributes, _ in layers:
        for note in attributes["metadata"]["napari_iseg"].get("notes", ()):
            show_warning(note)


class Opening:
    """Opens images in the viewer: they are read in a thread, and the question which one is asked in the window.

    Parameters
    ----------
    viewer
        Where they are shown.
    workers
        Read.
    parent
        What questions belong to.
    """

    def __init__(self, viewer: Viewer, workers: Workers, parent: QWidget | None) -> None:
        self._viewer, self._workers, self._parent = viewer, workers, parent
        self.dialog: ChoiceDialog | None = None

    def open(self, paths: Iterable[str]) -> None:
        """Open files, folders or addresses, each as an image of its own."""
        for path in paths:
            if holds_choices(path) and split_choice(path)[1] is None:
                self._workers.start(partial(_list, path), partial(self._ask, path), _fail)
            else:
                self._read(path)

    def _ask(self, path: str, choices: list[Choice]) -> None:
        if len(choices) < 2:
            self._read(path)
            return
        dialog = ChoiceDialog(path, choices, self._parent)
        self.dialog = dialog
        dialog.accepted.connect(lambda: self.open(f"{path}{SEPARATOR}{name}" for name in dialog.chosen))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _read(self, path: str) -> None:
        self._workers.start(lambda _cancelled: readers.open_layers(path), self._show, _fail)

    def _show(self, layers: list[LayerData]) -> None:
        show_layers(self._viewer, layers)


def show_layers(viewer: Viewer, layers: list[LayerData]) -> None:
    """Show what was read, and the sentences that come with it."""
    first = not viewer.layers
    for data, attributes, kind in layers:
        viewer.add_layer(Layer.create(data, attributes, kind))
    if first:
        viewer.reset_view()
    tell_notes(layers)


def read_again(source: str) -> list[LayerData]:
    """Read a file that was open before, as then: with this plugin's reader or with napari's own.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    if readers.get_reader(source) is not None:
        return readers.open_layers(source)
    try:
        found: list[Any] = read([source], stack=False, plugin_name="napari")
    except Exception as error:
        raise ImageError(f"{source} cannot be opened any more ({error}); put the file back.") from error
    layers: list[LayerData] = []
    for one in found:
        # npe2 lets attributes and kind be left out.
        given: LayerData = (*tuple(one), *({}, "image")[len(one) - 1 :])
        ours = {"name": Path(source).stem, "metadata": {"napari_iseg": {"source": source}}}
        layers.append((given[0], {**ours, **given[1]}, given[2]))
    return layers


def _list(path: str, _cancelled: Callable[[], bool]) -> list[Choice]:
    return choices_in(path)


def _fail(error: Exception) -> None:
    if not isinstance(error, IsegError):
        raise error
    show_error(str(error))


def ask_for_files(viewer: Viewer) -> None:
    """Ask for image files and open them with scale, units, channels and contrast, whatever other readers there are."""
    parent = asking_window()
    paths, _ = QFileDialog.getOpenFileNames(parent, "Open a stack or volume")
    _opening(viewer, parent).open(paths)


def ask_for_folder(viewer: Viewer) -> None:
    """Ask for a folder and open it as one image: DICOM, slices, OME-Zarr, a case of BraTS or OAI-ZIB."""
    parent = asking_window()
    folder = QFileDialog.getExistingDirectory(parent, "Open a folder as one image")
    if folder:
        _opening(viewer, parent).open([folder])


def _opening(viewer: Viewer, parent: QWidget | None) -> Opening:
    return Opening(viewer, Workers(parent), parent)
