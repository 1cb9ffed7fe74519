"""``napari-iseg data held-back``: which images of a folder training never sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_iseg.errors import ImageError

__all__ = ["held_back"]


def held_back(
    folders: Annotated[list[Path], typer.Argument(help="Folders with images/ and labels/, or published data sets.")],
    layout: Annotated[
        str | None, typer.Option(help="How the folders are laid out, such as sbd; recognised when left out.")
    ] = None,
) -> None:
    """List the images that training leaves out: one in five by a hash of the name, and at least a tenth of a set."""
    from napari_iseg.training.data_rows import images_of

    console = Console(soft_wrap=True, highlight=False)
    for folder in folders:
        images = images_of(folder, layout)
        if not images:
            raise ImageError(f"There are no labelled images in {folder}.")
        names = sorted(name for (_, name), held in images.items() if held)
        console.print(f"{folder.name}: {len(names)} of {len(images)} images", markup=False)
        for name in names:
            console.print(f"  {name}", markup=False)
