"""Numbered first-use tips on the canvas: each goes when it was followed, and all of them go for good after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.interactions import Click, Scribble
from napari_iseg.ui._keys import ACCEPT, SHEET, key_now
from napari_iseg.ui._preferences import follow, preference, set_preference
from napari_iseg.ui._viewer_parts import text_overlay_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

    from napari_iseg.ui._controller import Controller

__all__ = ["Tips"]

_COUNT = 4
_LETTERS_AT_ONCE = 2
# What accepts in other annotation tools. Space, which does in some, is napari's own and is left alone.
_GUESSES = ("Enter",)


class Tips:
    """The tips of one dock.

    Parameters
    ----------
    viewer
        On whose canvas they are shown; a text that somebody else shows there is left as it is.
    controller
        Whose acts they follow.
    owner
        Lives as long as the tips.
    """

    def __init__(self, viewer: Viewer, controller: Controller, owner: QObject) -> None:
        self._viewer = viewer
        self._controller = controller
        self._step = 0
        self._shown = ""
        self._guessed = False
        self._letters_drawn = False
        controller.changed.connect(self.refresh)
        follow("guidance", owner, self.refresh)
        self._listen(_GUESSES)
        controller.getting_ready.afterwards(self._draw_letters)

    @property
    def text(self) -> str:
        """The tip that is shown; empty if there is none."""
        return self._shown

    def sheet_opened(self) -> None:
        """Take notice that the sheet of keys was opened."""
        if self._step == _COUNT - 1:
            self._step = _COUNT
            self.refresh()

    def hide(self) -> None:
        """Take the tip off the canvas while the dock is hidden."""
        self._show("")

    def close(self) -> None:
        """Let go of the viewer; its canvas may be gone already and is left alone."""
        self._listen(())

    def refresh(self) -> None:
        """Go on where the user did what a tip says."""
        controller = self._controller
        if not self._letters_drawn:
            return
        if not preference("guidance", "tips", True) or controller.image is None:
            if self._step >= _COUNT:
                self._step = 0
            self._show("")
            return
        work = controller.work
        prompts = work.prompts if work is not None else ()
        if self._step == 0 and prompts:
            self._step = 1
        if self._step == 1 and any(isinstance(p, Click | Scribble) and not p.positive for p in prompts):
            self._step = 2
        if self._step < _COUNT - 1 and controller.finished:
            self._step = _COUNT - 1
        elif self._step == _COUNT - 1 and len(controller.finished) > 1:
            self._step = _COUNT
        if self._step >= _COUNT:
            set_preference("guidance", "tips", False)
            self._show("")
            return
        self._show(_numbered(self._step))

    def _draw_letters(self) -> Iterator[None]:
        """Have the letters of all tips drawn, unseen and a few at a time: napari takes long for each new one."""
        if self._controller.image is None:
            return
        if not self._letters_drawn and preference("guidance", "tips", True):
            letters = "".join(sorted({letter for step in range(_COUNT) for letter in _numbered(step)}))
            for stop in range(_LETTERS_AT_ONCE, len(letters) + _LETTERS_AT_ONCE, _LETTERS_AT_ONCE):
                self._show(letters[:stop], unseen=True)
                yield
        self._letters_drawn = True
        self.refresh()

    def _show(self, text: str, *, unseen: bool = False) -> None:
        overlay = text_overlay_of(self._viewer)
        if overlay.text not in ("", self._shown):
            # Somebody else's.
            self._shown = ""
            return
        if text == self._shown:
            return
        overlay.opacity = 0.0 if unseen else 1.0
        overlay.text = self._shown = text
        overlay.visible = bool(text)
        overlay.position = "bottom_center"
        overlay.font_size = 12

    def _listen(self, keys: tuple[str, ...]) -> None:
        """Bind the guesses on the viewer, where every layer's own key goes first, or let go of them."""
        # Another dock, or the user, may have bound them before.
        taken = {str(key) for key in self._viewer.keymap}
        for key in keys or self._bound():
            if keys and key not in taken:
                self._viewer.bind_key(key, self._on_guess)
            elif not keys:
                self._viewer.bind_key(key, None, overwrite=True)

    def _bound(self) -> list[Any]:
        return [key for key, act in self._viewer.keymap.items() if act == self._on_guess]

    def _on_guess(self, _viewer: Any) -> None:
        work = self._controller.work
        if work is None or not work.prompts or self._guessed:
            return
        self._guessed = True
        self._controller.said.emit(f"To accept the object and begin the next one press {key_now(ACCEPT)}.")


def _numbered(step: int) -> str:
    return f"{step + 1}/{_COUNT}  {_sentence(step)}"


def _sentence(step: int) -> str:
    return (
        "Left-click the object",
        f"Right-click what does not belong; {key_now(ACCEPT)} if it is right",
        f"{key_now(ACCEPT)} accepts it; so does Ctrl with a click on the next",
        f"{key_now(SHEET)} shows every tool and key",
    )[step]
