"""The project's standing table: every shipped method on six sets of real images, by the field's protocol.

    python benchmarks/quality.py DATA [--sets grabcut wbc] [--methods cfr-icl disnet] [--workers 2]

DATA is the folder of the data sets. Results of objects are kept in --runs, so that a stopped run goes on; a method
whose weights or options have changed is done anew, and all are after a commit to src. The measures go to
docs/results.json, and from there to docs/results.md and to the README's table; with --write nothing is measured and the
two documents are written from what docs/results.json has.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.progress import Progress

from napari_iseg.evaluation.bench import Protocol, Selection, Setup
from napari_iseg.evaluation.contestants import Contestant, parse_contestants
from napari_iseg.evaluation.kept import KeptResults
from napari_iseg.evaluation.machine import machine
from napari_iseg.evaluation.paired import paired_differences
from napari_iseg.evaluation.prompt_kinds import chosen_levels
from napari_iseg.evaluation.runs import evaluate_contestants, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.evaluation import PromptKind, Report
    from napari_iseg.evaluation.runs import RunProgress

TOP = Path(__file__).resolve().parents[1]
DOCS = TOP / "docs"
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"


@dataclass(frozen=True)
class QualitySet:
    """A row of the table: which objects of which data, and the words for it."""

    name: str
    words: str
    selection: dict[str, Any]
    target: float = 0.90
    prompt: PromptKind = "click"
    methods: tuple[str, ...] | None = None

    @property
    def levels(self) -> tuple[int, ...]:
        """Which coarse masks are given."""
        return tuple(chosen_levels(self.prompt, None))

    @property
    def counts_clicks(self) -> bool:
        """Whether it belongs into the README's table of clicks."""
        return self.prompt == "click" and self.target <= 1


CUT = ":graph_cut=true"
"""What makes a network's answers those that a user gets: cut anew along the image's edges."""

METHODS = (
    "focalclick-xl:graph_cut=true",
    "adaptiveclick:graph_cut=true",
    "cfr-icl:graph_cut=true",
    "focalclick:graph_cut=true",
    "disnet:graph_cut=true",
    "focalclick-xl",
    "adaptiveclick",
    "cfr-icl",
    "focalclick",
    "disnet",
    "disnet:proposals=best",
    "random-walker",
    "geodesic",
)
"""The rows. DISNet's own tables let the reference choose among the first click's proposals; here it does once."""

BASELINE = "random-walker"
_IN_README = tuple(text for text in METHODS if CUT in text or text in (BASELINE, "geodesic"))
_XL = ("focalclick-xl:graph_cut=true", "focalclick-xl")

SETS = {
    one.name: one
    for one in (
        QualitySet("grabcut", "GrabCut (50 photographs)", {"data": "grabcut"}),
        QualitySet(
            "dsb2018",
            "DSB2018 held back (60 nuclei)",
            {"data": "dsb2018", "split": "held-back", "per_image": 20, "limit": 60},
        ),
        QualitySet("sstem_vnc", "ssTEM nerve cord (60 profiles)", {"data": "sstem_vnc", "per_image": 20, "limit": 60}),
        QualitySet(
            "msd_hippocampus",
            "Hippocampus MRI held back (60 outlines)",
            {"data": "msd_hippocampus", "split": "held-back", "limit": 60},
        ),
        QualitySet("wbc", "Blood smears, wbc (60 cells and nuclei)", {"data": "wbc", "limit": 60}),
        QualitySet("isbi2012_em", "ISBI 2012 EM (60 profiles)", {"data": "isbi2012_em", "limit": 60}),
        QualitySet(
            "grabcut_20_clicks",
            "GrabCut, 20 clicks on each object",
            {"data": "grabcut"},
            target=1.01,
            methods=METHODS[5:10],
        ),
        QualitySet(
            "grabcut_proposals",
            "GrabCut, one click and its proposals",
            {"data": "grabcut"},
            prompt="proposals",
            methods=("focalclick-xl", "adaptiveclick", "disnet"),
        ),
        QualitySet(
            "grabcut_correction",
            "GrabCut, clicks that correct a defective mask",
            {"data": "grabcut"},
            prompt="correction",
            methods=("focalclick-xl", "cfr-icl", "focalclick"),
        ),
        QualitySet(
            "grabcut_scribble",
            "GrabCut, scribbles",
            {"data": "grabcut"},
            prompt="scribble",
            methods=_XL,
        ),
        QualitySet("grabcut_box", "GrabCut, one box", {"data": "grabcut"}, prompt="box", methods=_XL),
        QualitySet("grabcut_mask", "GrabCut, one coarse mask", {"data": "grabcut"}, prompt="mask", methods=_XL),
    )
}
"""The rows, in the order of the table. None of them was trained on, and none is tuned on."""

