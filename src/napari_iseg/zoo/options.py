"""The options of each kind of predictor: frozen values, checked once, the same in Python, window and command line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from napari_iseg.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ClickOptions", "Options", "RandomWalkerOptions", "make_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options that every method has.

    Parameters
    ----------
    threshold
        A pixel belongs to the mask where its probability is strictly above this, in (0, 1). 0.5 in the papers' own
        windows; their evaluation scripts use 0.49.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        _require(0 < self.threshold < 1, "threshold", self.threshold, "a number between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickOptions(Options):
    """Options of the click-driven networks (SimpleClick, CFR-ICL).

    Parameters
    ----------
    target_size
        Side in pixels of the square that the network sees; 0 means the size that the weights were trained for.
        ``(rows, columns)`` gives a rectangle.
    zoom_in
        Look again at the object's surroundings once a first mask is there.
    flip
        Average the answers for the image and its mirror image (twice the time).
    expansion_ratio
        Zoom-in: side of the crop over side of the object.
    min_crop
        Zoom-in: smallest side of the crop in image pixels.
    recompute_iou
        Zoom-in: the crop is renewed when the wanted crop overlaps the present one by less than this.
    cascade_steps
        N of CFR-N (CFR-ICL, section 3.1): refining passes after the coarse pass. 0 switches refinement off.
        The released code counts passes: its ``cascade_step`` is N + 1.
    cascade_adaptive
        Stop refining as soon as a pass changes at most 20 pixels (A-CFR-N).
    cascade_clicks
        Refine at the first this many clicks. The released code refines the first click only; the paper's tables,
        read literally, every click (20).
    """

    target_size: int | tuple[int, int] = 0
    zoom_in: bool = True
    flip: bool = True
    expansion_ratio: float = 1.4
    min_crop: int = 200
    recompute_iou: float = 0.5
    cascade_steps: int = 0
    cascade_adaptive: bool = False
    cascade_clicks: int = 1

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        sides = self.target_size if isinstance(self.target_size, tuple) else (self.target_size,)
        _require(
            all(side == 0 or 32 <= side <= 4096 for side in sides),
            "target_size",
            self.target_size,
            "0 (the weights' own) or 32 to 4096 pixels",
        )
        _require(self.expansion_ratio >= 1, "expansion_ratio", self.expansion_ratio, "a number of at least 1")
        _require(self.min_crop >= 1, "min_crop", self.min_crop, "a whole number of at least 1")
        _require(0 <= self.recompute_iou <= 1, "recompute_iou", self.recompute_iou, "a number from 0 to 1")
        _require(0 <= self.cascade_steps <= 100, "cascade_steps", self.cascade_steps, "a whole number from 0 to 100")
        _require(self.cascade_clicks >= 0, "cascade_clicks", self.cascade_clicks, "a whole number of at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalkerOptions(Options):
    """Options of the random walker (Grady 2006).

    Parameters
    ----------
    beta
        How strongly an edge in the image stops the walker; scikit-image's own default is 130.
    max_side
        The image is reduced so that its longer side has at most this many pixels, for speed.
    seed_radius
        Radius in image pixels of the disk that a click seeds.
    """

    beta: float = 1000.0
    max_side: int = 256
    seed_radius: float = 5.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        _require(self.beta > 0, "beta", self.beta, "a number above 0")
        _require(self.max_side >= 32, "max_side", self.max_side, "a whole number of at least 32")
        _require(self.seed_radius >= 0, "seed_radius", self.seed_radius, "a number of at least 0")


OptionsT = TypeVar("OptionsT", bound="Options")


def make_options(defaults: OptionsT, values: Mapping[str, Any]) -> OptionsT:
    """Return ``defaults`` with some options replaced.

    Parameters
    ----------
    defaults
        Where every option not named comes from.
    values
        Option name to value; a value may be text as typed on a command line (``"true"``, ``"448"``, ``"448,672"``).

    Raises
    ------
    UnknownNameError
        If an option does not exist; the message names close matches.
    OptionError
        If a value cannot be read or is out of range.
    """
    known = {f.name for f in dataclasses.fields(defaults)}
    types = get_type_hints(type(defaults))
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError("option", name, known)
        changes[name] = _read(name, value, types[name]) if isinstance(value, str) else value
    return dataclasses.replace(defaults, **changes)


def _read(name: str, text: str, kind: Any) -> Any:
    """Read ``text`` as ``kind``: bool, int, float, or a whole number that may also be a pair."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    try:
        if kind is bool:
            return words[text.strip().lower()]
        if kind in (int, float):
            return kind(text)
        numbers = tuple(int(part) for part in text.split(","))
        if len(numbers) == 1:
            return numbers[0]
        if len(numbers) == 2:
            return numbers
        raise ValueError(text)
    except (KeyError, ValueError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(
            kind, "a whole number or ROWS,COLUMNS"
        )
        raise OptionError(f"Option {name!r} must be {wanted}; {text!r} was given.") from error


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise OptionError(f"Option {name!r} must be {wanted}; {value!r} was given.")
