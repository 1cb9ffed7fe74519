"""Prompts as plain JSON values and back; every number comes back exactly."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.interactions import Box, Choice, Click, MaskPrompt, Scribble

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iseg.interactions import Prompt

__all__ = ["PROMPT_KINDS", "prompt_from_values", "prompt_to_values"]

_DTYPES = {"bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}


def prompt_to_values(prompt: Prompt) -> tuple[str, dict[str, Any]]:
    """Return a prompt's kind (``"click"``, ``"box"``, ``"scribble"``, ``"mask"``, ``"choice"``) and its fields."""
    match prompt:
        case Click(row=row, column=column, positive=positive, view=view):
            return "click", {"row": float(row), "column": float(column), "positive": bool(positive), **_seen(view)}
        case Box():
            return "box", _corners(prompt)
        case Scribble(points=points, width=width, positive=positive, view=view):
            stroke = [[float(row), float(column)] for row, column in points]
            return "scribble", {"points": stroke, "width": float(width), "positive": bool(positive), **_seen(view)}
        case MaskPrompt(mask=mask, keep=keep, source=source):
            # Files of masks that only start an object look as they always did.
            said = ({"keep": True} if keep else {}) | ({"source": source} if source else {})
            return "mask", {**_packed(mask), **said}
        case Choice(index=index):
            return "choice", {"index": int(index)}


def prompt_from_values(kind: str, values: Any, entry: str) -> Prompt:
    """Make a prompt of what JSON gave.

    Parameters
    ----------
    kind
        ``"click"``, ``"box"``, ``"scribble"``, ``"mask"`` or ``"choice"``.
    values
        Its fields.
    entry
        Where in the file they stand, for the sentence.

    Raises
    ------
    PromptError
        If a field is missing, unknown or not of its type; the sentence names the entry.
    """
    required, optional, make = _KINDS[kind]
    if not isinstance(values, dict):
        raise PromptError(f"{entry} must be an object with {', '.join(required)}; {values!r:.60} was given.")
    for name in values:
        if name not in (*required, *optional):
            raise PromptError(
                f"{entry} has an unknown field {name!r}; it may have {', '.join((*required, *optional))}."
            )
    for name in required:
        if name not in values:
            raise PromptError(f"{entry} lacks the field {name!r}.")
    try:
        return make(values)
    except PromptError as error:
        raise PromptError(f"{entry}: {error}") from error
    except (TypeError, ValueError, OverflowError, binascii.Error, zlib.error) as error:
        raise PromptError(f"{entry} does not hold what a {kind} needs: {error}.") from error


def _click(values: dict[str, Any]) -> Click:
    row, column = _number(values["row"]), _number(values["column"])
    return Click(row, column, _truth(values.get("positive", True)), _view(values))


def _box(values: dict[str, Any]) -> Box:
    return Box(_pair(values["start"]), _pair(values["stop"]))


def _scribble(values: dict[str, Any]) -> Scribble:
    if not isinstance(values["points"], list):
        raise TypeError("points must be a list of [row, column] pairs")
    points = tuple(_pair(point) for point in values["points"])
    return Scribble(points, _number(values.get("width", 3.0)), _truth(values.get("positive", True)), _view(values))


def _mask(values: dict[str, Any]) -> MaskPrompt:
    source = values.get("source", "")
    if not isinstance(source, str):
        raise TypeError(f"source must be a text, not {source!r:.40}")
    return MaskPrompt(_unpacked(values), keep=_truth(values.get("keep", False), "keep"), source=source)


def _unpacked(values: dict[str, Any]) -> NDArray[Any]:
    rows, columns = _pair(values["shape"])
    name = values["dtype"]
    if name not in _DTYPES or rows < 0 or columns < 0 or not (rows.is_integer() and columns.is_integer()):
        raise ValueError(f"a mask of the type {name!r} and the shape {values['shape']!r} is unknown")
    count = int(rows) * int(columns)
    size = math.ceil(count / 8) if name == "bool" else count * np.dtype(name).itemsize
    # One byte more than there should be is asked for, so that a wrong file is noticed and never unpacked in full.
    packed = base64.b64decode(values["data"], validate=True)
    raw = zlib.decompressobj().decompress(packed, size + 1)
    if len(raw) != size:
        raise ValueError("the data do not have the size that the shape says")
    if name == "bool":
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=count)
        return bits.astype(bool).reshape(int(rows), int(columns))
    return np.frombuffer(raw, np.dtype(name).newbyteorder("<")).astype(name).reshape(int(rows), int(columns))


def _corners(box: Box) -> dict[str, Any]:
    return {"start": [float(v) for v in box.start], "stop": [float(v) for v in box.stop]}


def _seen(view: Box | None) -> dict[str, Any]:
    """Return what a click or scribble says of the view that it was given in, nothing where that is not known."""
    return {} if view is None else {"view": _corners(view)}


def _view(values: dict[str, Any]) -> Box | None:
    view = values.get("view")
    if view is not None and not isinstance(view, dict):
        raise TypeError(f"view must be an object with start and stop, not {view!r:.40}")
    if view is None:
        return None
    if set(view) != {"start", "stop"}:
        raise ValueError(f"view must have start and stop, it has {', '.join(sorted(view)) or 'nothing'}")
    return _box(view)


def _choice(values: dict[str, Any]) -> Choice:
    return Choice(values["index"])


def _packed(mask: NDArray[Any]) -> dict[str, Any]:
    if mask.dtype.name not in _DTYPES:
        raise PromptError(f"A mask of the type {mask.dtype} cannot be saved; use bool or float32.")
    little = mask.astype(mask.dtype.newbyteorder("<"))
    raw = np.packbits(mask).tobytes() if mask.dtype == np.bool_ else little.tobytes()
    data = base64.b64encode(zlib.compress(raw, 9)).decode("ascii")
    return {"shape": list(mask.shape), "dtype": mask.dtype.name, "data": data}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)


def _truth(value: Any, name: str = "positive") -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, not {value!r:.40}")
    return value


def _pair(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(f"{value!r:.40} is not a [row, column] pair")
    return _number(value[0]), _number(value[1])


_Kind = tuple[tuple[str, ...], tuple[str, ...], "Callable[[dict[str, Any]], Prompt]"]
_KINDS: dict[str, _Kind] = {
    "click": (("row", "column"), ("positive", "view"), _click),
    "box": (("start", "stop"), (), _box),
    "scribble": (("points",), ("width", "positive", "view"), _scribble),
    # "carried" stood in files of a few days; it says nothing any more.
    "mask": (("shape", "dtype", "data"), ("keep", "source", "carried"), _mask),
    "choice": (("index",), (), _choice),
}
PROMPT_KINDS = tuple(_KINDS)
"""The kinds that a prompt can be of."""
