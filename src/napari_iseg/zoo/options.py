"""Options: frozen values with a type, a range and a sentence each, the same in Python, window and command line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from napari_iseg.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CascadeOptions", "NetworkOptions", "OptionInfo", "Options", "describe_options", "make_options", "option"]


def option(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
    also: tuple[float, ...] = (),
) -> Any:
    """Return a dataclass field that carries what a form, a table or a message says about an option.

    Parameters
    ----------
    default
        Its value unless another is given.
    description
        One line.
    minimum, maximum
        The range, ends included; of a pair, for each of its numbers.
    above, below
        The range, ends excluded.
    choices
        The words allowed.
    also
        Numbers outside the range that have a meaning of their own.
    """
    limits = {"minimum": minimum, "maximum": maximum, "above": above, "below": below}
    return field(default=default, metadata={"description": description, "choices": choices, "also": also, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionInfo:
    """What there is to know about one option.

    Parameters
    ----------
    name, default, description
        As declared.
    kind
        ``"bool"``, ``"int"``, ``"float"``, ``"choice"`` or ``"size"`` (a whole number or a pair of them).
    choices
        The words allowed; None unless ``kind`` is ``"choice"``.
    minimum, maximum, above, below
        The range; None where it is open. ``above`` and ``below`` exclude their end.
    also
        Numbers outside the range that have a meaning of their own.
    """

    name: str
    kind: str
    default: Any
    description: str
    choices: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    also: tuple[float, ...] = ()

    @property
    def wanted(self) -> str:
        """Which values are allowed, in words."""
        if self.choices is not None:
            return "one of " + ", ".join(self.choices)
        words = {"bool": "true or false", "int": "a whole number", "size": "a whole number or ROWS,COLUMNS"}
        ends = {"of at least": self.minimum, "of at most": self.maximum, "above": self.above, "below": self.below}
        limits = [f"{word} {end:g}" for word, end in ends.items() if end is not None]
        also = "".join(f", or {number:g}" for number in self.also)
        return " ".join([words.get(self.kind, "a number"), " and ".join(limits)]).strip() + also

    def allows(self, value: Any) -> bool:
        """Whether a value is of the right kind and in range."""
        if self.choices is not None:
            return value in self.choices
        if self.kind == "bool":
            return isinstance(value, bool)
        numbers = value if isinstance(value, tuple) and self.kind == "size" else (value,)
        whole = int if self.kind in ("int", "size") else (int, float)
        return len(numbers) <= 2 and all(
            isinstance(n, whole) and not isinstance(n, bool) and (n in self.also or self._in_range(n)) for n in numbers
        )

    def _in_range(self, number: float) -> bool:
        return (
            (self.minimum is None or number >= self.minimum)
            and (self.maximum is None or number <= self.maximum)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options that every method has.

    Raises
    ------
    OptionError
        If a value is of the wrong kind or out of range.
    """

    threshold: float = option(0.5, "A pixel belongs to the mask where its probability is above this", above=0, below=1)

    def __post_init__(self) -> None:
        for info in describe_options(self):
            value = getattr(self, info.name)
            if not info.allows(value):
                raise OptionError(f"Option {info.name!r} must be {info.wanted}; {value!r} was given.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions(Options):
    """Options of every method with a network."""

    graph_cut: bool = option(
        False,
        "Cut every answer and proposal anew along the image's edges, by colours inside and outside, with clicks held; "
        "about a twentieth of a second each. Not where several crops answer a first click",
    )
    split_off: bool = option(
        True,
        "With graph_cut: a click in the middle of a wrong part, such as a neighbour that touches the object, takes all "
        "of this part off, unless the method is sure of it",
    )
    wide_clicks: bool = option(
        True,
        "With graph_cut: a click that corrects the mask speaks for what lies around it, as far as the mask's edge is "
        "away, where the method is in doubt",
    )
    spare_finished: bool = option(
        True,
        "With graph_cut: what belongs to a finished object is no part of a new one, and the cut knows that, as long as "
        "finished objects are kept",
    )
    brighten_cut: bool = option(
        True,
        "With graph_cut: the cut sees the square root of a plane's values where most of it is dark, as fluorescence "
        "is, and goes to where the light ends",
    )
    brighten: bool = option(
        False,
        "Show the method the square root of a plane's values where most of it is dark, as fluorescence is: masks reach "
        "to where the light ends, not only the bright core",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeOptions(NetworkOptions):
    """Options of every method that is guided by its previous mask: cascade-forward refinement (CFR-ICL, section 3.1).

    The released code counts passes: its ``cascade_step`` is ``cascade_steps`` + 1. It refines the first click only; the
    paper's tables, read literally, every click (20).
    """

    cascade_steps: int = option(
        0, "N of CFR-N: refining passes after the first pass; 0 switches refinement off", minimum=0, maximum=100
    )
    cascade_adaptive: bool = option(False, "Stop refining as soon as a pass changes at most 20 pixels (A-CFR-N)")
    cascade_clicks: int = option(1, "Refine at the first this many prompts", minimum=0)
    mask_click: bool = option(
        True,
        "Show the method a click in the middle of a mask that is given and that nobody clicked, such as another "
        "program's; without it most networks lose the object when a part of it is excluded",
    )


OptionsT = TypeVar("OptionsT", bound="Options")


def describe_options(options: Options) -> list[OptionInfo]:
    """Return what there is to know about each option, in order; the defaults are the values in ``options``."""
    given: type = type(options)
    kinds = _kinds(given)
    infos = []
    for one in dataclasses.fields(options):
        facts = dict(one.metadata)
        kind = "choice" if facts["choices"] else kinds[one.name]
        infos.append(OptionInfo(name=one.name, kind=kind, default=getattr(options, one.name), **facts))
    return infos


@cache
def _kinds(options: type[Any]) -> dict[str, str]:
    # Reading annotations takes milliseconds, and a window asks for its method's options at every movement.
    words = {bool: "bool", int: "int", float: "float"}
    return {name: words.get(kind, "size") for name, kind in get_type_hints(options).items()}


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
    known = {info.name: info for info in describe_options(defaults)}
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError("option", name, known)
        changes[name] = _read(known[name], value) if isinstance(value, str) else value
    return dataclasses.replace(defaults, **changes)


def _read(info: OptionInfo, text: str) -> Any:
    """Read text as an option's value."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    try:
        match info.kind:
            case "bool":
                return words[text.strip().lower()]
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "choice":
                return text.strip().lower()
        numbers = tuple(int(part) for part in text.split(","))
        return numbers[0] if len(numbers) == 1 else numbers
    except (KeyError, ValueError) as error:
        raise OptionError(f"Option {info.name!r} must be {info.wanted}; {text!r} was given.") from error
