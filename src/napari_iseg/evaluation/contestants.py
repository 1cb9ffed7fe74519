"""What is evaluated beside each other: a method with weights and options, under the name that was typed for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import OptionError, UnknownNameError
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PROPOSALS", "Contestant", "parse_contestants"]

PROPOSALS = ("likeliest", "best")
"""Whose choice among proposals goes on: the answer as a user first sees it, or the one most like the reference."""

# Numbers may hold commas; what follows a comma and begins with a letter is the next contestant.
_BETWEEN = re.compile(r",(?=\s*[A-Za-z])")
_FOLDERS = re.compile(r"[/\\]")
_FORM = re.compile(r"(?P<method>[^@:=]+)(?:@(?P<weights>.+?))?(?P<options>(?::[A-Za-z_-]+=[^:]*)*)")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A method, with what it is run with.

    Parameters
    ----------
    method
        A name of ``napari_iseg.METHODS``.
    weights
        A known name or a file; None for the method's own.
    options
        Predictor options that differ from the published evaluation's, by name.
    best_proposals
        Whether the reference chooses among proposals, as in DISNet's and PiClick's tables.
    name
        What tables and curves call it; made of the rest when left out.
    """

    method: str
    weights: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    best_proposals: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self._own_name())

    def _own_name(self) -> str:
        chosen = {"proposals": PROPOSALS[1]} if self.best_proposals else {}
        told = "".join(f":{key}={value}" for key, value in {**self.options, **chosen}.items())
        # The file's name alone: results go to other people, whose folders are others.
        weights = "" if self.weights is None else f"@{_FOLDERS.split(self.weights)[-1]}"
        return f"{self.method}{weights}{told}"


def parse_contestants(
    texts: Iterable[str],
    *,
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
    best_proposals: bool = False,
) -> tuple[Contestant, ...]:
    """Read contestants as they are typed: ``METHOD[@WEIGHTS][:OPTION=VALUE...]``, several with commas between.

    Parameters
    ----------
    texts
        Such as ``["cfr-icl,focalclick"]`` or ``["cfr-icl@mine.safetensors:flip=false", "disnet:proposals=best"]``.
    weights
        Of the only contestant, if it names none itself.
    options
        For all of them; what a contestant says itself goes first.
    best_proposals
        As :class:`Contestant` has it, for all that do not say ``proposals=`` themselves.

    Raises
    ------
    OptionError
        If a text has another form, weights are given for several, or two are the same.
    UnknownNameError
        If there is no such method or choice of proposals.
    """
    pieces = [piece.strip() for text in texts for piece in _BETWEEN.split(text) if piece.strip(" ,")]
    if not pieces:
        raise OptionError("There is no method to evaluate; name one, as in cfr-icl.")
    if weights is not None and len(pieces) > 1:
        raise OptionError(
            "Weights can be given apart for one method only; write them behind each method, as in "
            f"{pieces[0].split('@')[0]}@{weights}."
        )
    found = tuple(_parse(piece, weights, dict(options or {}), best_proposals) for piece in pieces)
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"{twice!r} is named twice; give each weights or options of its own, or leave one out.")
    return found


def _parse(text: str, weights: str | None, options: dict[str, Any], best_proposals: bool) -> Contestant:
    form = _FORM.fullmatch(text)
    if form is None:
        raise OptionError(
            "A method is METHOD[@WEIGHTS][:OPTION=VALUE...] (as in cfr-icl@mine.safetensors:flip=false); "
            f"{text!r} was given."
        )
    method = find_method(form["method"].strip()).name
    own = {}
    for given in filter(None, form["options"].split(":")):
        key, _, value = given.partition("=")
        own[key.strip().replace("-", "_")] = value.strip()
    choice = own.pop("proposals", PROPOSALS[best_proposals])
    if choice not in PROPOSALS:
        raise UnknownNameError("choice of proposals", choice, PROPOSALS)
    return Contestant(method, form["weights"] or weights, {**options, **own}, choice == PROPOSALS[1])
