"""The results of an evaluation onto the disk: everything as JSON, and the table of objects as CSV beside it."""

from __future__ import annotations

import csv
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError
from napari_iseg.ui._evaluate_model import needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["can_write_page", "save_results", "table_rows", "write_page"]

_PAGE = "napari_iseg.evaluation.html_page"


def table_rows(evaluation: Evaluation) -> Iterator[list[Any]]:
    """Yield the lines of the table of objects, the titles first; an object is there once any method has come to it."""
    wish = evaluation.wish
    titles = ["prompts", "IoU", "seconds", "error"]
    yield ["image", "plane", "object", *(f"{name} {title}" for name in evaluation.names for title in titles)]
    results = [list(some) for some in evaluation.results]
    for index in range(max((len(some) for some in results), default=0)):
        place, name = evaluation.places[index], evaluation.source.name if evaluation.source is not None else ""
        line: list[Any] = [name, "" if place.plane is None else place.plane, place.object_id]
        for some in results:
            if index >= len(some):
                line += [""] * len(titles)
                continue
            result = some[index]
            number = needed(result, wish.target_iou) if wish.prompt != "box" else len(result.ious)
            line += [
                f">{wish.max_clicks}" if number is None else number,
                f"{result.ious[-1]:.4f}" if result.ious else "",
                f"{sum(result.seconds):.3f}",
                result.error or "",
            ]
        yield line


def save_results(path: Path, evaluation: Evaluation) -> list[Path]:
    """Write the results, in a thread.

    Parameters
    ----------
    path
        The JSON file; the CSV file gets its name.
    evaluation
        What is done of it is written.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ExportError
        If there is nothing yet or a file cannot be written.
    """
    reports = evaluation.reports()
    if not reports:
        raise ExportError("There are no results to save yet; start the evaluation first.")
    if path.suffix.lower() != ".json":
        # A dot in a name ("run 1.2") begins no ending.
        path = path.with_name(f"{path.name}.json")
    if find_spec("napari_iseg.evaluation.report_file") is not None:
        import_module("napari_iseg.evaluation.report_file").write_reports(path, reports)
        written = [path]
    else:
        several = len(reports) > 1
        written = [
            path.with_stem(f"{path.stem}-{_in_file_name(report.settings['name'])}") if several else path
            for report in reports
        ]
        for place, report in zip(written, reports, strict=True):
            report.write_json(place)
    table = path.with_suffix(".csv")
    try:
        with table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table_rows(evaluation))
    except OSError as error:
        raise ExportError(
            f"The table cannot be written to {table} ({error.strerror or error}); choose another place."
        ) from error
    return [*written, table]


def can_write_page() -> bool:
    """Whether this version can write the report page."""
    return find_spec(_PAGE) is not None


def write_page(folder: Path, evaluation: Evaluation) -> Path:
    """Write the report page into a folder, in a thread; return the page.

    Raises
    ------
    ExportError
        If there is nothing yet or it cannot be written.
    """
    reports, source = evaluation.reports(), evaluation.source
    if not reports or source is None:
        raise ExportError("There are no results to report yet; start the evaluation first.")
    page: Path = import_module(_PAGE).write_report_page(folder, reports, find=source.find_object, title=source.name)
    return page


def _in_file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
