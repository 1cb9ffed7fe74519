"""The kinds of prompts that the simulated user can give, and which of them a method takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from napari_iseg.errors import OptionError, UnknownNameError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.simulated_masks import COARSE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.zoo import MethodSpec

__all__ = ["LEVELS", "PROMPT_KINDS", "UNTIL_GOOD", "PromptKind", "check_prompt", "chosen_levels"]

PromptKind = Literal["click", "scribble", "box", "mask"]
"""What the simulated user gives: clicks or scribbles until the mask is good, or one box, or one coarse mask."""

PROMPT_KINDS: MappingProxyType[PromptKind, type] = MappingProxyType(
    {"click": Click, "scribble": Scribble, "box": Box, "mask": MaskPrompt}
)
"""The class of each kind."""

UNTIL_GOOD: tuple[PromptKind, ...] = ("click", "scribble")
"""The kinds that are given until the mask is good enough."""

LEVELS = tuple(range(1, len(COARSE_LEVELS) + 1))
"""The levels of coarse masks, 1 (nearly right) to 5 (half right)."""


def check_prompt(prompt: str, spec: MethodSpec) -> None:
    """Check that there is such a kind of prompt and that a method takes it, by itself or translated.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    OptionError
        If the method does not take it.
    """
    if prompt not in PROMPT_KINDS:
        raise UnknownNameError("kind of prompt", prompt, PROMPT_KINDS)
    takes = [kind for kind, given in PROMPT_KINDS.items() if given in (*spec.prompts, *spec.translated)]
    if prompt not in takes:
        raise OptionError(
            f"The method {spec.name!r} cannot be evaluated with the prompt {prompt!r}, which it does not take; it "
            f"takes {', '.join(takes)}: choose one of these, or another method."
        )


def chosen_levels(prompt: PromptKind, level: int | None) -> Sequence[int]:
    """Return the levels of coarse masks to evaluate: none of other prompts, one or all of masks.

    Parameters
    ----------
    prompt
        The kind of prompt.
    level
        1 to 5, or None for all five.

    Raises
    ------
    OptionError
        If there is no such level, or a level is given for prompts that have none.
    """
    if level is not None and prompt != "mask":
        raise OptionError(f"Only coarse masks have a level; leave the level {level} out, or choose the prompt 'mask'.")
    if level is not None and level not in LEVELS:
        raise OptionError(f"Coarse masks have the levels {LEVELS[0]} to {LEVELS[-1]}; {level} was given.")
    if prompt != "mask":
        return ()
    return LEVELS if level is None else (level,)
