"""``napari-iseg compare``: what two evaluations say about each other, object by object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from napari_iseg.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.evaluation import Report

__all__ = ["compare"]


def compare(
    a: Annotated[Path, typer.Argument(help="What 'napari-iseg evaluate' wrote: its JSON file or its --output folder.")],
    b: Annotated[Path | None, typer.Argument(help="Another; without, the methods in the first are compared.")] = None,
    first: Annotated[str | None, typer.Option(help="Which of several methods in A.")] = None,
    second: Annotated[str | None, typer.Option(help="Which of several methods in B.")] = None,
) -> None:
    """Compare two evaluations on the objects that both did: paired differences with bootstrap 95 % intervals."""
    from napari_iseg.evaluation import reports_table
    from napari_iseg.evaluation.paired import on_the_same, paired_differences
    from napari_iseg.evaluation.report import differences_table

    console = Console()
    for one, other in _pairs(_read(a), None if b is None else _read(b), first, second, a, b):
        shared, _ = on_the_same(one, other)
        same = one.name == other.name
        console.print(reports_table([one, other], names=(f"A: {one.name}", f"B: {other.name}") if same else None))
        console.print()
        console.print(differences_table(one, other, paired_differences(one, other)))
        for report, file in ((one, a), (other, b or a)):
            if apart := len(report.results) - len(shared):
                console.print(
                    f"{apart} of the {len(report.results)} objects of {report.name} in {file.name} are not in the "
                    "other run; the differences leave them out.",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
        console.print()


def _read(path: Path) -> list[Report]:
    from napari_iseg.evaluation.kept import REPORT
    from napari_iseg.evaluation.report_file import read_reports

    return read_reports(path / REPORT if path.is_dir() else path)


def _pairs(
    ours: Sequence[Report],
    theirs: Sequence[Report] | None,
    first: str | None,
    second: str | None,
    a: Path,
    b: Path | None,
) -> list[tuple[Report, Report]]:
    """Return who is compared with whom: the chosen ones, else those of one name, else the only ones."""
    if theirs is None:
        if first is None and second is None:
            if len(ours) < 2:
                raise OptionError(f"{a} holds one method only; name a second file to compare it with.")
            return [(ours[0], other) for other in ours[1:]]
        theirs, b = ours, a
    if first is not None or second is not None or (len(ours) == 1 and len(theirs) == 1):
        return [(_named(ours, first, a), _named(theirs, second, b or a))]
    names = {report.name: report for report in theirs}
    pairs = [(report, names[report.name]) for report in ours if report.name in names]
    if not pairs:
        raise OptionError(
            f"No method is in both files; choose with --first ({', '.join(one.name for one in ours)}) and --second "
            f"({', '.join(names)})."
        )
    return pairs


def _named(reports: Sequence[Report], name: str | None, file: Path) -> Report:
    names = {report.name: report for report in reports}
    if name is None:
        if len(reports) > 1:
            raise OptionError(f"{file} holds several methods; choose one of {', '.join(names)}.")
        return reports[0]
    if name not in names:
        raise UnknownNameError(f"method in {file.name}", name, names)
    return names[name]
