"""Which parts of a network learn, and that the others stay as they are, what they count while training included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

    from napari_iseg.models.families import Family

__all__ = ["PARTS", "choose_parts"]

PARTS = ("prompts", "head", "all")
"""What can be trained: the layers that take the prompts, those and the head, or the whole network."""


def choose_parts(network: nn.Module, family: Family, parts: str) -> list[nn.Parameter]:
    """Let parts of a network learn and freeze the others.

    Modules of which nothing learns answer as in evaluation from now on, whatever mode the network is put into: a norm
    would otherwise go on averaging what it sees, and drop-out leave things out.

    Parameters
    ----------
    network
        Of the family; what is frozen of it already stays so.
    family
        Says how the names of the parts begin.
    parts
        One of :data:`PARTS`.

    Returns
    -------
    list
        The parameters that learn.

    Raises
    ------
    OptionError
        If there are no such parts, or the family has none of them.
    """
    if parts not in PARTS:
        raise OptionError(f"Option 'parts' must be one of {', '.join(PARTS)}; {parts!r} was given.")
    beginnings = {"prompts": family.prompt_layers, "head": (*family.prompt_layers, *family.head), "all": ("",)}[parts]
    chosen = []
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name.startswith(tuple(beginnings)))
        if parameter.requires_grad:
            chosen.append(parameter)
    if not chosen:
        raise OptionError(f"Nothing of {family.name} is named as its {parts}; use parts=all.")
    for module in network.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            # Not once: lessons put the whole network into either mode, again and again.
            module.register_forward_pre_hook(_stay)
    return chosen


def _stay(module: nn.Module, _given: Any) -> None:
    module.eval()