_MEASURES = ("NoC@80", "NoC@85", "NoC@90", "NoF@90", "NoF@90_strict", "mIoU@1", "seconds_per_click")
_CURVE = ("mIoU@1", "mIoU@2", "mIoU@3", "mIoU@5", "mIoU@10", "mIoU@20", "seconds_per_click")


_HEAD = """# Results

Written by `python benchmarks/quality.py DATA`, which measures every shipped method on six sets of real images that no
training saw. A simulated user clicks in the middle of the largest error until the IoU is 0.90 or 20 clicks are given
(RITM's protocol: threshold 0.49, the first click sees the whole image). With `graph_cut=true` a network's answers are
cut anew along the image's edges, as the window does with the bundled weights, but for `split_off`, `wide_clicks` and
`brighten_cut`, which it has on besides ([evaluation.md](evaluation.md)); without, the network's own answers count.
NoC@85 is how many clicks an IoU of 0.85 takes, 20 where it is not reached; NoF@90 counts the objects that need 20 for
0.90, as published, and in brackets those that never reach it. The answer stands as a user first sees it; with
`proposals=best` the reference chooses among the first click's proposals, as in DISNet's own tables, and no user can
do better. "Less random walker" is the paired difference on the same objects with its 95 % bootstrap interval (over
images, or objects where there are fewer than ten images). Seconds per click are of one thread; "all" is the set's
time on the clock.

Hardware: {hardware}.{note}
"""


def setup(data: Path, row: QualitySet, contestant: Contestant) -> Setup:
    """Return what is run for one cell of the table."""
    selection = Selection(**{**row.selection, "data": str(data / row.selection["data"])})
    return Setup((contestant,), selection, Protocol(row.prompt, row.levels, 20, row.target), "cpu")


def measure(
    data: Path, row: QualitySet, contestant: Contestant, workers: int, runs: Path, say: Console
) -> tuple[Report, float | None]:
    """Evaluate one method on one set; the seconds are None where a part had been done before."""
    given = setup(data, row, contestant)
    settings = settings_of(given, contestant, 1)
    # What the numbers hang on names the folder, so that weights, options or code that have changed begin a new one.
    hangs_on = ("method", "weights_sha256", "options", "proposals", "version")
    key = json.dumps([*(settings[name] for name in hangs_on), _commit("src")])
    kept = KeptResults(runs / f"{row.name}-{contestant.method}-{sha256(key.encode()).hexdigest()[:8]}")
    states: list[int] = []
    start = time.perf_counter()
    with Progress(console=say, transient=True) as bar:
        task = bar.add_task(f"{row.name}: {contestant.name}", total=None)

        def show(now: RunProgress) -> None:
            states.append(now.done)
            bar.update(task, completed=now.done, total=now.total)

        (report,) = evaluate_contestants(given, workers=workers, threads=1, kept=kept, progress=show)
    seconds = time.perf_counter() - start
    kept.finish([report])
    return report, seconds if states[0] == 0 else None


