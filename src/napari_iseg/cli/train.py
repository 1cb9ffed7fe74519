"""``napari-iseg train``: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_iseg.cli.given import command_again
from napari_iseg.cli.licences import show_licence
from napari_iseg.cli.train_progress import run_shown

__all__ = ["train"]


def train(
    context: typer.Context,
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
        str | None,
        typer.Option(help="Start from known weights, a .safetensors or a released .pth file; not with --resume."),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="Processes on this machine, one for each GPU; under torchrun its own number.")
    ] = None,
    nodes: Annotated[int | None, typer.Option(help="Machines; under torchrun its own number.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length of the run; the recipe's when left out.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="The length in steps instead, which makes it exact.")] = None,
    max_samples: Annotated[int | None, typer.Option(help="The length in samples instead, exact as well.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="How the folders are laid out, such as sbd; recognised when left out.")
    ] = None,
    on_bad_input: Annotated[
        str, typer.Option(help="Files that cannot be used: skip (named, counted at the end) or stop.")
    ] = "skip",
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 120.0,
    look_share: Annotated[
        float, typer.Option(help="Share of the time for clicking on held-back objects during the run; 0 never does.")
    ] = 0.05,
    look_objects: Annotated[int, typer.Option(help="Held-back objects of each folder to click on.")] = 3,
    device_data: Annotated[
        bool | None,
        typer.Option("--device-data/--host-data", help="Keep the images on the device; on CUDA when left out."),
    ] = None,
) -> None:
    """Train a network, at random or from given weights on. Held-back files of each folder are left out.

    Ctrl-C or SIGTERM saves and ends; the same command with --resume goes on. Many GPUs on many machines: start the same
    command with torchrun (torchrun ... -m napari_iseg train ...).
    """
    from napari_iseg.inference.opening import choose_device
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.training.card import RunCard
    from napari_iseg.training.data import load_pictures
    from napari_iseg.training.data_rows import data_rows
    from napari_iseg.training.devices import open_fabric
    from napari_iseg.training.hardware import hardware_in_words
    from napari_iseg.training.held_back import HeldBack, load_held_back
    from napari_iseg.training.loop import Trainer
    from napari_iseg.training.recipe import read_recipe

    chosen = read_recipe(recipe)
    fabric = open_fabric(choose_device(device), devices=devices, nodes=nodes, parts_at_rest=bool(chosen.family.at_rest))
    # Of many processes one speaks.
    console = Console(stderr=True, quiet=not fabric.is_global_zero)
    if resume and weights is not None:
        console.print("The run goes on from its checkpoint, so --weights does not count.", soft_wrap=True)
        weights = None
    if fabric.is_global_zero:
        show_licence(weights)
    bad_input = BadInput(on_bad_input)
    with console.status("Reading images"):
        pictures = load_pictures(data, chosen.data, layout=layout, bad_input=bad_input)
        looked_at = {}
        if look_share > 0 and fabric.is_global_zero:
            looked_at = load_held_back(data, per_folder=look_objects, min_pixels=chosen.data.min_pixels, layout=layout)
    for name, planes in sorted(pictures.items()):
        console.print(f"{name}: {len(planes)} planes, {sum(len(p.boxes) for p in planes)} objects", highlight=False)
    trainer = Trainer(
        chosen,
        pictures,
        output,
        fabric=fabric,
        seconds=max_seconds,
        steps=max_steps,
        samples=max_samples,
        weights=weights,
        held_back=HeldBack(chosen.method, looked_at, share=look_share),
        save_every=save_every,
        device_data=device_data,
    )
    trainer.keep_card(
        RunCard(
            recipe=chosen,
            command=command_again(context, leave_out=("resume", "weights")),
            data=data_rows(data, pictures, chosen.data, layout=layout) if fabric.is_global_zero else (),
            hardware=hardware_in_words(fabric),
        )
    )
    if resume:
        trainer.resume()
    try:
        run_shown(trainer, console)
    finally:
        if left_out := bad_input.summary():
            console.print(left_out, markup=False, highlight=False, soft_wrap=True)
