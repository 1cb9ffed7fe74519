"""The command line: thin commands over the rooms below. ``napari-iseg --help`` lists them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from napari_iseg import __version__
from napari_iseg.cli.adapt import adapt
from napari_iseg.cli.compare import compare
from napari_iseg.cli.data import data
from napari_iseg.cli.evaluate import evaluate
from napari_iseg.cli.export import export
from napari_iseg.cli.methods import methods
from napari_iseg.cli.replay import replay
from napari_iseg.cli.segment import segment
from napari_iseg.cli.train import train
from napari_iseg.cli.weights import weights
from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

# A defect shows Python's own traceback, which can be pasted into a report whole.
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(methods)
app.command()(segment)
app.command()(replay)
app.command()(export)
app.command()(evaluate)
app.command()(compare)
app.command()(train)
app.command()(adapt)
app.add_typer(weights, name="weights")
app.add_typer(data, name="data")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments
        What follows the program's name; None takes the process's own.

    Raises
    ------
    SystemExit
        Always: 0 when done, 2 with one sentence on stderr where what was given cannot be used.
    """
    try:
        app(_spread_data(sys.argv[1:] if arguments is None else list(arguments)), prog_name="napari-iseg")
    except IsegError as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(str(error), markup=False, highlight=False)
        raise SystemExit(2) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _napari_iseg(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Interactive segmentation: click an object, get its mask."""


def _spread_data(arguments: list[str]) -> list[str]:
    """Make ``train ... --data A B`` to ``train ... --data A --data B``, the form that Typer reads."""
    if arguments[:1] != ["train"] and arguments[:2] != ["data", "preview"]:
        return arguments
    spread: list[str] = []
    listing = False
    for argument in arguments:
        is_option = argument.startswith("-")
        if listing and not is_option and spread[-1] != "--data":
            spread.append("--data")
        if is_option:
            listing = argument == "--data"
        spread.append(argument)
    return spread
