"""Whose weights a released file holds, told from the names and shapes of its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from napari_iseg.models.families import Family

__all__ = ["recognise"]


def recognise(
    state: Mapping[str, Tensor], parameters: Mapping[str, Any], families: Iterable[Family], *, source: Path
) -> tuple[Family, nn.Module]:
    """Return the family whose network a released state dict fits to the last tensor, and the network.

    Parameters
    ----------
    state
        Upstream's names to tensors.
    parameters
        The constructor parameters saved beside it, empty for a bare state dict.
    families
        Those that it could be. Several may have the marks that it shows (FocalClick's HRNet is RITM's and a refiner);
        then the fit decides.
    source
        The file that a message names.

    Raises
    ------
    WeightsError
        If it fits none.
    """
    known = tuple(families)
    marked = [family for family in known if family.from_upstream is not None and family.holds(state)]
    reasons: list[str] = []
    for family in marked:
        try:
            return family, _assembled(family, state, parameters, source)
        except WeightsError as error:
            reasons.append(f"{family.name}: {_reason(error)}")
    if marked:
        raise WeightsError(
            f"{source.name} looks like weights of {' or '.join(family.name for family in marked)}, but does not fit "
            f"({'; '.join(reasons)}); fetch it again or choose another file."
        )
    released = ", ".join(sorted({family.name for family in known if family.from_upstream is not None}))
    raise WeightsError(
        f"{source.name} holds no network of a known method (its tensors begin with {next(iter(state))!r}); weights of "
        f"these are read: {released}. A backbone alone cannot be imported."
    )


def _assembled(family: Family, state: Mapping[str, Tensor], parameters: Mapping[str, Any], source: Path) -> nn.Module:
    if family.from_upstream is None:
        raise WeightsError(f"Nothing was ever released for {family.name}.")
    try:
        config, ours = family.from_upstream(state, parameters)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # A file that lacks what the marks promise, or has parameters of another kind beside it.
        raise WeightsError(f"its tensors make no configuration ({type(error).__name__}: {error})") from error
    return family.assemble(config, ours, source=source)


def _reason(error: WeightsError) -> str:
    """Return torch's own first line where the tensors did not fit, which names one of them."""
    cause = error.__cause__
    if not isinstance(cause, RuntimeError):
        return str(error)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:200]
