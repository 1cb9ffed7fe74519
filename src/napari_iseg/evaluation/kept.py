"""The folder of a run: every object's result as soon as it is there, so that a stopped run goes on where it was."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError, ImageError, IsegError, OptionError
from napari_iseg.evaluation.metrics import clicks_to_reach
from napari_iseg.evaluation.paired import identity
from napari_iseg.evaluation.report import result_values
from napari_iseg.evaluation.report_file import result_from_values, write_reports
from napari_iseg.io.files import replacing
from napari_iseg.io.json_file import read_json_object, write_json_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.evaluation.paired import Identity
    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.evaluation.report import Report

__all__ = ["LINES", "REPORT", "SETTINGS", "TABLE", "KeptResults", "write_table"]

LINES = "objects.jsonl"
"""One line of JSON for every object of every contestant, in the order in which they were done."""

SETTINGS = "settings.json"
"""What each contestant was run with."""

TABLE = "objects.csv"
"""The same objects as a table, for R and spreadsheets."""

REPORT = "report.json"
"""Everything, for ``napari-iseg compare``."""

# Which objects are asked for may change from run to run: what was done of them stays right.
_FREE = {"name", "data", "split", "limit", "per_image", "min_pixels", "files_left_out"}
# A path leads elsewhere from another folder; what the file holds is compared.
_FREE_OF_PATHS = _FREE | {"weights"}

_log = logging.getLogger(__name__)


class KeptResults:
    """What a run has done so far, on the disk.

    Parameters
    ----------
    folder
        Made where there is none; an earlier run's results in it are used.

    Raises
    ------
    ExportError
        If the folder cannot be made or written, or holds other things.
    ImageError
        If what it holds is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            strange = not (self.folder / SETTINGS).exists() and any(self.folder.iterdir())
        except OSError as error:
            raise ExportError(f"{self.folder} cannot be made ({error}); choose another folder.") from error
        if strange:
            raise ExportError(
                f"{self.folder} holds other files and no run of an evaluation; name a new or an empty folder."
            )
        self._settings = self._read_settings()
        self._prompts = {name: str(one.get("prompt", "click")) for name, one in self._settings.items()}
        self._results = self._read_results()

    def open(self, name: str, settings: dict[str, Any]) -> dict[Identity, ObjectResult]:
        """Return what there is of a contestant, and keep its settings.

        Objects on which it failed are not among them: they are tried again.

        Parameters
        ----------
        name
            Of the contestant.
        settings
            As :func:`napari_iseg.evaluation.runs.settings_of` gives them.

        Raises
        ------
        OptionError
            If it was run with other settings, so that its numbers would be of two kinds.
        ExportError
            If the folder cannot be written.
        """
        before = self._settings.get(name)
        if before is not None:
            now = json.loads(json.dumps(settings, default=str))
            other = next(
                (key for key in {**before, **now} if key not in _FREE_OF_PATHS and before.get(key) != now.get(key)),
                None,
            )
            if other is None and Path(before["data"]).name != Path(now["data"]).name:
                other = "data"
            if other is not None:
                raise OptionError(
                    f"{self.folder} holds a run of {name!r} with another {other.replace('_', ' ')}: "
                    f"{before.get(other)!r} there, {now.get(other)!r} now. Name another folder, or delete that one."
                )
        self._settings[name] = settings
        self._prompts[name] = str(settings.get("prompt", "click"))
        write_json_object(self.folder / SETTINGS, {"contestants": self._settings})
        found = self._results.get(name, {})
        return {which: result for which, result in found.items() if result.error is None}

    def add(self, name: str, result: ObjectResult) -> None:
        """Write down what came of an object, at once.

        Raises
        ------
        ExportError
            If it cannot be written, as on a full disk.
        """
        line = {"contestant": name, **result_values(result, self._prompts[name])}
        try:
            # Opened for every line: a run that is ended in whatever way leaves nothing behind but whole lines.
            with (self.folder / LINES).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, default=str) + "\n")
        except OSError as error:
            raise ExportError(
                f"{self.folder / LINES} cannot be written ({error.strerror or error}); make room or choose another "
                "folder. What was done before is kept."
            ) from error

    def finish(self, reports: Sequence[Report]) -> None:
        """Write the table and the report of everything.

        Raises
        ------
        ExportError
            If they cannot be written.
        """
        write_table(self.folder / TABLE, reports)
        write_reports(self.folder / REPORT, reports)

    def _read_settings(self) -> dict[str, dict[str, Any]]:
        file = self.folder / SETTINGS
        if not file.exists():
            return {}
        kept = read_json_object(file, ImageError).get("contestants")
        if not isinstance(kept, dict) or not all(isinstance(one, dict) and "data" in one for one in kept.values()):
            raise ImageError(f"{file} is damaged; delete the folder, or name another.")
        return kept

    def _read_results(self) -> dict[str, dict[Identity, ObjectResult]]:
        file = self.folder / LINES
        found: dict[str, dict[Identity, ObjectResult]] = {}
        if not file.exists():
            return found
        written = file.read_bytes()
        whole, _, rest = written.rpartition(b"\n")
        if rest:
            # The run was stopped in the middle of a line; that object is done again.
            _log.warning("The last line of %s is not whole; its object is done again.", file)
            with replacing(file) as new:
                new.write_bytes(whole + b"\n" if whole else b"")
        for number, line in enumerate(whole.decode("utf-8", "replace").splitlines(), start=1):
            try:
                values = json.loads(line)
                result = result_from_values(values)
                found.setdefault(str(values["contestant"]), {})[identity(result)] = result
            except (ValueError, KeyError, TypeError, IsegError) as error:
                raise ImageError(
                    f"Line {number} of {file} is damaged; delete that line to go on from the others."
                ) from error
        return found


def write_table(path: str | Path, reports: Sequence[Report]) -> None:
    """Write one row for each object of each contestant as comma-separated values.

    The columns are the contestant, the object, how many prompts it was given, the prompts to each IoU (empty where it
    was not reached), the IoU after each prompt, the seconds of all, what was measured besides, and the error.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    thresholds = sorted({target for report in reports for target in report.thresholds if report.until_good})
    results = [result for report in reports for result in report.results]
    most = max((len(result.ious) for result in results), default=0)
    measured = list(dict.fromkeys(name for result in results for name in result.measures))
    head = [
        *("contestant", "image", "plane", "object", "prompts"),
        *(f"prompts_to_{round(target * 100)}" for target in thresholds),
        *("final_iou", "seconds", *measured, "error"),
        *(f"iou_{count}" for count in range(1, most + 1)),
    ]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(head)
        for report in reports:
            for one in report.results:
                plane = "" if one.plane is None else one.plane
                needed = ["" if one.error else clicks_to_reach(one.ious, target) or "" for target in thresholds]
                last = f"{one.ious[-1]:.6f}" if one.ious else ""
                besides = [one.measures.get(measure, "") for measure in measured]
                rows.writerow(
                    [
                        *(report.name, one.name, plane, one.object_id, len(one.prompts), *needed),
                        *(last, f"{sum(one.seconds):.4f}", *besides, one.error or ""),
                        *(f"{iou:.6f}" for iou in one.ious),
                    ]
                )
