"""``napari-iseg train``: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from napari_iseg.cli.licences import show_licence

if TYPE_CHECKING:
    from napari_iseg.training.loop import Progress as TrainingProgress

__all__ = ["train"]


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe of the package, or a .toml file of the same form.")],
    data: Annotated[
        list[Path],
        typer.Option(help="Folder with images/ and labels/, a published data set, or a pack; any number of them."),
    ],
    output: Annotated[Path, typer.Option(help="Folder for checkpoints, log and weights.")] = Path("runs"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the output folder.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="Start from known weights, a .safetensors or a released .pth file.")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length of the run; the recipe's when left out.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="How the folders are laid out, such as sbd; recognised when left out.")
    ] = None,
    on_bad_input: Annotated[
        str, typer.Option(help="Files that cannot be used: skip (named, counted at the end) or stop.")
    ] = "skip",
) -> None:
    """Train a network, at random or from given weights on. Held-back files of each folder are left out."""
    from napari_iseg.inference.opening import choose_device
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.training.data import load_pictures
    from napari_iseg.training.loop import Trainer
    from napari_iseg.training.recipe import read_recipe

    console = Console(stderr=True)
    chosen = read_recipe(recipe)
    show_licence(weights)
    bad_input = BadInput(on_bad_input)
    with console.status("Reading images"):
        pictures = load_pictures(data, chosen.data, layout=layout, bad_input=bad_input)
    for name, planes in sorted(pictures.items()):
        console.print(f"{name}: {len(planes)} planes, {sum(len(p.boxes) for p in planes)} objects", highlight=False)
    trainer = Trainer(chosen, pictures, output, device=choose_device(device), seconds=max_seconds, weights=weights)
    if resume:
        trainer.resume()
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0)
        bar.update(task, completed=trainer.fraction)

        def show(now: TrainingProgress) -> None:
            text = f"step {now.step}, loss {now.loss:.4f}, {now.size} px, {now.samples_per_second:.1f} samples/s"
            bar.update(task, completed=now.fraction, description=text)

        written = trainer.run(show)
    console.print(f"Wrote {written}")
    if left_out := bad_input.summary():
        console.print(left_out, markup=False, highlight=False, soft_wrap=True)
