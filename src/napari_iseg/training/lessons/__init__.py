"""Lessons: what one step of a method answers, and what it learns from that. One file a method, or a kind of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError
from napari_iseg.inference.opening import resolve
from napari_iseg.zoo import METHODS, find_method

if TYPE_CHECKING:
    from torch import nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["make_lesson"]


def make_lesson(network: nn.Module, recipe: Recipe) -> Any:
    """Return the lesson of the recipe's method around a network.

    Returns
    -------
    torch.nn.Module
        Its attribute ``network`` is the network. Called with a batch, (B, 3, H, W) RGB in [0, 1] and (B, H, W) target
        (1 object, 0 background, -1 ignored), and a :class:`numpy.random.Generator`, it returns two scalars: the loss,
        and the loss as it compares between steps. All of a step happens in that one call, so that many devices can
        share it. A lesson that has options of its own (the recipe's ``lesson``) names their dataclass as ``options``.

    Raises
    ------
    IsegError
        If the method is not one that is trained, or the recipe has options that its lesson does not know.
    """
    spec = find_method(recipe.method)
    if spec.lesson is None:
        trained = ", ".join(name for name, other in METHODS.items() if other.lesson is not None)
        raise IsegError(f"The method {spec.name!r} cannot be trained here; these can: {trained}.")
    lesson = resolve(spec.lesson)
    if recipe.lesson and not hasattr(lesson, "options"):
        raise IsegError(
            f"The method {spec.name!r} has no lesson options; {', '.join(map(repr, recipe.lesson))} was given. "
            "Leave the recipe's [lesson] table out."
        )
    return lesson(network, recipe)
