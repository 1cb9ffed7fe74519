"""Showing licences that forbid commercial use, before anything under them is fetched, imported or used."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from napari_iseg.errors import WeightsError
from napari_iseg.zoo.weights import non_commercial_licence
from napari_iseg.zoo.weights_folder import show_once

__all__ = ["accept_licence", "show_licence"]


def accept_licence(name: str, licence: str, *, accepted: bool) -> None:
    """Show a non-commercial licence and have it accepted.

    Parameters
    ----------
    name
        Whose it is.
    licence
        What it says.
    accepted
        Whether the command line says so already (``--accept-licence``).

    Raises
    ------
    WeightsError
        If nobody is there to ask.
    """
    Console(stderr=True, soft_wrap=True).print(
        f"{name}: not for commercial use. {licence}", markup=False, highlight=False
    )
    if accepted:
        return
    if not sys.stdin.isatty():
        raise WeightsError(f"The licence of {name} has to be accepted; add --accept-licence to the command.")
    typer.confirm("Accept these terms?", abort=True, err=True)


def show_licence(weights: str | None) -> None:
    """Print one line when weights that are not for commercial use are used for the first time.

    Parameters
    ----------
    weights
        The name or file that the command line was given, if any.
    """
    licence = non_commercial_licence(weights) if weights else None
    if weights and licence and show_once(weights, licence):
        Console(stderr=True, soft_wrap=True).print(
            f"{weights}: not for commercial use. {licence}", markup=False, highlight=False
        )
