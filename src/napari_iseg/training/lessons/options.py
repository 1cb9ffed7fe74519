"""What a recipe's ``[lesson]`` table may say: the options of one lesson, checked against its dataclass."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from napari_iseg.errors import IsegError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_options"]

OptionsT = TypeVar("OptionsT")


def read_options(kind: type[OptionsT], table: Mapping[str, Any]) -> OptionsT:
    """Return a lesson's options from a recipe's table.

    Parameters
    ----------
    kind
        A dataclass whose fields all have defaults; a value must be of its default's type (whole numbers do for
        fractions). What else must hold the dataclass checks itself.
    table
        Names to values, lists as tuples.

    Raises
    ------
    UnknownNameError
        If a name is none of the fields.
    IsegError
        If a value is of another type.
    """
    defaults = kind()
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name, value in table.items():
        if name not in known:
            raise UnknownNameError("lesson option", name, known)
        wanted = type(getattr(defaults, name))
        if not (type(value) is wanted or (wanted is float and type(value) is int)):
            raise IsegError(
                f"The lesson option {name!r} must be of the type {wanted.__name__}; {value!r} was given. "
                "Correct it in the recipe's [lesson] table."
            )
    return kind(**table)
