"""What the dock "Evaluate" is asked: which image and reference, which methods, how many objects, and how."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QGridLayout, QLabel, QSpinBox, QWidget

from napari_iseg.errors import ImageError, OptionError
from napari_iseg.io.labelled_arrays import LabelledArray, check_reference
from napari_iseg.ui._confidence import is_image, is_view
from napari_iseg.ui._contrast import layer_look
from napari_iseg.ui._elided_box import ElidedBox
from napari_iseg.ui._evaluate_methods import KINDS, MethodList
from napari_iseg.ui._evaluate_work import Wish
from napari_iseg.ui._plane_view import full_data, grid_shape, shown_plane
from napari_iseg.ui._square_pixels import plane_pixel_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_iseg.planes import PlaneAddress

__all__ = ["EvaluateForm"]

_OBJECTS, _MOST_OBJECTS = 10, 100_000


class EvaluateForm(QWidget):
    """The rows at the top of the dock.

    Parameters
    ----------
    viewer
        Whose layers.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._images: list[Any] = []
        self._references: list[Any] = []
        self.image_box = _layer_box("Image", "The image that the methods see, in the contrast that the layer shows.")
        self.labels_box = _layer_box("Reference", "A Labels layer of the image's size whose objects are right.")
        self.methods = MethodList()
        self.prompt_box = QComboBox()
        self.prompt_box.setAccessibleName("Kind of prompt")
        self.prompt_box.setToolTip(
            "Clicks or scribbles correct the largest error until the mask is good; a box is given once."
        )
        for kind, (title, _) in KINDS.items():
            self.prompt_box.addItem(title, kind)
        self._make_numbers()
        self.plane_box = QCheckBox("Only the plane that is shown")
        self.plane_box.setToolTip("Otherwise each object is taken on the plane where it is largest.")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow("Image", self.image_box)
        form.addRow("Reference", self.labels_box)
        form.addRow("Methods", self.methods)
        form.addRow("Prompts", self.prompt_box)
        form.addRow("Objects", self._numbers_row())
        form.addRow("", self.plane_box)
        self.prompt_box.currentIndexChanged.connect(self._on_kind)
        self.image_box.currentIndexChanged.connect(self._on_image)
        self.refresh()

    def _make_numbers(self) -> None:
        self.objects_box = QSpinBox()
        self.objects_box.setRange(0, _MOST_OBJECTS)
        self.objects_box.setValue(_OBJECTS)
        self.objects_box.setSpecialValueText("all")
        self.objects_box.setAccessibleName("Number of objects")
        self.objects_box.setToolTip("At most so many objects, spread over the planes; 0 takes all.")
        self.clicks_box = QSpinBox()
        self.clicks_box.setRange(1, 100)
        self.clicks_box.setValue(20)
        self.clicks_box.setAccessibleName("Most clicks")
        self.clicks_box.setToolTip("The simulated user gives up after so many; published evaluations give 20.")
        self.target_box = QDoubleSpinBox()
        self.target_box.setRange(0.5, 1.0)
        self.target_box.setSingleStep(0.05)
        self.target_box.setValue(0.90)
        self.target_box.setAccessibleName("IoU that is good enough")
        self.target_box.setToolTip(
            "The simulated user stops at this overlap with the reference (IoU, 1 is the same); published evaluations "
            "stop at 0.90."
        )

    def _numbers_row(self) -> QGridLayout:
        self._clicks_label, self._target_label = QLabel("At most"), QLabel("to IoU")
        row = QGridLayout()
        row.setHorizontalSpacing(6)
        for column, part in enumerate(
            (self.objects_box, self._clicks_label, self.clicks_box, self._target_label, self.target_box)
        ):
            row.addWidget(part, 0, column)
        for column in (0, 2, 4):
            row.setColumnStretch(column, 1)
        return row

    @property
    def image(self) -> Any:
        """The chosen Image layer, or None."""
        return _chosen(self.image_box, self._images)

    @property
    def reference(self) -> Any:
        """The chosen Labels layer, or None."""
        return _chosen(self.labels_box, self._references)

    def refresh(self, _event: Any = None) -> None:
        """Show the layers that there are now; what was chosen stays chosen."""
        layers = list(reversed(self._viewer.layers))
        self._images = _list(self.image_box, self._images, [layer for layer in layers if is_image(layer)])
        self._references = _list(self.labels_box, self._references, [one for one in layers if _may_be_reference(one)])
        self._on_image()

    def wish(self) -> Wish:
        """Return what is to be done.

        Raises
        ------
        OptionError
            If no method is ticked.
        """
        contestants = self.methods.contestants
        if not contestants:
            raise OptionError("No method is ticked; tick at least one of those that take this kind of prompt.")
        return Wish(
            contestants,
            self.prompt_box.currentData(),
            self.objects_box.value() or None,
            self.clicks_box.value(),
            round(self.target_box.value(), 2),
        )

    def source(self) -> Callable[[], LabelledArray]:
        """Return what makes the chosen image with its reference, to be called in a thread.

        Raises
        ------
        ImageError
            If there is no image or reference, they do not belong together, or no plane is shown.
        """
        image, reference = self.image, self.reference
        if image is None:
            raise ImageError("There is no image yet; open one, and a Labels layer whose objects are right.")
        if reference is None:
            raise ImageError("There is no Labels layer to judge by; open or draw one whose objects are right.")
        labels = full_data(reference)
        check_reference(image.name, grid_shape(image), reference.name, labels)
        plane = shown_plane(self._viewer.dims, image)
        if plane is None:
            raise ImageError(
                f"The image {image.name!r} is not shown as a plane; go back from 3-D to 2-D, to a plane of it."
            )
        return partial(
            LabelledArray,
            image.name,
            full_data(image),
            labels,
            self._planes(grid_shape(image), plane),
            reference=reference.name,
            look=layer_look(image)[1],
            pixel_size=plane_pixel_size(image, plane),
        )

    def lock(self, *, locked: bool) -> None:
        """Let nobody change anything while it is being done."""
        self.setEnabled(not locked)

    def _planes(self, grid: tuple[int, ...], plane: PlaneAddress) -> dict[int | None, PlaneAddress]:
        axis = _slicing_axis(grid, plane)
        if axis is None:
            return {None: plane}
        if self.plane_box.isChecked():
            return {plane.position(axis): plane}
        return {position: plane.at(axis, position) for position in range(grid[axis])}

    def _on_kind(self, _index: int = 0) -> None:
        kind = self.prompt_box.currentData()
        self.methods.use_kind(kind)
        for part in (self.clicks_box, self.target_box, self._clicks_label, self._target_label):
            part.setEnabled(kind != "box")

    def _on_image(self, _index: int = 0) -> None:
        image = self.image
        self.plane_box.setVisible(image is not None and sum(size > 1 for size in grid_shape(image)) > 2)


