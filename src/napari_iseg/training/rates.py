"""How fast each parameter learns at each moment of a run, and how fast the averaged weights follow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.optim.swa_utils import get_ema_multi_avg_fn

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from napari_iseg.training.recipe import Recipe

__all__ = ["learning_rate", "load_optimizer", "parameter_groups", "running_average"]

_START = 1e-3
_FALL = 0.1


def learning_rate(recipe: Recipe, fraction: float) -> float:
    """Return the learning rate at a moment, before the factors of single parts.

    Parameters
    ----------
    recipe
        Its ``learning_rate``, ``warmup``, ``rate_schedule``, ``milestones`` and ``final_rate`` count.
    fraction
        Of the run that has passed, in [0, 1].
    """
    # An epoch need not be a whole number of batches: without rounding the rate could fall one step late.
    now = round(fraction * recipe.epochs, 9)
    if now < recipe.warmup:
        return recipe.learning_rate * (_START + (1 - _START) * now / recipe.warmup)
    if recipe.rate_schedule == "milestones":
        return float(recipe.learning_rate * _FALL ** sum(now >= milestone for milestone in recipe.milestones))
    passed = min((now - recipe.warmup) / max(recipe.epochs - recipe.warmup, 1e-9), 1.0)
    left = 1 - passed if recipe.rate_schedule == "linear" else 0.5 * (1 + math.cos(math.pi * passed))
    return recipe.learning_rate * (recipe.final_rate + (1 - recipe.final_rate) * left)


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return a network's parameters as an optimiser takes them.

    Matrices and kernels decay; biases, norms and positions do not.

    Returns
    -------
    list of dict
        Each with ``params``, ``weight_decay`` and ``rate``, how many times the learning rate its parameters have; those
        that decay come first.

    Raises
    ------
    IsegError
        If the recipe gives a rate to a part that the network does not have.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    unused = set(recipe.rates)
    for name, parameter in network.named_parameters():
        parts = [part for part in recipe.rates if name == part or name.startswith(f"{part}.")]
        unused -= set(parts)
        rate = recipe.rates[max(parts, key=len)] if parts else 1.0
        groups.setdefault((rate, parameter.ndim > 1 and "pos_embed" not in name), []).append(parameter)
    if unused:
        raise IsegError(
            f"The recipe {recipe.name!r} gives a rate to {min(unused)!r}, which is no part of its network; its parts "
            f"are {', '.join(name for name, _ in network.named_children())}."
        )
    return [
        {"params": parameters, "weight_decay": recipe.weight_decay if decays else 0.0, "rate": rate}
        # In the order of checkpoints from before there were rates, which an optimiser resumes from by position.
        for (rate, decays), parameters in sorted(groups.items(), key=lambda item: not item[0][1])
    ]


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Go on with an optimiser's state from a checkpoint, at the ``rate`` that its groups have now.

    Checkpoints from before there were rates do not have them.
    """
    rates = [group["rate"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["rate"] = rate


def running_average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Return what :class:`torch.optim.swa_utils.AveragedModel` averages weights with.

    An exponential average that forgets the random start: after n steps it keeps (1 + n) / (10 + n) of itself, and from
    there on ``decay`` at the most. With ``decay`` alone a thousand steps would still hold a tenth of what was random,
    and norms would have the statistics of neither.
    """

    def update(averaged: Any, current: Any, number: Tensor | int) -> None:
        steps = float(number)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, number)

    return update
