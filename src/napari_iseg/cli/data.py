"""``napari-iseg data``: what training looks at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from napari_iseg.cli.held_back import held_back
from napari_iseg.cli.preview import preview
from napari_iseg.errors import ExportError, UnknownNameError

if TYPE_CHECKING:
    from napari_iseg.io.labelled_images import Split
    from napari_iseg.training.packing import PackReport

__all__ = ["data"]

data = typer.Typer(add_completion=False, no_args_is_help=True, help="Look at training data and pack it.")
data.command()(preview)
data.command("held-back")(held_back)


@data.command()
def pack(
    folders: Annotated[list[Path], typer.Argument(help="Folders with images/ and labels/, or published data sets.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The one file to write.")],
    max_mb: Annotated[float | None, typer.Option(help="Compress references and keep as many planes as fit.")] = None,
    max_side: Annotated[int, typer.Option(help="Crop and reduce planes to this many pixels.")] = 512,
    split: Annotated[str, typer.Option(help="Which images: all (held-back ones marked), train or held-back.")] = "all",
    layout: Annotated[
        str | None, typer.Option(help="How the folders are laid out, such as sbd; recognised when left out.")
    ] = None,
    on_bad_input: Annotated[
        str, typer.Option(help="Files that cannot be used: skip (named, counted at the end) or stop.")
    ] = "skip",
) -> None:
    """Pack folders into one file that training maps into memory: 'napari-iseg train RECIPE --data FILE'."""
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.training.packing import pack_folders

    if split not in ("all", "train", "held-back"):
        raise UnknownNameError("split", split, ("all", "train", "held-back"))
    if not output.absolute().parent.is_dir():
        # Said now, not after an hour of reading.
        raise ExportError(f"There is no folder {output.absolute().parent} for the pack; make it or choose another.")
    console = Console(stderr=True)
    bad_input = BadInput(on_bad_input)
    with Progress(TextColumn("packing"), BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("packing", total=1.0)
        report = pack_folders(
            folders,
            output,
            bad_input=bad_input,
            max_mb=max_mb,
            max_side=max_side,
            layout=layout,
            split=cast("Split", split),
            progress=lambda share: bar.update(task, completed=share),
        )
    for line in _lines(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if left_out := bad_input.summary():
        console.print(left_out, markup=False, highlight=False, soft_wrap=True)


def _lines(report: PackReport) -> list[str]:
    lines = [f"{name}: {report.planes[name]} of {found} planes" for name, found in report.found.items()]
    thinned = sum(report.found.values()) - sum(report.planes.values())
    if thinned:
        lines.append(f"{thinned} evenly spaced planes were left out to keep to the size asked for.")
    if report.vanished:
        lines.append(
            f"{report.vanished} objects were too small to be seen after reduction; raise --max-side to keep them."
        )
    lines.append(f"{report.objects} objects, {report.held_back} held-back planes, never trained on.")
    lines.append(f"Wrote {report.path} ({report.bytes / 1e6:.1f} MB)")
    return lines