def main() -> None:
    """Measure what was asked for and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=TOP / "runs" / "quality", help="keeps every object's result")
    parser.add_argument("--note", help="a sentence about the measurement, for the head of docs/results.md")
    parser.add_argument("--write", action="store_true", help="measure nothing, write the documents alone")
    given = parser.parse_args()
    found, note = read_results()
    note = note if given.note is None else given.note
    if not given.write:
        if given.data is None:
            parser.error("name the folder of the data sets, or --write")
        contestants = {text: parse_contestants([text])[0] for text in given.methods}
        say = Console()
        for name in given.sets:
            reports: dict[str, Report] = {}
            for text, contestant in contestants.items():
                if SETS[name].methods is not None and text not in (SETS[name].methods or ()):
                    continue
                report, seconds = measure(given.data, SETS[name], contestant, given.workers, given.runs, say)
                reports[text] = report
                entry = _entry(report, given.workers, seconds, found.get(name, {}).get(text, {}))
                found.setdefault(name, {})[text] = entry
                said = {key: entry["summary"].get(key) for key in _measures(SETS[name], [entry])}
                say.print(f"{name} {text} {said} {report.seconds_per_prompt:.3f} s a click, {seconds or 0:.0f} s")
            for text in reports:
                if text != BASELINE and BASELINE in reports:
                    found[name][text]["less_baseline"] = _less(reports[BASELINE], reports[text])
            write_results(found, note)
    write_results(found, note)
    write_documents(found, note)


def _entry(report: Report, workers: int, seconds: float | None, before: dict[str, Any]) -> dict[str, Any]:
    settings = report.settings
    same = before.get("weights_sha256") == settings["weights_sha256"] and before.get("options") == settings["options"]
    if seconds is None and same:
        return before  # It was read from what is kept, and nothing is new.
    return {
        "summary": {name: _rounded(value) for name, value in report.summary().items()},
        "weights_sha256": settings["weights_sha256"],
        "options": settings["options"],
        **({} if seconds is None else {"wall_seconds": round(seconds, 1)}),
        "workers": workers,
        "commit": _commit(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": machine(),
    }


def _less(baseline: Report, report: Report) -> dict[str, list[float]]:
    found = paired_differences(baseline, report)
    return {
        name: [_rounded(found[name].mean), _rounded(found[name].low), _rounded(found[name].high)]
        for name in ("NoC@85", "NoC@90")
        if name in found
    }


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _commit(folder: str = ".") -> str:
    """Return the last commit that changed a folder of the project."""
    command = ["git", "log", "-1", "--format=%h", "--", folder]
    said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "no commit"


def read_results() -> tuple[dict[str, dict[str, dict[str, Any]]], str]:
    """Return what docs/results.json holds: set, method, measures; and the note about the measurement."""
    file = DOCS / "results.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return kept.get("sets", {}), kept.get("note", "")


def write_results(found: dict[str, Any], note: str) -> None:
    """Keep the measures of all sets, in the order of the table."""
    order = {
        name: {text: found[name][text] for text in METHODS if text in found[name]} for name in SETS if name in found
    }
    text = json.dumps({"note": note, "sets": order}, indent=1)
    (DOCS / "results.json").write_text(text + "\n", encoding="utf-8")


def write_documents(found: dict[str, Any], note: str) -> None:
    """Write docs/results.md, and the README's table between its two marks."""
    (DOCS / "results.md").write_text(document(found, note), encoding="utf-8")
    readme = TOP / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text(f"{head}{BEGIN}\n{readme_table(found)}{END}{tail}", encoding="utf-8")


def readme_table(found: dict[str, Any]) -> str:
    """Return the README's table as Markdown: NoC@85 / NoC@90."""
    methods = [text for text in _IN_README if any(text in row for row in found.values())]
    lines = [_line("data", *(_column(text) for text in methods)), _line(*["---"] * (len(methods) + 1))]
    for name, row in SETS.items():
        if row.counts_clicks and name in found:
            lines.append(_line(row.words, *(_clicks(found[name].get(text)) for text in methods)))
    return "".join(lines)


