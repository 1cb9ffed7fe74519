"""The layers in which an evaluated object is replayed: its clicks, the answer and the reference; views only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.interactions import Box, Click, Scribble
from napari_iseg.ui._confidence import VIEW_MARK
from napari_iseg.ui._layers import EXCLUDE, INCLUDE
from napari_iseg.ui._navigation import frame_object, show_whole_plane
from napari_iseg.ui._outlines import mask_colours, outlined
from napari_iseg.ui._placement import add_placed, placement_of
from napari_iseg.ui._plane_view import grid_shape, plane_shape, plane_to_world
from napari_iseg.ui._prompt_shapes import PromptShapes
from napari_iseg.ui._viewer_parts import camera_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt
    from napari_iseg.planes import PlaneAddress

__all__ = ["ReplayLayers"]

_CLICKS, _STROKES, _ANSWER, _REFERENCE = (
    f"Evaluate: {what}" for what in ("clicks", "scribbles and boxes", "answer", "reference")
)
# Neither the green of what is included nor the colours of objects.
_ANSWER_COLOUR, _REFERENCE_COLOUR = "#3fa9ff", "#ffd23f"
_EDGE = 2
# Forms that a number stands in, black on both: white or black beside them would vanish on some images.
_SIGNS = {True: ("disc", INCLUDE), False: ("square", EXCLUDE)}
_POINTS_PER_PLANE = 40
# A lower limit near the upper one would make the border as wide as the point.
_SCREEN_SIZES = (2, 18)


class ReplayLayers:
    """Shows one object of an evaluation on its plane.

    The Segment dock takes no notice of these layers, and nobody can paint in them.

    Parameters
    ----------
    viewer
        Where they are shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._image: Any = None
        self._plane: PlaneAddress | None = None
        self._layers: dict[str, Any] = {}
        self._prompts: tuple[Prompt, ...] = ()
        self._colours = {sign: colour for sign, (_, colour) in _SIGNS.items()}
        self._shapes = self._new_shapes()

    @property
    def layers(self) -> list[Any]:
        """Those that are among the viewer's layers now."""
        return [layer for layer in self._layers.values() if layer in self._viewer.layers]

    def begin(self, image: Any, plane: PlaneAddress, truth: NDArray[np.bool_], prompts: Sequence[Prompt]) -> None:
        """Go to an object, and make its layers ready.

        Parameters
        ----------
        image
            Its Image layer.
        plane
            The plane of it.
        truth
            (H, W) bool, the reference.
        prompts
            All that it was given.
        """
        if image is not self._image:
            self.clear()
        self._image, self._plane = image, plane
        self._prompts = tuple(prompts)
        show_whole_plane(self._viewer, image, plane)
        self._draw(_REFERENCE, np.where(outlined(truth) == _EDGE, np.uint8(_EDGE), np.uint8(0)), _REFERENCE_COLOUR)
        self._draw(_ANSWER, np.zeros(truth.shape, np.uint8), _ANSWER_COLOUR)
        if any(isinstance(prompt, Click) for prompt in self._prompts) or _CLICKS in self._layers:
            self._draw_clicks()
        self._shapes.draw([])
        self._lock()
        frame_object(self._viewer, image, plane, _with_clicks(truth, self._prompts))

    def show(self, mask: NDArray[np.bool_] | None, given: int) -> None:
        """Show the answer after the first ``given`` prompts, (H, W) bool or None for none, and these prompts."""
        plane = self._plane
        if plane is None or self._image is None:
            return
        shape = plane_shape(self._image, plane)
        self._draw(_ANSWER, np.zeros(shape, np.uint8) if mask is None else outlined(mask), _ANSWER_COLOUR)
        clicks = [index < given for index, prompt in enumerate(self._prompts) if isinstance(prompt, Click)]
        if _CLICKS in self._layers:
            if not self._is_there(_CLICKS):
                self._draw_clicks()
            layer = self._layers[_CLICKS]
            layer.shown = np.array(clicks, bool)
            layer.border_color = _borders(clicks)
            layer.refresh()
        drawn = [(plane, one) for one in self._prompts[:given] if isinstance(one, Box | Scribble)]
        self._shapes.draw(drawn)
        self._lock()

    def clear(self) -> None:
        """Take them all out of the window."""
        layers = self._viewer.layers
        for layer in reversed(self.layers):
            # From the top: with OpenGL in software, taking a layer from below others can end the process.
            layers.move(layers.index(layer), len(layers))
            layers.remove(layer)
        self._layers.clear()
        self._image = self._plane = None
        self._shapes = self._new_shapes()

    def _lock(self) -> None:
        # napari lets a layer be edited again whenever it gets other data.
        for layer in self.layers:
            layer.editable = False

    def _is_there(self, name: str) -> bool:
        return name in self._layers and self._layers[name] in self._viewer.layers

    def _draw(self, name: str, values: NDArray[np.uint8], colour: str) -> None:
        plane = self._plane
        if plane is None:
            return
        sizes = dict(zip((plane.rows, plane.columns), values.shape, strict=True))
        shape = [sizes.get(axis, 1) for axis in range(plane.ndim)]
        data = (values if plane.rows < plane.columns else values.T).reshape(shape)
        affine = plane_to_world(self._image, plane, (0, 0))
        if self._is_there(name):
            layer = self._layers[name]
            layer.data = data
            layer.affine = affine
            layer.visible = True
            return
        from napari.layers import Labels
        from napari.utils import DirectLabelColormap

        layer = Labels(
            data,
            name=name,
            opacity=1.0,
            affine=affine,
            units=self._image.units,
            axis_labels=self._image.axis_labels,
            colormap=DirectLabelColormap(color_dict=mask_colours(colour)),
            metadata={VIEW_MARK: True},
        )
        self._add(name, layer, affine)

    def _draw_clicks(self) -> None:
        plane = self._plane
        if plane is None:
            return
        numbered = [(n, one) for n, one in enumerate(self._prompts, start=1) if isinstance(one, Click)]
        points = np.array([plane.point(one.row, one.column) for _, one in numbered], float).reshape(-1, plane.ndim)
        layer = (
            self._layers[_CLICKS]
            if self._is_there(_CLICKS)
            else self._add(_CLICKS, self._points(plane), self._image.affine)
        )
        for name, value in placement_of(self._image, self._viewer).items():
            if name not in ("units", "axis_labels"):
                setattr(layer, name, value)
        layer.affine = np.asarray(self._image.affine)
        layer.current_size = max(plane_shape(self._image, plane)) / _POINTS_PER_PLANE
        layer.data = points
        layer.features = {"number": np.array([str(number) for number, _ in numbered], object)}
        if numbered:
            layer.size = layer.current_size
            layer.symbol = [_SIGNS[one.positive][0] for _, one in numbered]
            layer.face_color = [_SIGNS[one.positive][1] for _, one in numbered]
        layer.shown = np.zeros(len(numbered), bool)

    def _points(self, plane: PlaneAddress) -> Any:
        from napari.layers import Points

        layer = Points(
            np.empty((0, plane.ndim)),
            ndim=plane.ndim,
            name=_CLICKS,
            features={"number": np.empty(0, object)},
            text={"string": "{number}", "color": "black", "size": 8, "anchor": "center"},
            border_width=0.12,
            metadata={VIEW_MARK: True},
            **placement_of(self._image, self._viewer),
        )
        layer.canvas_size_limits = _SCREEN_SIZES
        return layer

    def _strokes_layer(self) -> Any:
        if not self._is_there(_STROKES):
            from napari.layers import Shapes

            dimensions = len(grid_shape(self._image))
            metadata = {VIEW_MARK: True}
            layer = Shapes(
                None, ndim=dimensions, name=_STROKES, metadata=metadata, **placement_of(self._image, self._viewer)
            )
            self._add(_STROKES, layer, self._image.affine)
        return self._layers[_STROKES]

    def _new_shapes(self) -> PromptShapes:
        return PromptShapes(self._strokes_layer, lambda: self._is_there(_STROKES), self._pixel, self._colours)

    def _pixel(self) -> float:
        """Return the size of a screen pixel in pixels of the image, about."""
        size = np.abs(np.asarray(self._image.scale, float))[-2:].mean()
        return float(1 / (camera_of(self._viewer).zoom * size))

    def _add(self, name: str, layer: Any, affine: Any) -> Any:
        selection = self._viewer.layers.selection
        active = selection.active
        add_placed(self._viewer, layer, affine)
        # What the user had chosen stays chosen.
        if active is not None:
            selection.active = active
        self._layers[name] = layer
        return layer


def _with_clicks(truth: NDArray[np.bool_], prompts: Sequence[Prompt]) -> NDArray[np.bool_]:
    """Return a mask of all that should be in sight: the object, and where it was clicked."""
    seen = truth.copy()
    for prompt in prompts:
        if isinstance(prompt, Click):
            row, column = (
                int(np.clip(round(place), 0, size - 1))
                for place, size in zip((prompt.row, prompt.column), truth.shape, strict=True)
            )
            seen[row, column] = True
    return seen


def _borders(shown: Sequence[bool]) -> list[str]:
    """Return the colours of the clicks' borders: the newest stands out."""
    last = sum(shown) - 1
    return ["white" if index == last else "black" for index in range(len(shown))]
