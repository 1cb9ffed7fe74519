"""The boundary at which a user's error becomes a notification; any other error keeps its traceback."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from napari.utils.notifications import show_error

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["told"]

P = ParamSpec("P")
S = TypeVar("S")


def told(act: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Return a method whose IsegError is shown instead of raised."""

    @wraps(act)
    def guarded(self: S, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(self, *args, **kwargs)
        except IsegError as error:
            show_error(str(error))

    return guarded  # type: ignore[return-value]  # its first parameter is named
