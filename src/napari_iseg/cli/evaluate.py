"""``napari-iseg evaluate``: what a method needs, and makes of it, on a folder of images with references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from napari_iseg.cli.given import parse_options
from napari_iseg.cli.licences import show_licence
from napari_iseg.errors import ExportError, UnknownNameError

if TYPE_CHECKING:
    from napari_iseg.evaluation import ObjectResult, PromptKind
    from napari_iseg.io.dataset import Split

__all__ = ["evaluate"]


def evaluate(
    method: Annotated[str, typer.Option(help="The method; see 'napari-iseg methods'.")],
    data: Annotated[Path, typer.Option(help="Folder with images/ and labels/, a published data set, or a pack.")],
    weights: Annotated[
        str | None, typer.Option(help="Known name, .safetensors or .pth file; the method's own when left out.")
    ] = None,
    labels: Annotated[str, typer.Option(help="Name of the folder of references.")] = "labels",
    layout: Annotated[
        str | None, typer.Option(help="How the folder is laid out, such as sbd; recognised by its files when left out.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which images: all, train or held-back (from training).")] = "all",
    limit: Annotated[int | None, typer.Option(help="At most this many objects, spread evenly over the images.")] = None,
    per_image: Annotated[int | None, typer.Option(help="At most this many objects of each image.")] = None,
    min_pixels: Annotated[int, typer.Option(help="Leave out objects with fewer pixels.")] = 1,
    prompt: Annotated[
        str, typer.Option(help="What is given: click or scribble, until the mask is good; box or mask (coarse), once.")
    ] = "click",
    level: Annotated[
        int | None, typer.Option(help="How coarse a mask, 1 (nearly right) to 5 (half right); all five when left out.")
    ] = None,
    max_clicks: Annotated[int, typer.Option(help="Give up after this many clicks or scribbles.")] = 20,
    target_iou: Annotated[float, typer.Option(help="Stop an object at this IoU; 1.01 gives it all clicks.")] = 0.90,
    proposals: Annotated[
        str, typer.Option(help="likeliest: as a user first sees it; best: chosen by the reference (an oracle).")
    ] = "likeliest",
    option: Annotated[
        list[str] | None, typer.Option(help="Predictor option as key=value; threshold is 0.49 unless given.")
    ] = None,
    on_bad_input: Annotated[
        str, typer.Option(help="Files that cannot be used: skip (named, counted at the end) or stop.")
    ] = "skip",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[Path | None, typer.Option(help="Write every click and IoU here.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card (.md) that gets a row of measures and a picture of the worst.")
    ] = None,
) -> None:
    """Count the clicks or scribbles that a method needs, or measure what it makes of a box or a coarse mask."""
    from napari_iseg.evaluation import evaluate_folder
    from napari_iseg.evaluation.card_entry import add_to_card, check_card
    from napari_iseg.io.bad_input import BadInput

    if proposals not in ("likeliest", "best"):
        raise UnknownNameError("choice of proposals", proposals, ("likeliest", "best"))
    if json is not None and not json.absolute().parent.is_dir():
        # Said now, not after an hour of evaluation.
        raise ExportError(f"There is no folder {json.absolute().parent} for the report; make it or choose another.")
    if card is not None:
        check_card(card)
    show_licence(weights)
    bad_input = BadInput(on_bad_input)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{method} on {data.name}", total=None)

        def show(done: int, total: int, result: ObjectResult) -> None:
            bar.update(task, completed=done, total=total)

        report = evaluate_folder(
            method,
            data,
            weights=weights,
            device=device,
            options=parse_options(option or ()),
            labels=labels,
            layout=layout,
            split=cast("Split", split),
            limit=limit,
            per_image=per_image,
            min_pixels=min_pixels,
            prompt=cast("PromptKind", prompt),
            level=level,
            max_clicks=max_clicks,
            target_iou=target_iou,
            best_proposals=proposals == "best",
            bad_input=bad_input,
            progress=show,
        )
    if json is not None:
        report.write_json(json)
    Console().print(report.table())
    if left_out := bad_input.summary():
        console.print(left_out, markup=False, highlight=False, soft_wrap=True)
    if card is not None:
        add_to_card(card, report)
