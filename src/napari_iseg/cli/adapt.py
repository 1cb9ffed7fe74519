"""``napari-iseg adapt``: train weights a little further on one's own images."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from napari_iseg.cli.licences import show_licence
from napari_iseg.zoo import ADAPTED_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from napari_iseg.training.adapting import Adaptation, AdaptProgress

__all__ = ["adapt"]


def adapt(
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images.", show_default=False)],
    labels: Annotated[
        Path, typer.Argument(help="Its labels, or the folder of label files of the same names.", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="What to call the adapted weights.", show_default=False)],
    method: Annotated[str, typer.Option(help="A method of `napari-iseg methods` with a network.")] = ADAPTED_METHOD,
    weights: Annotated[str | None, typer.Option(help="What to begin with; the method's own if left out.")] = None,
    parts: Annotated[str, typer.Option(help="What may change: all, head, or prompts (the prompting layers).")] = "all",
    seconds: Annotated[float, typer.Option(help="The most it may take.")] = 600.0,
    on_bad_input: Annotated[
        str, typer.Option(help="Files that cannot be used: skip (named, counted at the end) or stop.")
    ] = "skip",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Adapt weights to your images: a few labelled ones, some minutes; Ctrl+C stops and keeps the best so far.

    Objects that are held back decide: weights that are not better are not kept.
    """
    from napari_iseg.inference.opening import choose_device
    from napari_iseg.inference.predictor import CancelledError
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.pairs import read_labelled_planes
    from napari_iseg.training.adapted_weights import free_name, keep_adapted, summary
    from napari_iseg.training.adapting import adapt as run
    from napari_iseg.training.examples import Example

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    free_name(name)
    show_licence(weights)
    bad_input = BadInput(on_bad_input)
    with console.status("Reading images"):
        planes = read_labelled_planes(images, labels, bad_input=bad_input)
    examples = [Example(*plane) for plane in planes]
    count = sum(len(set(plane[2][plane[2] > 0].tolist())) for plane in planes)
    console.print(f"{len(examples)} labelled planes with {count} objects")

    def show(now: AdaptProgress) -> None:
        clicks = f"{now.scores[-1][1].clicks:.2f} clicks" if now.scores else "judging"
        learned = "" if now.loss is None else f", loss {now.loss:.3f}, {now.samples} crops"
        bar.update(task, completed=now.fraction, description=clicks + learned)

    with (
        Progress(BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn(), console=console) as bar,
        _stop_at_ctrl_c() as stop,
    ):
        task = bar.add_task("judging", total=1.0)
        try:
            result = run(
                examples,
                method=method,
                weights=weights,
                parts=parts,
                seconds=seconds,
                device=choose_device(device),
                seed=seed,
                progress=show,
                cancelled=stop.is_set,
            )
        except CancelledError:
            raise typer.Abort from None
    _print_table(result)
    if left_out := bad_input.summary():
        console.print(left_out, markup=False)
    if not result.is_better:
        console.print("Nothing was better than the weights at the start; they are kept, and nothing was written.")
        return
    path = keep_adapted(result, name, method=method, weights=weights, parts=parts)
    console.print(summary(result.before, result.after), markup=False)
    console.print(f"Wrote {path}. Use it by: --method {method} --weights {name}", markup=False)


def _print_table(result: Adaptation) -> None:
    table = Table("", "clicks to 85 %", "IoU after 1", "IoU after 3", box=None, pad_edge=False, header_style="bold")
    for label, score in (("before", result.before), ("after", result.after)):
        table.add_row(label, f"{score.clicks:.2f}", f"{score.first:.3f}", f"{score.third:.3f}")
    Console().print(table)


@contextmanager
def _stop_at_ctrl_c() -> Iterator[Event]:
    """Have Ctrl+C set an event, which the run looks at, instead of tearing it down; a second one does tear."""
    stop = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