def _slicing_axis(grid: tuple[int, ...], plane: PlaneAddress) -> int | None:
    """Return the axis along which planes follow one another: z of (t, z, y, x); None of a single plane."""
    long = [axis for axis in plane.other_axes if grid[axis] > 1]
    return long[-1] if long else None


def _may_be_reference(layer: Any) -> bool:
    return isinstance(layer, Labels) and not is_view(layer) and not layer.name.startswith("Live mask")


def _layer_box(name: str, tip: str) -> ElidedBox:
    box = ElidedBox()
    box.setAccessibleName(name)
    box.setToolTip(tip)
    return box


def _chosen(box: QComboBox, layers: list[Any]) -> Any:
    index = box.currentIndex()
    return layers[index] if 0 <= index < len(layers) else None


def _list(box: QComboBox, before: list[Any], layers: list[Any]) -> list[Any]:
    """List layers in a box, the chosen one still chosen; return them."""
    chosen = _chosen(box, before)
    box.blockSignals(True)
    box.clear()
    box.addItems([layer.name for layer in layers])
    if any(layer is chosen for layer in layers):
        box.setCurrentIndex(next(index for index, layer in enumerate(layers) if layer is chosen))
    box.blockSignals(False)
    box.setEnabled(bool(layers))
    return layers
