"""What a terminal shows while a run goes on."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import typer
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

if TYPE_CHECKING:
    from rich.console import Console

    from napari_iseg.training.loop import Progress as TrainingProgress
    from napari_iseg.training.loop import Trainer

__all__ = ["run_shown"]


def run_shown(trainer: Trainer, console: Console) -> None:
    """Run to the end with a bar, and say which file it wrote.

    Raises
    ------
    typer.Exit
        With 128 and the signal's number, as shells count, if the run was asked to stop; it has said how to go on.
    """
    from napari_iseg.training.stopping import StoppedError

    # Warnings of the run (a full disk) appear above the bar instead of through it.
    handler = RichHandler(console=console, show_path=False, level=logging.WARNING)
    logger = logging.getLogger("napari_iseg")
    logger.addHandler(handler)
    try:
        with Progress(BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), console=console) as bar:
            task = bar.add_task("starting", total=1.0)
            bar.update(task, completed=trainer.fraction)
            weights = trainer.run(lambda now: bar.update(task, completed=now.fraction, description=_line(now)))
    except StoppedError as stopped:
        console.print(str(stopped), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(128 + stopped.number) from None
    finally:
        logger.removeHandler(handler)
    console.print(f"Wrote {weights}", soft_wrap=True)


def _line(now: TrainingProgress) -> str:
    parts = [
        f"step {now.step}",
        f"loss {now.loss:.4f}",
        f"{now.size} px",
        f"{now.samples_per_second:.1f} samples/s",
        f"waiting {now.waiting:.0%}",
    ]
    if now.ious:
        means = " ".join(f"{iou:.2f}" for iou in now.ious.values())
        parts.append(f"held-back IoU {means} after {'/'.join(str(click) for click in now.ious)} clicks")
    parts.append(f"{timedelta(seconds=round(now.seconds_left))} left")
    return ", ".join(parts)
