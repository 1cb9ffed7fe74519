"""One self-contained page of an evaluation: what was done, the measures, the figures, and objects with their clicks."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError, OptionError
from napari_iseg.evaluation import plots
from napari_iseg.evaluation.gallery import Pictures, chosen_results, told
from napari_iseg.evaluation.html_facts import (
    again,
    contestant_settings,
    data_name,
    facts,
    made,
    name_of,
    without_folders,
)
from napari_iseg.evaluation.html_tables import difference_rows, measure_rows, published_table
from napari_iseg.evaluation.plot_parts import SAMPLES, Entrant, as_svg
from napari_iseg.evaluation.published_numbers import known_set
from napari_iseg.io.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from napari_iseg.evaluation.html_tables import Difference
    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.evaluation.report import Report
    from napari_iseg.io.labelled_images import DatasetObject

__all__ = ["PAGE", "write_report_page"]

PAGE = "index.html"
"""The name of the page in its folder."""

# In base64 four thirds of it; a page stays well below 3 MB with its figures.
_ALL_PICTURES = 1_250_000
_LARGEST_PICTURE = 24_000


def write_report_page(
    folder: Path,
    reports: Sequence[Report],
    *,
    find: Callable[[str, int], DatasetObject] | None = None,
    title: str = "",
    differences: Callable[[Report, Report], Mapping[str, Difference]] | None = None,
    command: str | None = None,
) -> Path:
    """Write an evaluation as one HTML page that loads nothing from outside.

    Parameters
    ----------
    folder
        Where ``index.html`` goes; made where there is none, and the page in it replaced.
    reports
        One per contestant and kind of prompt, over the same objects in the same order.
    find
        Image name and object to the object, such as :meth:`LabelledImages.find_object`; None leaves the gallery out.
    title
        Above the page; empty for one that names the data.
    differences
        :func:`napari_iseg.evaluation.paired.paired_differences`; None leaves its table out.
    command
        What was typed, to be shown as the way to do it again; None makes it of the settings.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    OptionError
        If there is no report, or one without objects.
    ExportError
        If the page cannot be written.
    """
    if not reports or not all(report.counted for report in reports):
        raise OptionError("A report page needs at least one method with at least one evaluated object; evaluate first.")
    text = _page(reports, find, title, differences, command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"The folder {folder} for the report cannot be made ({error.strerror or error}); choose another place."
        ) from error
    page = folder / PAGE
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def _page(
    reports: Sequence[Report],
    find: Callable[[str, int], DatasetObject] | None,
    title: str,
    differences: Callable[[Report, Report], Mapping[str, Difference]] | None,
    command: str | None,
) -> str:
    # Late: a page is the only thing that needs it.
    from jinja2 import Environment, StrictUndefined

    contestants = _contestants(reports)
    groups = [[one for one in contestants if one.report.prompt == kind] for kind in _kinds(reports)]
    pictures = None
    if find is not None:
        count = sum(len(found) for report in reports for found in chosen_results(report).values())
        pictures = Pictures(find, min(_LARGEST_PICTURE, _ALL_PICTURES // max(count, 1)))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("napari_iseg.evaluation").joinpath("report_page.html").read_text(encoding="utf-8")
    given = reports[0].settings
    known = known_set(data_name(given), given.get("layout"))
    return environment.from_string(template).render(
        title=title or f"Interactive segmentation on {known.title if known else data_name(given)}",
        made=made(reports),
        sections=[
            {**_section(group, pictures, differences), "command": said}
            for group, said in zip(groups, _commands(groups, command), strict=True)
        ],
        settings=[(one, contestant_settings(one.report)) for one in contestants],
        single=len(groups) == 1,
    )


def _commands(groups: Sequence[Sequence[Entrant]], command: str | None) -> list[str]:
    """Return what to type for each kind of prompt: what was typed, once, or what the settings say."""
    if command is None:
        return [again(group) for group in groups]
    return [without_folders(command), *[""] * (len(groups) - 1)]


def _section(
    contestants: Sequence[Entrant],
    pictures: Pictures | None,
    differences: Callable[[Report, Report], Mapping[str, Difference]] | None,
) -> dict[str, Any]:
    """Return all that the page says about one kind of prompt."""
    reports = [one.report for one in contestants]
    prompt: str = reports[0].prompt
    rows, units = difference_rows(contestants, differences) if differences and len(contestants) > 1 else ([], "")
    return {
        "prompt": prompt,
        "stepwise": reports[0].until_good,
        "facts": facts(reports),
        "contestants": contestants,
        "measures": measure_rows(contestants),
        "differences": rows,
        "units": units,
        "published": published_table(contestants),
        "figures": [figure for figure in _figures(contestants, prompt) if figure.svg],
        "errors": [
            (one.name, _named(result), without_folders(result.error))
            for one in contestants
            for result in one.report.counted
            if result.error is not None
        ],
        "gallery": [(one, _gallery(one, pictures)) for one in contestants] if pictures is not None else [],
    }


@dataclass(frozen=True, slots=True)
class _Shown:
    """A figure with its heading and what is below it."""

    heading: str
    svg: Any
    caption: str


def _figures(contestants: Sequence[Entrant], prompt: str) -> list[_Shown]:
    from markupsafe import Markup

    def shown(heading: str, draw: Callable[[], Figure | None], caption: str) -> _Shown:
        name = f"{prompt}-{heading.lower().replace(' ', '-')}"
        svg = as_svg(draw, name, f"{heading}: {', '.join(one.name for one in contestants)}")
        return _Shown(heading, None if svg is None else Markup(svg), caption)

    figures = []
    noun = "scribble" if prompt == "scribble" else "click"
    stepwise = contestants[0].report.until_good
    if stepwise:
        figures.append(
            shown(
                f"IoU by {noun}",
                lambda: plots.iou_by_click(contestants),
                f"Mean IoU over objects after each {noun}; bands are 95 % bootstrap intervals of the mean over objects "
                f"({SAMPLES} resamples). An object that stopped at the target keeps its last IoU; one that ended "
                "with an error counts as 0.",
            )
        )
        target = contestants[0].report.target_iou
        if target <= 1:
            figures.append(
                shown(
                    f"{noun.title()}s needed",
                    lambda: plots.clicks_needed(contestants),
                    f"How many objects needed how many {noun}s to an IoU of {target:g}. Hatched: never reached, errors "
                    "included.",
                )
            )
    elif prompt == "mask":
        figures.append(
            shown(
                "IoU by level",
                lambda: plots.iou_by_level(contestants),
                f"Mean IoU over objects of what is made of coarse masks; bands are 95 % bootstrap intervals "
                f"({SAMPLES} resamples). Objects with an error count as 0. The dotted line is the IoU of the "
                "coarse masks themselves, which are the same for all.",
            )
        )
    else:
        figures.append(
            shown(
                "IoU of objects",
                lambda: plots.iou_histograms(contestants),
                "How many objects have which IoU, in steps of 0.05; the dashed line is the mean. Objects with an error "
                "count as 0.",
            )
        )
    if any("oracle_IoU" in result.measures for one in contestants for result in one.report.counted):
        figures.append(
            shown(
                "First answer and best proposal",
                lambda: plots.first_against_best(contestants),
                "Each mark is an object; above the line, another proposal would have been better than the answer "
                "that a user first sees.",
            )
        )
    figures.append(
        shown(
            "Time",
            lambda: plots.seconds_figure(contestants, by_click=stepwise),
            "Wall time of finding the prompt, the answer and the mask, on a logarithmic scale. Boxes: quartiles with "
            "the median; whiskers reach to 1.5 times the box."
            + (f" Right: the median over the objects that got that {noun}." if stepwise else ""),
        )
    )
    return figures


def _gallery(one: Entrant, pictures: Pictures) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "objects": [_pictured(one, result, pictures) for result in results]}
        for kind, results in chosen_results(one.report).items()
    ]


def _pictured(one: Entrant, result: ObjectResult, pictures: Pictures) -> dict[str, Any]:
    drawn = pictures.draw(result, one.report.prompt)
    words = told(result, one.report)
    return {
        "data": None if drawn is None else b64encode(drawn).decode("ascii"),
        "named": _named(result),
        "told": words,
        "error": None if result.error is None else without_folders(result.error),
        "alt": f"{_named(result)} segmented by {one.name}: {words}; reference and answer outlined, prompts numbered",
    }


def _named(result: ObjectResult) -> str:
    plane = "" if result.plane is None else f", plane {result.plane}"
    return f"{result.name}{plane}, object {result.object_id}"


def _contestants(reports: Sequence[Report]) -> list[Entrant]:
    """Give every report its name and its looks; one name has one colour under every kind of prompt."""
    named: list[tuple[str, Report]] = []
    for report in reports:
        name, count = name_of(report), 1
        taken = {other for other, one in named if one.prompt == report.prompt}
        while (numbered := name if count == 1 else f"{name} ({count})") in taken:
            count += 1
        named.append((numbered, report))
    places = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in named))}
    return [Entrant(name, report, places[name]) for name, report in named]


def _kinds(reports: Sequence[Report]) -> list[str]:
    return list(dict.fromkeys(report.prompt for report in reports))
