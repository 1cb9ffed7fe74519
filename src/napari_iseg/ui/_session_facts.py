"""What a session file keeps of the whole session: classes with their colours, and what protects finished objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_iseg.ui._protection import Protection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_iseg.ui._classes import Classes
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._protection import Guard

__all__ = ["session_facts", "take_session_facts"]

_COLOUR = re.compile("#[0-9a-fA-F]{6}")


def session_facts(classes: Classes, guard: Guard, others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a session as JSON values.

    Parameters
    ----------
    classes
        In their order; the chosen one is noted, too.
    guard
        Whose rule it is.
    others
        What a file brought that nobody here knows; it is written back as it was.
    """
    listed = [{"name": name, "colour": classes.colour(name)} for name in classes.names]
    known = {"classes": listed, "current_class": classes.current, "protection": guard.rule.value.lower()}
    return {**others, **{name: value for name, value in known.items() if value}}


def take_session_facts(controller: Controller, facts: Mapping[str, Any], *, choices: bool = True) -> dict[str, Any]:
    """Bring classes and protection back from a session file; what older files lack, and what is no such thing, stays.

    Parameters
    ----------
    controller
        Of the dock.
    facts
        Those of the file.
    choices
        Whether the chosen class, the rule and colours that there are give way to the file's; not so where images of a
        queue follow each other, through which the user's choices stay.

    Returns
    -------
    dict
        What nobody here knows, for the next file.
    """
    others = dict(facts)
    listed = others.get("classes")
    if isinstance(listed, list) and all(_is_class(item) for item in listed):
        del others["classes"]
        for item in listed:
            if choices or controller.classes.colour(item["name"]) is None:
                controller.classes.add(item["name"], item["colour"])
    current = others.get("current_class")
    if isinstance(current, str):
        del others["current_class"]
        if choices:
            controller.classes.choose(current)
    rules = {rule.value.lower(): rule for rule in Protection}
    if others.get("protection") in rules:
        rule = rules[others.pop("protection")]
        if choices:
            controller.guard.rule = rule
    return others


def _is_class(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and bool(item["name"].strip())
        and isinstance(item.get("colour"), str)
        and _COLOUR.fullmatch(item["colour"]) is not None
    )
