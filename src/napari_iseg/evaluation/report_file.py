"""Reports of evaluations in files: written whole, and read back with every number, prompt and mask as it was."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError, IsegError
from napari_iseg.evaluation.prompt_kinds import LEVELS
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU, ObjectResult
from napari_iseg.evaluation.report import Report
from napari_iseg.io.json_file import read_json_object, write_json_object
from napari_iseg.io.mask_runs import MaskRuns
from napari_iseg.io.prompt_values import PROMPT_KINDS, prompt_from_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_iseg.interactions import Prompt

__all__ = ["read_reports", "report_from_values", "result_from_values", "write_reports"]

_NUMBERS = ("ious", "seconds", "coarse_ious")
_PLAIN = {field.name for field in fields(ObjectResult)} - {"prompts", "masks", "measures", "start", *_NUMBERS}
_LIMITS = ("max_clicks", "target_iou")


def read_reports(path: str | Path) -> list[Report]:
    """Read the reports that :func:`write_reports` wrote.

    Parameters
    ----------
    path
        A JSON file with one report, or with several as ``{"runs": [...]}``.

    Raises
    ------
    ImageError
        If there is no such file, or it holds something else; the sentence says what is wrong where.
    """
    values = read_json_object(path, ImageError)
    runs = values.get("runs", [values])
    if not isinstance(runs, list) or not runs:
        raise ImageError(f"{path} has no list of runs; choose a file that 'napari-iseg evaluate --json' wrote.")
    reports = []
    for number, run in enumerate(runs, start=1):
        try:
            reports.append(report_from_values(run))
        except IsegError as error:
            which = f", run {number}" if len(runs) > 1 else ""
            raise ImageError(
                f"{path}{which} holds no results of an evaluation: {error} Choose a file that 'napari-iseg evaluate "
                "--json' wrote."
            ) from error
    return reports


def write_reports(path: str | Path, reports: Sequence[Report]) -> None:
    """Write reports as JSON: a single one as it is, several as ``{"runs": [...]}``.

    What is not a number (NaN) is written as null, which JSON knows.

    Parameters
    ----------
    path
        The file; written whole or not at all.
    reports
        At least one.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    runs = [_plain(_values(report)) for report in reports]
    write_json_object(path, runs[0] if len(runs) == 1 else {"runs": runs})


def report_from_values(values: Any) -> Report:
    """Make a report of what :meth:`Report.as_dict` gave and JSON kept.

    Parameters
    ----------
    values
        The dict. Its summary is not read: the report counts it anew.

    Raises
    ------
    ImageError
        If it is something else.
    """
    if not isinstance(values, dict) or not isinstance(values.get("results"), list):
        raise ImageError("There is no list of results.")
    for part in ("settings", "protocol"):
        if not isinstance(values.get(part, {}), dict):
            raise ImageError(f"The {part} are no object.")
    given: dict[str, Any] = {**values.get("settings", {})}
    # Of no use to prompts that are given once, and in the settings of the others since the first version.
    said = {name: given.pop(name) for name in _LIMITS if name in given} | values.get("protocol", {})
    results = [result_from_values(one, f"Result {n}") for n, one in enumerate(values["results"], start=1)]
    prompt = said.get("prompt") or given.get("prompt") or _kind_of(values["results"])
    levels = said.get("levels", _levels_of(prompt, given.get("level")))
    try:
        limits = int(said.get("max_clicks", MAX_CLICKS)), float(said.get("target_iou", TARGET_IOU))
        return Report(results, *limits, given, prompt, tuple(int(level) for level in levels))
    except (TypeError, ValueError) as error:
        raise ImageError(f"The limits or levels are no numbers ({error}).") from error


def result_from_values(values: Any, entry: str = "The result") -> ObjectResult:
    """Make the result of one object of what a report's ``results`` hold.

    Parameters
    ----------
    values
        The dict.
    entry
        Where in the file it stands, for the sentence.

    Raises
    ------
    ImageError
        If it is something else.
    PromptError
        If a prompt in it is none.
    """
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        raise ImageError(f"{entry} is no object with a name.")
    try:
        given: dict[str, Any] = {name: values[name] for name in _PLAIN if name in values}
        given |= {name: [_number(one) for one in values.get(name, [])] for name in _NUMBERS}
        return ObjectResult(
            **given,
            prompts=_prompts(values, entry),
            start=None if values.get("start") is None else MaskRuns.from_values(values["start"]),
            masks=[MaskRuns.from_values(one) for one in values.get("masks", [])],
            measures={str(name): _number(one) for name, one in values.get("measures", {}).items()},
        )
    except (TypeError, AttributeError) as error:
        raise ImageError(
            f"{entry} ({values['name']!r}) does not hold what an object's result needs: {error}."
        ) from error


def _values(report: Report) -> dict[str, Any]:
    # Beside the settings, which are whatever whoever evaluated wanted to keep.
    protocol = {
        "prompt": report.prompt,
        "levels": list(report.levels),
        "max_clicks": report.max_clicks,
        "target_iou": report.target_iou,
    }
    return {**report.as_dict(), "protocol": protocol}


def _prompts(values: Mapping[str, Any], entry: str) -> list[Prompt]:
    """Return the prompts of a result, which are clicks without their kind or anything with it."""
    if "clicks" in values:
        given = [("click", one) for one in values["clicks"]]
    else:
        given = [
            (str(one["kind"]), {k: v for k, v in one.items() if k != "kind"})
            if isinstance(one, dict) and "kind" in one
            else ("", one)
            for one in values.get("prompts", [])
        ]
    for kind, _ in given:
        if kind not in PROMPT_KINDS:
            raise ImageError(f"{entry} has a prompt of the kind {kind!r}; there are {', '.join(PROMPT_KINDS)}.")
    return [prompt_from_values(kind, one, f"{entry}, prompt {n}") for n, (kind, one) in enumerate(given, start=1)]


def _kind_of(results: Sequence[Mapping[str, Any]]) -> Any:
    """Return the kind of prompt of results whose settings do not name it."""
    for result in results:
        if result.get("clicks"):
            return "click"
        if result.get("prompts"):
            return result["prompts"][0]["kind"]
    return "click"


def _levels_of(prompt: str, level: int | None) -> Sequence[int]:
    if prompt != "mask":
        return ()
    return LEVELS if level is None else (level,)


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)


def _plain(value: Any) -> Any:
    """Return what JSON can keep: null for what is no finite number, words for what is no value at all."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _plain(value.item()) if hasattr(value, "item") else str(value)
