"""``napari-iseg evaluate``: what methods need, and make of it, on a folder of images with references."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from napari_iseg.cli.given import parse_options
from napari_iseg.cli.licences import show_licence
from napari_iseg.errors import ExportError, OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.evaluation import PromptKind, Report
    from napari_iseg.evaluation.bench import Setup
    from napari_iseg.evaluation.kept import KeptResults
    from napari_iseg.evaluation.runs import RunProgress
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.dataset import Split

__all__ = ["evaluate"]

_METHOD = "Method, or several with commas between: METHOD[@WEIGHTS][:OPTION=VALUE...]; see 'napari-iseg methods'."


def evaluate(
    method: Annotated[list[str], typer.Option(help=_METHOD)],
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
        str,
        typer.Option(
            help="What is given: click or scribble, until the mask is good; correction: clicks from a defective mask; "
            "box or mask (coarse), once; proposals: one click; alpha: clicks, for the soft edges."
        ),
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
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that share the objects; same results whatever the number. Chosen when left out."),
    ] = None,
    threads: Annotated[
        int, typer.Option(help="Threads of each process. With another number, sums are rounded differently.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Folder that keeps every object as it is done; the same command resumes.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for a page to read: curves, tables, pictures.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every click and IoU here.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Model card (.md) that gets a row of measures and a picture of the worst.")
    ] = None,
) -> None:
    """Count the clicks or scribbles that methods need, or measure what they make of a box or a coarse mask."""
    from napari_iseg.evaluation.bench import Protocol, Selection, Setup
    from napari_iseg.evaluation.card_entry import check_card
    from napari_iseg.evaluation.contestants import PROPOSALS, parse_contestants
    from napari_iseg.evaluation.kept import KeptResults
    from napari_iseg.evaluation.prompt_kinds import check_prompt, chosen_levels, references_for
    from napari_iseg.evaluation.runs import check_setup
    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.zoo import find_method

    if proposals not in PROPOSALS:
        raise UnknownNameError("choice of proposals", proposals, PROPOSALS)
    contestants = parse_contestants(
        method, weights=weights, options=parse_options(option or ()), best_proposals=proposals == "best"
    )
    check_prompt(prompt, find_method(contestants[0].method))
    kind = cast("PromptKind", prompt)
    setup = Setup(
        contestants,
        Selection(str(data), references_for(kind, labels), layout, cast("Split", split), limit, per_image, min_pixels),
        Protocol(kind, tuple(chosen_levels(kind, level)), max_clicks, target_iou),
        device,
        on_bad_input,
    )
    check_setup(setup)
    # Said now, not after an hour of evaluation.
    if card is not None:
        if len(contestants) > 1:
            raise OptionError("A card is of one method's weights; evaluate one method at a time for it.")
        check_card(card)
    for path in (json, report):
        if path is not None and not path.absolute().parent.is_dir():
            raise ExportError(f"There is no folder {path.absolute().parent} for the report; make it or choose another.")
    for contestant in contestants:
        show_licence(contestant.weights)
    bad_input = BadInput(on_bad_input)
    console = Console(stderr=True)
    kept = None if output is None else KeptResults(output)
    reports = _run(setup, workers, threads, kept, bad_input, data.name)
    _write(reports, kept, json, card)
    _tell(reports, bad_input)
    if report is not None:
        page = _write_page(report, reports, setup)
        console.print(f"The report is {page}.", markup=False, highlight=False, soft_wrap=True)


def _run(
    setup: Setup, workers: int | None, threads: int, kept: KeptResults | None, bad_input: BadInput, name: str
) -> list[Report]:
    """Evaluate behind a progress bar; what is interrupted is closed first and said to be kept."""
    from napari_iseg.evaluation.runs import evaluate_contestants

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(f"{', '.join(one.name for one in setup.contestants)} on {name}", total=None)

        def show(now: RunProgress) -> None:
            bar.update(task, completed=now.done, total=now.total)

        try:
            return evaluate_contestants(
                setup, workers=workers, threads=threads, kept=kept, bad_input=bad_input, progress=show
            )
        finally:
            if kept is not None and sys.exc_info()[0] is not None:
                bar.console.print(
                    f"What was done so far is kept in {kept.folder}; the same command goes on from it.",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )


def _write(reports: Sequence[Report], kept: KeptResults | None, json: Path | None, card: Path | None) -> None:
    from napari_iseg.evaluation.card_entry import add_to_card
    from napari_iseg.evaluation.report_file import write_reports

    if kept is not None:
        kept.finish(reports)
    if json is not None:
        write_reports(json, reports)
    if card is not None:
        add_to_card(card, reports[0])


def _write_page(folder: Path, reports: Sequence[Report], setup: Setup) -> Path:
    """Write the page, with pictures of objects from the data set."""
    from napari_iseg.evaluation.html_page import write_report_page
    from napari_iseg.evaluation.paired import paired_differences
    from napari_iseg.io.bad_input import BadInput

    return write_report_page(
        folder,
        reports,
        find=setup.selection.open(BadInput()).find_object,
        differences=paired_differences,
    )


def _tell(reports: Sequence[Report], bad_input: BadInput) -> None:
    from napari_iseg.evaluation import reports_table
    from napari_iseg.evaluation.paired import paired_differences
    from napari_iseg.evaluation.remarks import remarks
    from napari_iseg.evaluation.report import differences_table

    console = Console()
    console.print(reports_table(reports))
    for report in reports:
        for sentence in remarks(report):
            said = f"{report.name}: {sentence}" if len(reports) > 1 else sentence
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    first = reports[0]
    for other in reports[1:]:
        console.print()
        console.print(differences_table(first, other, paired_differences(first, other)))
    if left_out := bad_input.summary():
        Console(stderr=True).print(left_out, markup=False, highlight=False, soft_wrap=True)
