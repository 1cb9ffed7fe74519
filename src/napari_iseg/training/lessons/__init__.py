"""Lessons: what one step of a method answers, and what it learns from that. One file a method, or a kind of them."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError, UnknownNameError
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
        share it. A class whose ``takes_levels`` is true takes a fourth argument, (B, L, H, W) label maps of the crops;
        it is given where the recipe's data say ``levels``. One whose ``takes_alpha`` is true takes (B, H, W) alpha
        there, where they say ``soft_factor``. ``adapting``, if a class has it, are the options with which it adapts
        weights to a user's images.

    Raises
    ------
    IsegError
        If the method is not one that is trained, or its lesson does not have an option that the recipe gives it.
    """
    spec = find_method(recipe.method)
    if spec.lesson is None:
        trained = ", ".join(name for name, other in METHODS.items() if other.lesson is not None)
        raise IsegError(f"The method {spec.name!r} cannot be trained here; these can: {trained}.")
    lesson = resolve(spec.lesson)
    if recipe.data.levels and not getattr(lesson, "takes_levels", False):
        raise IsegError(
            f"Training {spec.name!r} does not look at parts and wholes; leave 'levels' out of the recipe's [data]."
        )
    if recipe.data.soft_factor and not getattr(lesson, "takes_alpha", False):
        raise IsegError(
            f"Training {spec.name!r} does not look at alpha; leave 'soft_factor' out of the recipe's [data]."
        )
    known = [name for name, one in signature(lesson).parameters.items() if one.kind is Parameter.KEYWORD_ONLY]
    for option in recipe.lesson:
        if option not in known:
            raise UnknownNameError(f"option of {spec.name}'s lesson", option, known)
    return lesson(network, recipe, **recipe.lesson)
