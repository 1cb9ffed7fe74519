"""``napari-iseg data preview``: a contact sheet of what training sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_iseg.errors import ExportError, OptionError

__all__ = ["preview"]


def preview(
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG file to write.")],
    kind: Annotated[
        list[str] | None, typer.Option(help="Kind of generated images; all when left out. May be given several times.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Dataset folders: augmented crops of them instead of generated images.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Draw crops as this recipe does, a name or a .toml file.")] = None,
    count: Annotated[int, typer.Option(help="Images of each kind or folder.")] = 4,
    size: Annotated[int, typer.Option(help="Rows and columns of each.")] = 192,
    columns: Annotated[int, typer.Option(help="Images in a row, each with its outlined twin.", min=1)] = 4,
    seed: Annotated[int, typer.Option(help="Another number, other images.")] = 0,
) -> None:
    """Write a contact sheet of generated images, or of a folder's crops as training draws them."""
    from PIL import Image

    from napari_iseg.io.files import replacing
    from napari_iseg.training.contact_sheet import contact_sheet, crop_tiles, generated_tiles
    from napari_iseg.training.recipe import DataRecipe, read_recipe

    if kind and data:
        raise OptionError("--kind is for generated images and --data for folders; give one of them.")
    if output.suffix.lower() != ".png":
        raise ExportError(f"The sheet is a PNG file, but {output.name!r} ends otherwise; name it something.png.")
    if data:
        drawn = read_recipe(recipe).data if recipe else DataRecipe()
        tiles = crop_tiles(data, drawn, count=count, size=size, seed=seed)
    else:
        tiles = generated_tiles(kind or (), count=count, size=size, seed=seed)
    with replacing(output) as file:
        Image.fromarray(contact_sheet(tiles, columns=columns)).save(file)
    Console().print(f"Wrote {len(tiles)} images to {output}", markup=False, highlight=False, soft_wrap=True)
