"""What a page says about an evaluation in words: the data, the protocol, the machine and how to do it again."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from napari_iseg import __version__
from napari_iseg.evaluation.machine import machine
from napari_iseg.evaluation.objects import published_options
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU
from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_iseg.evaluation.plot_parts import Entrant
    from napari_iseg.evaluation.report import Report

__all__ = ["again", "contestant_settings", "data_name", "facts", "made", "name_of", "without_folders"]

_GIVEN = {
    "click": "Simulated clicks, each in the middle of the larger error (missing or surplus pixels, by the exact "
    "distance to its border), positive or negative.",
    "scribble": "Simulated strokes along the middle of the largest error (FocalClick-XL, Algorithm 2); a click where "
    "no stroke fits.",
    "box": "One box, the smallest around the object; one answer.",
    "mask": "Coarse masks of the object, each given alone; level 1 is nearly right, level 5 half right.",
    "correction": "A mask with defects to begin with (the data set's own, or made by FocalClick's Algorithm 1), then "
    "simulated clicks "
    "in the middle of the larger error.",
    "proposals": "One simulated click in the middle of the object; of the answer's proposals the method's own first "
    "choice and the best one (by the reference) are both measured.",
    "alpha": "Simulated clicks, as for masks; the soft edges of the last answer are compared with a soft reference.",
}
_FIRST_CROPS = {"whole": "the whole image", "view": "the part of the image on the screen"}
# An absolute path in a sentence, of any system; the last part of it is kept.
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.@+~ -]*[\w.@+~-])*[\\/](?=[\w.@+~-])")


def facts(reports: Sequence[Report]) -> list[tuple[str, str]]:
    """Return what was evaluated and how, as names and sentences.

    Parameters
    ----------
    reports
        At least one, of one kind of prompt.
    """
    first, given = reports[0], reports[0].settings
    images = len({result.name for result in first.counted})
    count = len(first.counted)
    told = f"{count} {_plural('object', count)} in {images} {_plural('image', images)}"
    said = [
        ("Data", _data(given)),
        (
            "Objects",
            f"{told}{_choice(given)}{_uncounted(first)}",
        ),
        ("Prompts", _GIVEN.get(first.prompt, first.prompt)),
    ]
    if first.until_good:
        noun = f"{first.unit}s"
        stop = (
            f"An object ends at an IoU of {first.target_iou:g} or after {first.max_clicks} {noun}"
            if first.target_iou <= 1
            else f"Every object gets {first.max_clicks} {noun}"
        )
        said.append(
            (
                "Protocol",
                f"{stop}. One that does not reach an IoU counts as {first.max_clicks}; one on which a method fails "
                "with an error counts as never reached, with an IoU of 0. Ignored pixels of a reference count nowhere.",
            )
        )
    else:
        said.append(("Protocol", "An object on which a method fails with an error counts with an IoU of 0."))
    said.append(("Mask threshold", _of_options(reports, "threshold")))
    if any("first_crop" in _options(report) for report in reports):
        said.append(("First prompt sees", _of_options(reports, "first_crop", _FIRST_CROPS)))
    said.append(("Proposals", _each(reports, _proposals)))
    return said


def made(reports: Sequence[Report]) -> list[tuple[str, str]]:
    """Return the version, the date and the hardware: those of the run where its settings keep them, else of now."""
    given = reports[0].settings
    version = ", ".join(dict.fromkeys(str(report.settings.get("version", __version__)) for report in reports))
    now = datetime.now().astimezone()
    return [
        ("Software", f"napari-iseg {version}"),
        ("Date", str(given.get("date") or f"{now.day} {now:%B %Y, %H:%M %Z}")),
        ("Hardware", str(given["hardware"]) if given.get("hardware") else machine()),
    ]


def again(contestants: Sequence[Entrant]) -> str:
    """Return the command that does the evaluation again, the data by the name of its folder."""
    report = contestants[0].report
    given = report.settings
    names = [without_folders(one.report.name) for one in contestants]
    words = ["napari-iseg", "evaluate", "--method", ",".join(dict.fromkeys(names)), "--data", data_name(given)]
    defaults: dict[str, Any] = {
        "layout": "folder",
        "labels": "labels",
        "split": "all",
        "limit": None,
        "per_image": None,
    }
    defaults |= {"min_pixels": 1, "prompt": "click", "level": None, "device": "auto"}
    # A contestant's own name says it otherwise.
    defaults |= {} if "name" in given else {"proposals": "likeliest"}
    for name, default in defaults.items():
        value = given.get(name, default)
        if value is not None and value != default:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if report.until_good:
        limits = (("--max-clicks", report.max_clicks, MAX_CLICKS), ("--target-iou", report.target_iou, TARGET_IOU))
        words += [part for word, number, usual in limits if number != usual for part in (word, f"{number:g}")]
    if len(contestants) == 1 and "name" not in given:
        words += ["--weights", _last_part(given["weights"])] if given.get("weights") else []
        for name, value in _unusual(report).items():
            words += ["--option", f"{name}={value}"]
    return shlex.join([*words, "--report", "report"])


def contestant_settings(report: Report) -> list[tuple[str, str]]:
    """Return what one contestant ran with, as names and words."""
    given = report.settings
    weights = _last_part(given["weights"]) if given.get("weights") else "the method's own"
    said = [("Method", str(given.get("method", ""))), ("Weights", weights)]
    if given.get("device"):
        said.append(("Device", str(given["device"])))
    options = _options(report)
    if options:
        said.append(
            ("Options", ", ".join(f"{name} = {without_folders(str(value))}" for name, value in options.items()))
        )
    return said


def data_name(given: Mapping[str, Any]) -> str:
    """Return the name of the data set of a report's settings, without the machine's folders."""
    return _last_part(given.get("data") or "data")


def name_of(report: Report) -> str:
    """Return what a contestant is called: as it was typed where that is known, without folders of weights."""
    given = report.settings
    name = without_folders(report.name).replace(":proposals=best", "") or "unnamed"
    oracle = given.get("proposals") == "best" and report.prompt != "proposals"
    return f"{name}, best proposal" if oracle else name


def without_folders(text: str) -> str:
    """Return a sentence with every absolute path in it cut to its last part."""
    return _FOLDERS.sub("", text)


def _data(given: Mapping[str, Any]) -> str:
    parts = [data_name(given)]
    if given.get("layout") not in (None, "folder", "pack"):
        parts.append(f"in the published layout {given['layout']!r}")
    if given.get("labels") not in (None, "labels"):
        parts.append(f"references {given['labels']!r}")
    if given.get("split") not in (None, "all"):
        parts.append(f"the split {given['split']!r}")
    if given.get("files_left_out"):
        parts.append(f"{given['files_left_out']} files left out that could not be used")
    return ", ".join(parts)


def _choice(given: Mapping[str, Any]) -> str:
    limits = []
    if given.get("limit"):
        limits.append(f"at most {given['limit']}, spread evenly over the images")
    if given.get("per_image"):
        limits.append(f"at most {given['per_image']} of each image")
    if (given.get("min_pixels") or 1) > 1:
        limits.append(f"of at least {given['min_pixels']} pixels")
    return f" ({'; '.join(limits)})" if limits else ""


def _uncounted(report: Report) -> str:
    left = len(report.results) - len(report.counted)
    if not left:
        return ""
    return f"; {left} more {_plural('object', left)} of which no mask to correct could be made count nowhere"


def _proposals(report: Report) -> str:
    return (
        "of several answers the one most like the reference goes on (an oracle)"
        if report.settings.get("proposals") == "best"
        else "the answer as a user first sees it; no choice among proposals is made"
    )


def _of_options(reports: Sequence[Report], name: str, words: Mapping[str, str] | None = None) -> str:
    def one(report: Report) -> str:
        value = _options(report).get(name)
        return "no such setting" if value is None else (words or {}).get(str(value), str(value))

    return _each(reports, one)


def _each(reports: Sequence[Report], say: Callable[[Report], str]) -> str:
    """Return what is so for all reports, or for each its own."""
    said: dict[str, list[str]] = {}
    for report in reports:
        said.setdefault(say(report), []).append(name_of(report))
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{words} ({', '.join(names)})" for words, names in said.items())


def _options(report: Report) -> Mapping[str, Any]:
    options = report.settings.get("options")
    return options if isinstance(options, dict) else {}


def _unusual(report: Report) -> dict[str, Any]:
    """Return the options that differ from those of an evaluation without any."""
    spec = METHODS.get(str(report.settings.get("method")))
    if spec is None:
        return {}
    usual = asdict(spec.options) | published_options(spec)
    return {name: value for name, value in _options(report).items() if value != usual.get(name)}


def _last_part(path: object) -> str:
    text = str(path).rstrip("/\\")
    return PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name or text


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
