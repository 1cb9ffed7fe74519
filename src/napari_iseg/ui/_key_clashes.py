"""Two acts on one key, which happens when a user changes keys: it is said, because only one of them can act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QKeySequence

from napari_iseg.ui._keys import KEYS, REMOVE, REMOVE_TOO, key_now, on_keys_changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject

__all__ = ["KeyClashes", "clashes"]

# Keys that cannot be changed, and act while there is something to choose.
_FIXED = {"W": "Next proposal"} | {str(number): f"Choose proposal {number}" for number in range(1, 10)}


def clashes() -> list[str]:
    """Return a sentence about each key that two acts have now."""
    acts: dict[str, list[str]] = {key: [act] for key, act in _FIXED.items()}
    for key in KEYS.values():
        now = QKeySequence(key_now(key.default)).toString()
        # Delete and Backspace are one act.
        again = key.default == REMOVE_TOO and now == QKeySequence(key_now(REMOVE)).toString()
        if now and not again:
            acts.setdefault(now, []).append(key.act.partition(":")[0])
    return [
        f"The key {key} is given to {len(both)} acts ({'; '.join(both)}), of which only one can act; change one of "
        "them in Preferences, plugin “Interactive segmentation”, Keys."
        for key, both in acts.items()
        if len(both) > 1
    ]


class KeyClashes:
    """Tells of each clash once, when it comes about.

    Parameters
    ----------
    owner
        The dock; nothing is told any more when it is gone.
    tell
        Shows a sentence.
    """

    def __init__(self, owner: QObject, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = clashes()
        on_keys_changed(owner, self._look)

    def _look(self) -> None:
        now = clashes()
        for sentence in now:
            if sentence not in self._told:
                self._tell(sentence)
        self._told = now
