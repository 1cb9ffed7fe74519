"""Holds a thread of the real work until a test lets it go on, so that no clock decides what happens meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 60


class Gate:
    """A place that work comes to and waits at.

    Attributes
    ----------
    reached
        Set while something waits, and after.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same work, which waits here first."""

        def held(*args: Any, **kwargs: Any) -> Any:
            self.reached.set()
            # Work in the window's thread would wait for the test that waits for it.
            assert threading.current_thread() is not threading.main_thread(), "this ran in the window's thread"
            assert self._open.wait(_LONGEST), "nobody opened the gate"
            return work(*args, **kwargs)

        return held

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()