def document(found: dict[str, Any], note: str) -> str:
    """Return docs/results.md."""
    entries = [entry for row in found.values() for entry in row.values()]
    hardware = sorted({entry["hardware"] for entry in entries})
    parts = [_HEAD.format(hardware="; ".join(hardware), note=f" {note}" if note else "")]
    for name, row in SETS.items():
        if found.get(name):
            parts.append(_section(row, found[name]))
    return "\n".join([*parts, _settings(found)])


def _settings(found: dict[str, Any]) -> str:
    """Return the last section: what each method was run with."""
    lines = [_line("method", "weights, SHA-256", "options"), _line("---", "---", "---")]
    for text in METHODS:
        entries = [row[text] for row in found.values() if text in row]
        for sha in dict.fromkeys(entry["weights_sha256"] for entry in entries):
            options = next(entry["options"] for entry in entries if entry["weights_sha256"] == sha)
            told = ", ".join(f"{name} {value}" for name, value in options.items())
            lines.append(_line(f"`{text}`", "none" if sha is None else f"`{sha[:16]}`", told))
    return f"## Settings\n\n{''.join(lines)}"


def _measures(row: QualitySet, entries: Sequence[dict[str, Any]]) -> list[str]:
    """Return which measures a section shows: of clicks the usual ones, of other prompts all that there are."""
    if row.prompt == "click":
        return list(_MEASURES if row.counts_clicks else _CURVE)
    found = dict.fromkeys(name for entry in entries for name in entry["summary"])
    left_out = {"objects", "failed", "seconds_per_object", "NoF@80", "NoF@85", "NoF@80_strict", "NoF@85_strict"}
    return [name for name in found if name not in left_out]


def _section(row: QualitySet, entries: dict[str, Any]) -> str:
    names = _measures(row, list(entries.values()))
    less = ("less random walker, NoC@85", "NoC@90") if row.counts_clicks else ()
    heads = ("method", *(name.replace("_", " ") for name in names if name != "NoF@90_strict"), *less, "all", "commit")
    lines = [_line(*heads), _line(*["---"] * len(heads))]
    for text in METHODS:
        if text not in entries:
            continue
        entry = entries[text]
        summary = entry["summary"]
        cells = [_cell(name, summary) for name in names if name != "NoF@90_strict"]
        if less:
            differences = entry.get("less_baseline", {})
            cells += [_interval(differences.get(name)) for name in ("NoC@85", "NoC@90")]
        processes = "process" if entry["workers"] == 1 else "processes"
        wall = f"{entry['wall_seconds']:.0f} s, {entry['workers']} {processes}" if "wall_seconds" in entry else ""
        lines.append(_line(f"`{text}`", *cells, wall, entry["commit"]))
    chosen = ", ".join(f"{key} {value}" for key, value in row.selection.items())
    failed = sum(entry["summary"]["failed"] for entry in entries.values())
    errors = f" {failed} objects ended with an error." if failed else ""
    objects = next(iter(entries.values()))["summary"]["objects"]
    return f"## {row.words}\n\n{objects} objects ({chosen}).{errors}\n\n{''.join(lines)}"


def _cell(name: str, summary: dict[str, Any]) -> str:
    value = summary.get(name)
    if value is None or isinstance(value, int):
        strict = summary.get(f"{name}_strict")
        return "" if value is None else f"{value} ({strict})" if strict is not None else str(value)
    return f"{value:.2f}" if name[:3] in ("NoC", "NoS") else f"{value:.3f}"


def _column(text: str) -> str:
    return f"`{text.removesuffix(CUT)}`"


def _clicks(entry: dict[str, Any] | None) -> str:
    return "" if entry is None else f"{entry['summary']['NoC@85']:.2f} / {entry['summary']['NoC@90']:.2f}"


def _interval(found: Sequence[float] | None) -> str:
    return "" if found is None else f"{found[0]:+.2f} ({found[1]:+.2f} to {found[2]:+.2f})"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    main()
