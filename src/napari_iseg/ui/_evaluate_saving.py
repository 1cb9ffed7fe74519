"""The results of an evaluation onto the disk: everything as JSON, and the table of objects as CSV beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iseg.ui._evaluate_work import Evaluation

__all__ = ["save_results", "write_page"]


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
    # Imported in the thread: these bring torch.
    from napari_iseg.evaluation.kept import write_table
    from napari_iseg.evaluation.report_file import write_reports

    reports = evaluation.reports()
    if not reports:
        raise ExportError("There are no results to save yet; start the evaluation first.")
    if path.suffix.lower() != ".json":
        # A dot in a name ("run 1.2") begins no ending.
        path = path.with_name(f"{path.name}.json")
    table = path.with_suffix(".csv")
    write_reports(path, reports)
    write_table(table, reports)
    return [path, table]


def write_page(folder: Path, evaluation: Evaluation) -> Path:
    """Write the report page into a folder, in a thread; return the page.

    Raises
    ------
    ExportError
        If there is nothing yet or it cannot be written.
    """
    from napari_iseg.evaluation.html_page import write_report_page
    from napari_iseg.evaluation.paired import paired_differences

    reports, source = evaluation.reports(), evaluation.source
    if not reports or source is None:
        raise ExportError("There are no results to report yet; start the evaluation first.")
    return write_report_page(
        folder, reports, find=source.find_object, title=source.name, differences=paired_differences
    )
