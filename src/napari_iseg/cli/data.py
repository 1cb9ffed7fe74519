"""``napari-iseg data``: what training looks at."""

from __future__ import annotations

import typer

from napari_iseg.cli.preview import preview

__all__ = ["data"]

data = typer.Typer(add_completion=False, no_args_is_help=True, help="Look at training data and pack it.")
data.command()(preview)


@data.callback()
def _data() -> None:
    """Keep ``preview`` a command of the group, however many there are."""
