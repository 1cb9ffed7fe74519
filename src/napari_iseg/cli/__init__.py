"""The command line: thin commands over the rooms below. ``napari-iseg --help`` lists them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from napari_iseg import __version__
from napari_iseg.cli.evaluate import evaluate
from napari_iseg.cli.methods import methods
from napari_iseg.cli.segment import segment
from napari_iseg.cli.train import train
from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

# A defect shows Python's own traceback, which can be pasted into a report whole.
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(methods)
app.command()(segment)
app.command()(evaluate)
app.command()(train)


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
        app(_spread("--data", sys.argv[1:] if arguments is None else list(arguments)))
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


def _spread(option: str, arguments: list[str]) -> list[str]:
    """Repeat an option before each of its values, so that ``--data A B`` is ``--data A --data B``."""
    spread: list[str] = []
    open_list = False
    for argument in arguments:
        if open_list and not argument.startswith("-") and spread[-1] != option:
            spread.append(option)
        if argument.startswith("-"):
            open_list = argument == option
        spread.append(argument)
    return spread
