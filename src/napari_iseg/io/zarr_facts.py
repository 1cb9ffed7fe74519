"""What OME-Zarr's metadata says: the axes, their units, the place in the world, and the channels."""

from __future__ import annotations

from typing import Any

from napari_iseg.io.shown import Channel

__all__ = ["axes_of", "channels_of", "place_of", "unit_of"]

_UNITS = {
    "angstrom": "angstrom",
    "nanometer": "nm",
    "micrometer": "um",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "second": "s",
    "millisecond": "ms",
    "minute": "min",
    "hour": "h",
}


def axes_of(multiscale: dict[str, Any], ndim: int) -> tuple[str, tuple[str, ...]]:
    """Return a letter and a unit (``"pixel"`` where none is said) for every axis.

    Before version 0.3 axes had no names and were always t, c, z, y, x.
    """
    said = multiscale.get("axes") or []
    entries = [axis if isinstance(axis, dict) else {"name": axis} for axis in said]
    if len(entries) != ndim:
        return "tczyx"[-ndim:], ("pixel",) * ndim
    letters = "".join(_letter(entry) for entry in entries)
    return letters, tuple(_unit(entry.get("unit")) for entry in entries)


def _letter(entry: dict[str, Any]) -> str:
    if entry.get("type") == "channel":
        return "c"
    return str(entry.get("name", "?"))[:1].lower()


def _unit(unit: Any) -> str:
    return _UNITS.get(str(unit).lower(), "pixel")


def unit_of(axes: str, units: tuple[str, ...]) -> str | None:
    """Return the unit that all spatial axes share, or None."""
    spatial = {unit for axis, unit in zip(axes, units, strict=True) if axis in "zyx"}
    unit = spatial.pop() if len(spatial) == 1 else None
    return None if unit == "pixel" else unit


def place_of(multiscale: dict[str, Any], ndim: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the size of a pixel and the place of pixel 0 along every axis, at full resolution."""
    scale, origin = [1.0] * ndim, [0.0] * ndim
    # Those of the level come first, those of all levels after them.
    steps = [
        *(multiscale["datasets"][0].get("coordinateTransformations") or ()),
        *(multiscale.get("coordinateTransformations") or ()),
    ]
    for step in steps:
        values = step.get("scale") or step.get("translation")
        if not isinstance(values, list) or len(values) != ndim:
            continue
        if step.get("type") == "scale":
            scale = [a * float(b) for a, b in zip(scale, values, strict=True)]
            origin = [a * float(b) for a, b in zip(origin, values, strict=True)]
        elif step.get("type") == "translation":
            origin = [a + float(b) for a, b in zip(origin, values, strict=True)]
    return tuple(abs(size) or 1.0 for size in scale), tuple(origin)


def channels_of(facts: dict[str, Any], count: int) -> tuple[Channel, ...]:
    """Return the channels; without a description each is a channel without a name."""
    said = (facts.get("omero") or {}).get("channels") or []
    if len(said) != count:
        return (Channel(),) * count
    return tuple(_channel(entry) for entry in said)


def _channel(entry: dict[str, Any]) -> Channel:
    window = entry.get("window") or {}
    start, end = window.get("start"), window.get("end")
    limits = (float(start), float(end)) if start is not None and end is not None and start < end else None
    name = entry.get("label")
    return Channel(
        name=str(name) if name else None,
        colour=_colour(entry.get("color")),
        limits=limits,
        visible=bool(entry.get("active", True)),
    )


def _colour(code: Any) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (int(str(code).lstrip("#")[at : at + 2], 16) / 255 for at in (0, 2, 4))
    except ValueError:
        return None
    return red, green, blue
