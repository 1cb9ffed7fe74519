"""From an evaluation's report to a model card: its row of measures, and its picture of failures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError
from napari_iseg.evaluation.card import method_of, with_picture, with_row
from napari_iseg.evaluation.failure_sheet import failure_sheet
from napari_iseg.evaluation.failures import replay, worst_results
from napari_iseg.evaluation.objects import published_options
from napari_iseg.evaluation.prompt_kinds import given_word
from napari_iseg.evaluation.protocol import MAX_CLICKS, TARGET_IOU
from napari_iseg.io.files import replacing
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_iseg.evaluation.report import Report

__all__ = ["KEY", "MEASURES", "add_to_card", "card_row", "check_card"]

KEY = ("data", "split", "method", "prompt", "settings")
"""The columns that say what was measured."""

MEASURES = {
    "NoC@85": "NoC@85",
    "NoC@90": "NoC@90",
    "NoS@85": "NoS@85",
    "NoS@90": "NoS@90",
    "NoF@90": "NoF@90",
    "mIoU@1": "IoU after 1 click",
    "IoU": "IoU",
    **{f"level_{level}_IoU": f"IoU, mask of level {level}" for level in range(1, 6)},
    "initial_IoU": "IoU of the initial mask",
    "oracle_IoU": "IoU of the best proposal",
    "proposals": "proposals",
    "MSE": "MSE x 1000",
    "SAD": "SAD / 1000",
}
"""Names of measures in a report's summary and in a card, in the order of the card's columns."""

_AFTER_ONE = MEASURES["mIoU@1"]
_ORDER = (*KEY, "objects", *MEASURES.values(), "IoU after 1 scribble")
_WITH_COLUMNS = {"data", "split", "method", "prompt"}
# What says how the numbers came about but changes none of them; the rest are settings that a row names.
_UNTOLD = {
    *("name", "layout", "device", "threads", "weights_sha256", "max_clicks", "target_iou"),
    *("version", "date", "hardware"),
}
_DEFAULTS = {"labels": "labels", "min_pixels": 1, "proposals": "likeliest"}


def add_to_card(path: Path, report: Report) -> Path | None:
    """Put the row of an evaluation into a card, in the place of one of the same measurement, and its failures' picture.

    Parameters
    ----------
    path
        The Markdown file; made where there is none.
    report
        Of :func:`napari_iseg.evaluation.evaluate_folder`.

    Returns
    -------
    pathlib.Path or None
        The picture, beside the card. None where the card is of another method's weights: those have the row to be
        compared with, and the pictures show where the card's own fail.

    Raises
    ------
    ExportError
        If a file cannot be written.
    IsegError
        If the data cannot be opened any more.
    """
    check_card(path)
    try:
        # As it is on the disk: reading as text would change the ends of lines.
        written = path.read_bytes().decode("utf-8") if path.exists() else f"# {path.stem}\n"
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"The card {path} cannot be read ({error}); choose another file.") from error
    text = written.replace("\r\n", "\n")
    row, picture = card_row(report, path.stem), None
    text = with_row(text, row, key=KEY, order=_ORDER)
    if method_of(text) in (None, report.settings["method"]):
        name, what = _set_name(report.settings), _what(row)
        picture = path.with_name(f"{path.stem}-{name.replace('/', '-')}{_suffix(row)}.jpg")
        failures = replay(report, worst_results(report.counted))
        title = f"The worst {len(failures)} of {len(report.counted)} objects of {what}"
        drawn = failure_sheet(failures, title)
        with replacing(picture) as file:
            file.write_bytes(drawn)
        text = with_picture(text, picture.name, title)
    with replacing(path) as file:
        file.write_bytes((text.replace("\n", "\r\n") if "\r\n" in written else text).encode("utf-8"))
    return picture


def check_card(path: Path) -> None:
    """Check that a card can be where it is to be written.

    Raises
    ------
    ExportError
        If its folder is missing, it is a folder itself, or it is no Markdown file.
    """
    if path.suffix.lower() != ".md" or path.is_dir():
        raise ExportError(f"A card is a Markdown file; {path} was given. Name one that ends in .md.")
    if not path.absolute().parent.is_dir():
        raise ExportError(f"There is no folder {path.absolute().parent} for the card; make it or choose another.")


def card_row(report: Report, own: str = "") -> dict[str, str]:
    """Return the cells of an evaluation's row, by column.

    Parameters
    ----------
    report
        Of :func:`napari_iseg.evaluation.evaluate_folder`.
    own
        Name of the weights that the card is of, which its rows need not name.
    """
    given, summary = report.settings, report.summary()
    objects = summary["objects"]
    row = {
        "data": _set_name(given),
        "split": str(given["split"]),
        "method": f"`{given['method']}`",
        "prompt": str(given.get("prompt", "click")),
        "settings": ", ".join(_settings(report, own)),
        "objects": f"{objects}, {report.failed} with an error" if report.failed else str(objects),
    }
    for name, column in MEASURES.items():
        if (value := summary.get(name)) is not None:
            column = f"IoU after 1 {given_word(row['prompt'])}" if column == _AFTER_ONE else column
            row[column] = f"{value} of {objects}" if isinstance(value, int) else f"{value:.2f}"
    return row


def _settings(report: Report, own: str) -> list[str]:
    """Return what differs from an evaluation without options."""
    given = report.settings
    told = []
    if given["weights"] is not None and Path(given["weights"]).stem != own:
        told.append(f"weights {Path(given['weights']).name}")
    if report.max_clicks != MAX_CLICKS:
        told.append(f"at most {report.max_clicks}")
    if report.target_iou != TARGET_IOU:
        told.append(f"to an IoU of {report.target_iou:g}")
    spec = find_method(given["method"])
    usual = asdict(spec.options) | published_options(spec)
    told += [f"{name}={value}" for name, value in given["options"].items() if value != usual.get(name)]
    if given["proposals"] == "best" and report.prompt != "proposals":
        told.append("proposals chosen by the reference")
    seen = _WITH_COLUMNS | _UNTOLD | {"weights", "options", "proposals", "labels"}
    for name, value in given.items():
        if name not in seen and value is not None and value != _DEFAULTS.get(name):
            told.append(f"{name.replace('_', '-')} {value}")
    return told


def _set_name(given: Mapping[str, Any]) -> str:
    """Return the name of the evaluated set, with the kind of references unless it is the usual one."""
    path = Path(given["data"]).resolve()
    name = path.stem if path.is_file() else path.name
    return name if given["labels"] == _DEFAULTS["labels"] else f"{name}/{given['labels']}"


def _what(row: Mapping[str, str]) -> str:
    split = "" if row["split"] == "all" else f" ({row['split']})"
    settings = f", {row['settings']}" if row["settings"] else ""
    return f"{row['data']}{split} for {row['method'].strip('`')}, prompt {row['prompt']}{settings}"


def _suffix(row: Mapping[str, str]) -> str:
    """Return what tells the pictures of other prompts on the same set apart."""
    return "" if row["prompt"] == "click" else f"-{row['prompt']}"
