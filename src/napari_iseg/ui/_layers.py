"""The layers that the plugin adds to an image: objects, live mask, clicks, boxes and scribbles. They are views only."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.ui._outlines import grown, mask_colours, outlined, union
from napari_iseg.ui._placement import add_placed, follow_placement, placement_of
from napari_iseg.ui._plane_view import grid_shape
from napari_iseg.ui._prompt_shapes import PromptShapes
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.inference.session import Session
    from napari_iseg.interactions import Click
    from napari_iseg.planes import PlaneAddress

__all__ = ["LABEL_TYPE", "WorkLayers"]

LABEL_TYPE = np.uint16
"""Of the Objects layer: 65,535 objects, drawn several times faster than int32, and what other programs expect."""

INCLUDE = "#2ee66b"
EXCLUDE = "#ff3df0"
# napari silences this itself while it makes the colours of a Labels layer, but a worker that ends meanwhile puts back
# the filters of the whole process as they were when it began, and the user would be told of colour spaces.
warnings.filterwarnings("ignore", "Conversion from CIE-LAB", UserWarning)

_POINTS_PER_IMAGE = 40
_SYMBOLS = {True: "disc", False: "x"}
_COLOURS = {True: INCLUDE, False: EXCLUDE}


class WorkLayers:
    """The layers of one image. A layer that the user removed is made anew when it is needed again.

    Parameters
    ----------
    viewer
        Where they are shown.
    image
        The Image layer that they belong to: they take over its grid, scale, rotation, translation and affine.
    """

    def __init__(self, viewer: Viewer, image: Any) -> None:
        self._viewer = viewer
        self._image = image
        self._shape = grid_shape(image)
        self._objects: Any = None
        self._live: Any = None
        self._prompts: Any = None
        self._strokes: Any = None
        self.shapes = PromptShapes(self._strokes_layer, lambda: self.is_there(self._strokes), self._pixel, _COLOURS)
        self._given: list[tuple[PlaneAddress, Click]] = []
        # Prompts that are drawn later; None where they are drawn at once.
        self._waiting: list[list[tuple[PlaneAddress, Click]]] | None = None
        self._drawn: dict[PlaneAddress, tuple[slice, slice]] = {}
        follow_placement(image, self._shown_ones)

    @property
    def objects(self) -> Any:
        """The Labels layer of finished objects, (grid of the image) uint16; made if it is not there."""
        if not self.is_there(self._objects):
            self._objects = self._add_labels(self._name("Objects"), np.zeros(self._shape, LABEL_TYPE), opacity=0.6)
        return self._objects

    @property
    def has_objects(self) -> bool:
        """Whether the layer of finished objects is among the viewer's layers."""
        return self.is_there(self._objects)

    def is_objects(self, layer: Any) -> bool:
        """Whether ``layer`` is the one of finished objects."""
        return self._objects is not None and bool(layer == self._objects)

    def is_own(self, layer: Any) -> bool:
        """Whether ``layer`` is one of those that the plugin made."""
        return any(layer is own for own in (self._objects, self._live, self._prompts))

    def is_there(self, layer: Any) -> bool:
        """Whether ``layer`` is among the viewer's layers."""
        return layer is not None and layer in self._viewer.layers

    def restore_objects(self) -> None:
        """Put a removed layer of finished objects back."""
        if self._objects is not None and not self.is_there(self._objects):
            self._add(self._objects)

    def take_over(self, other: WorkLayers) -> None:
        """Use the layers that another image had, emptied, for an image of as many axes."""
        for layer in (other._objects, other._live, other._prompts):
            if not self.is_there(layer):
                continue
            flat = layer is other._prompts
            layer.data = np.empty((0, len(self._shape))) if flat else np.zeros(self._shape, layer.data.dtype)
            for name, value in self._placement().items():
                setattr(layer, name, value)
            layer.affine = np.asarray(self._image.affine)
        if self.is_there(other._objects):
            # What was painted there can be undone no more: this is how napari forgets it.
            other._objects.editable = False
            other._objects.editable = True
        if self.is_there(other._prompts):
            other._prompts.current_size = max(self._shape) / _POINTS_PER_IMAGE
        self._objects, self._live, self._prompts = other._objects, other._live, other._prompts
        other._take_away(other._strokes)

    def remove(self) -> None:
        """Take the layers and their image out of the window."""
        for layer in (self._strokes, self._prompts, self._live, self._objects, self._image):
            self._take_away(layer)

    def _take_away(self, layer: Any) -> None:
        layers = self._viewer.layers
        if self.is_there(layer):
            # From the top: with OpenGL in software, taking a layer from below others can end the process.
            layers.move(layers.index(layer), len(layers))
            layers.remove(layer)

    def forget_objects(self) -> None:
        """Let go of the layer of finished objects; the next object starts a new one."""
        self._objects = None

    def prepare(self) -> None:
        """Make them now, so that the first click need not wait for it, and put them above the image.

        Objects that the user removed are left out: they come back by undo, or begin anew with the next object.
        """
        for _ in self.prepare_in_steps():
            pass

    def prepare_in_steps(self) -> Iterator[None]:
        """Do what :meth:`prepare` does, pausing after each layer: napari takes a tenth of a second to add one."""
        for make in (self._objects_to_show, self._live_mask, self._prompts_layer):
            layer = make()
            if layer is not None:
                self._put_above_image(layer)
                yield
        self.show(visible=True)

    def _objects_to_show(self) -> Any:
        return self.objects if self._objects is None or self.has_objects else None

    def _put_above_image(self, layer: Any) -> None:
        layers = self._viewer.layers
        if self.is_there(self._image) and layers.index(layer) < layers.index(self._image):
            layers.move(layers.index(layer), len(layers))

    def show(self, *, visible: bool) -> None:
        """Show or hide the live mask and the prompts; the finished objects stay as they are."""
        for layer in self._shown_ones():
            if not self.is_objects(layer):
                layer.visible = visible

    def _shown_ones(self) -> list[Any]:
        return [layer for layer in (self._objects, self._live, self._prompts, self._strokes) if self.is_there(layer)]

    def draw_prompts(self, prompts: Iterable[tuple[PlaneAddress, Click]]) -> None:
        """Show these prompts and no others."""
        given = list(prompts)
        if self._waiting is not None:
            self._waiting.append(given)
            return
        if given and not self.is_there(self._prompts):
            # All of them in their order: a click may come before the method is ready, and prompts belong on top.
            self.prepare()
        layer = self._prompts_layer()
        if given == self._given:
            return
        old, new = ([click.positive for _, click in some] for some in (self._given, given))
        self._given = given
        # napari keeps the look of the points that stay and gives a further one the current look. Setting the look of
        # all of them takes several times as long.
        if new[: len(old)] == old and len(new) == len(old) + 1:
            layer.current_symbol = _SYMBOLS[new[-1]]
            layer.current_face_color = _COLOURS[new[-1]]
        points = [plane.point(click.row, click.column) for plane, click in given]
        layer.data = np.array(points, float).reshape(-1, len(self._shape))
        if new[: len(old)] != old[: len(new)] or len(new) > len(old) + 1:
            layer.symbol = [_SYMBOLS[sign] for sign in new]
            layer.face_color = [_COLOURS[sign] for sign in new]

    @contextmanager
    def prompts_drawn_once(self) -> Iterator[None]:
        """Let several acts draw the prompts once, at their end: napari takes long to set the points of a layer."""
        waiting = self._waiting = []
        try:
            yield
        finally:
            self._waiting = None
            if waiting:
                self.draw_prompts(waiting[-1])

    def draw_mask(self, plane: PlaneAddress, session: Session | None) -> None:
        """Draw a session's mask on its plane, touching only the pixels where it or its predecessor lies.

        Parameters
        ----------
        plane
            Where it lies.
        session
            None draws nothing there.
        """
        drawn = self._drawn.pop(plane, None)
        prediction = session.prediction if session is not None else None
        if drawn is None and prediction is None:
            return
        layer = self._live_mask()
        view = layer.data[plane.label_index]
        if drawn is not None:
            view[drawn] = 0
        if session is not None and prediction is not None:
            box = grown(prediction.window, session)
            view[box] = outlined(session.mask[box])
            self._drawn[plane] = box
        layer.refresh(extent=False, highlight=False, thumbnail=False)

    def is_live_mask(self, layer: Any) -> bool:
        """Whether ``layer`` is the live mask."""
        return self._live is not None and bool(layer == self._live)

    def shown_mask(self, plane: PlaneAddress) -> NDArray[np.bool_]:
        """Return the live mask of a plane as it is drawn, (H, W) bool, a copy."""
        return np.asarray(self._live_mask().data[plane.label_index] > 0)

    def draw_painted(self, plane: PlaneAddress, mask: NDArray[np.bool_], box: tuple[slice, slice]) -> None:
        """Draw a piece of a mask, (H, W) bool, that is being painted; ``box`` holds all that changed, and a margin."""
        layer = self._live_mask()
        # The edge of the box is no edge of the mask: one pixel more is looked at than is drawn.
        wide = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        inner = tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, wide, strict=True))
        layer.data[plane.label_index][box] = outlined(mask[wide])[inner]
        drawn = self._drawn.get(plane)
        self._drawn[plane] = union(box, drawn) if drawn is not None else box
        layer.refresh(extent=False, highlight=False, thumbnail=False)

    def preview(self, plane: PlaneAddress, mask: NDArray[np.bool_]) -> None:
        """Show a mask in place of the unfinished object's, until that is drawn again.

        Parameters
        ----------
        plane
            Where it lies.
        mask
            (H, W) bool.
        """
        layer = self._live_mask()
        view = layer.data[plane.label_index]
        drawn = self._drawn.pop(plane, None)
        if drawn is not None:
            view[drawn] = 0
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
            view[box] = outlined(mask[box])
            self._drawn[plane] = box
        layer.refresh(extent=False, highlight=False, thumbnail=False)

    def _live_mask(self) -> Any:
        if not self.is_there(self._live):
            from napari.utils import DirectLabelColormap

            self._drawn.clear()
            self._live = self._add_labels(self._name("Live mask"), np.zeros(self._shape, np.uint8), opacity=1.0)
            self._live.colormap = DirectLabelColormap(color_dict=mask_colours(INCLUDE))
            self._live.editable = False
        return self._live

    def _prompts_layer(self) -> Any:
        if not self.is_there(self._prompts):
            from napari.layers import Points

            layer = Points(
                np.empty((0, len(self._shape))),
                ndim=len(self._shape),
                name=self._name("Prompts"),
                size=max(self._shape) / _POINTS_PER_IMAGE,
                border_color="black",
                border_width=0.12,
                **self._placement(),
            )
            # The same size on screen at any zoom from the whole image on. A lower limit near the upper one would make
            # the border half as wide as the limit.
            layer.canvas_size_limits = (2, 15)
            # A dragged point would differ from the prompt that was answered.
            layer.editable = False
            self._prompts = self._add(layer)
            self._given = []
        return self._prompts

    def _strokes_layer(self) -> Any:
        if not self.is_there(self._strokes):
            from napari.layers import Shapes

            layer = Shapes(None, ndim=len(self._shape), name=self._name("Boxes and scribbles"), **self._placement())
            layer.opacity = 0.8
            layer.editable = False
            camera_of(self._viewer).events.zoom.connect(self._on_zoom)
            self._strokes = self._add(layer)
        return self._strokes

    def _on_zoom(self, _event: Any = None) -> None:
        self.shapes.follow_zoom()

    def _pixel(self) -> float:
        """Return the size of a screen pixel in pixels of the image, about."""
        size = np.abs(np.asarray(self._image.scale, float))[-2:].mean()
        return float(1 / (camera_of(self._viewer).zoom * size))

    def _add_labels(self, name: str, data: NDArray[Any], opacity: float) -> Any:
        from napari.layers import Labels

        return self._add(Labels(data, name=name, opacity=opacity, **self._placement()))

    def _add(self, layer: Any) -> Any:
        selection = self._viewer.layers.selection
        active = selection.active
        add_placed(self._viewer, layer, self._image.affine)
        # What the user had chosen stays chosen.
        if active is not None:
            selection.active = active
        return layer

    def _placement(self) -> dict[str, Any]:
        return placement_of(self._image, self._viewer)

    def _name(self, name: str) -> str:
        return name if name not in self._viewer.layers else f"{name} of {self._image.name}"
