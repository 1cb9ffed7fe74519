"""The kinds of prompts that the simulated user can give, and which of them a method takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from napari_iseg.errors import OptionError, UnknownNameError
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.interactions.simulated_masks import COARSE_LEVELS
from napari_iseg.io.alpha_references import ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.zoo import MethodSpec

__all__ = [
    "LEVELS",
    "PROMPT_KINDS",
    "UNTIL_GOOD",
    "PromptKind",
    "check_prompt",
    "chosen_levels",
    "given_word",
    "references_for",
]

PromptKind = Literal["click", "scribble", "box", "mask", "correction", "proposals", "alpha"]
"""What the simulated user gives: clicks or scribbles until the mask is good, or one box, or one coarse mask; or clicks
that correct a defective mask, or one click whose proposals are compared, or clicks until the mask is good and its soft
edges can be measured."""

PROMPT_KINDS: MappingProxyType[PromptKind, tuple[type, ...]] = MappingProxyType(
    {
        "click": (Click,),
        "scribble": (Scribble,),
        "box": (Box,),
        "mask": (MaskPrompt,),
        "correction": (MaskPrompt, Click),
        "proposals": (Click,),
        "alpha": (Click,),
    }
)
"""What a method must take for each kind."""

UNTIL_GOOD: tuple[PromptKind, ...] = ("click", "scribble", "correction", "alpha")
"""The kinds of which so many are given as it takes; the others are given once."""

LEVELS = tuple(range(1, len(COARSE_LEVELS) + 1))
"""The levels of coarse masks, 1 (nearly right) to 5 (half right)."""


def check_prompt(prompt: str, spec: MethodSpec) -> None:
    """Check that there is such a kind of prompt and that a method takes it, by itself or translated.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    OptionError
        If the method does not take it, or ``"alpha"`` is asked of one that gives no mattes.
    """
    if prompt not in PROMPT_KINDS:
        raise UnknownNameError("kind of prompt", prompt, PROMPT_KINDS)
    takes = [kind for kind in PROMPT_KINDS if _takes(kind, spec)]
    if prompt == "alpha" and not spec.alpha:
        raise OptionError(
            f"The method {spec.name!r} cannot be evaluated with the prompt 'alpha': it gives no alpha mattes. Choose "
            f"{', '.join(takes)}, or a method with 'alpha' in the list of 'napari-iseg methods'."
        )
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


def given_word(prompt: str) -> str:
    """Return what one of the things given is called: a correction is made of clicks."""
    return "click" if prompt in ("correction", "proposals", "alpha") else prompt


def references_for(prompt: PromptKind, labels: str) -> str:
    """Return the folder of references that a kind of prompt is measured by.

    Parameters
    ----------
    prompt
        The kind of prompt.
    labels
        What was asked for; ``"labels"``, which is nothing special, becomes ``"alpha"`` where soft references are
        needed.
    """
    return ALPHA if prompt == "alpha" and labels == "labels" else labels


def _takes(kind: PromptKind, spec: MethodSpec) -> bool:
    taken = (*spec.prompts, *spec.translated)
    return all(given in taken for given in PROMPT_KINDS[kind]) and (kind != "alpha" or spec.alpha)
