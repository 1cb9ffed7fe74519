"""Which method, with which weights and options: what a user chose, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_iseg.zoo import Options, find_method, make_options
from napari_iseg.zoo.weights import best_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_iseg.io.session_file import SavedObject

__all__ = ["MethodChoice", "chosen_in"]


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method as it is to answer.

    Parameters
    ----------
    method
        Its name.
    weights
        Name or file of its weights; None for the method's own.
    changes
        The options that differ from the best ones for these weights, as (name, value) pairs sorted by name.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    """

    method: str
    weights: str | None = None
    changes: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        find_method(self.method)

    def with_options(self, values: Mapping[str, Any]) -> MethodChoice:
        """Return this choice with options set; what equals the best value is no change."""
        best = self.best_options
        wanted = make_options(best, {**dict(self.changes), **values})
        changed = sorted(
            (name, getattr(wanted, name))
            for name in {*dict(self.changes), *values}
            if getattr(wanted, name) != getattr(best, name)
        )
        return MethodChoice(self.method, self.weights, tuple(changed))

    @property
    def weights_in_use(self) -> str | None:
        """The weights asked for, or the method's own; None where it has none."""
        return self.weights or find_method(self.method).weights

    @property
    def best_options(self) -> Options:
        """The options that are best for the weights in use."""
        spec = find_method(self.method)
        weights = self.weights_in_use
        return make_options(spec.options, best_options(weights) if weights else {})

    @property
    def options(self) -> Options:
        """The options in force."""
        return make_options(self.best_options, dict(self.changes))


def chosen_in(saved: SavedObject) -> MethodChoice:
    """Return the method, weights and options that a saved object was made with.

    Raises
    ------
    UnknownNameError
        If there is no such method or option.
    OptionError
        If an option has a value that it cannot have.
    """
    own = find_method(saved.method).weights
    choice = MethodChoice(saved.method, None if saved.weights == own else saved.weights)
    # The threshold is the session's own.
    return choice.with_options({name: value for name, value in saved.options.items() if name != "threshold"})
