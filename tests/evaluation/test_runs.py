"""Several methods on the same objects: resumed where they stopped, and the same from any number of processes."""

from __future__ import annotations

import csv
import json

import imageio.v3 as iio
import numpy as np
import pytest

from napari_iseg.errors import ExportError, ImageError, OptionError
from napari_iseg.evaluation import bench
from napari_iseg.evaluation.bench import Chunk, Protocol, Selection, Setup
from napari_iseg.evaluation.contestants import parse_contestants
from napari_iseg.evaluation.kept import LINES, REPORT, SETTINGS, TABLE, KeptResults
from napari_iseg.evaluation.report_file import read_reports
from napari_iseg.evaluation.runs import evaluate_contestants
from napari_iseg.io.bad_input import BadInput


@pytest.fixture
def data(tmp_path):
    """Two images of twenty noisy disks each, so that an image is more than one piece of work."""
    rng = np.random.default_rng(3)
    labels = np.zeros((81, 101), np.uint8)
    row, column = np.ogrid[:81, :101]
    for number in range(20):
        top, left = divmod(number, 5)
        labels[(row - 10 - 20 * top) ** 2 + (column - 10 - 20 * left) ** 2 <= 36] = number + 1
    for name in "ab":
        image = np.clip(np.where(labels > 0, 150, 80) + rng.normal(0, 45, labels.shape), 0, 255).astype(np.uint8)
        for part, values in (("images", image), ("labels", labels)):
            (tmp_path / "cells" / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(tmp_path / "cells" / part / f"{name}.png", values)
    return tmp_path / "cells"


def setup(data, methods="random-walker,geodesic", limit=None, **protocol):
    given = {"max_clicks": 3, **protocol}
    return Setup(
        parse_contestants([methods]), Selection(str(data), limit=limit), Protocol(**given), "cpu", bad_input="skip"
    )


def numbers(reports):
    """Return everything but the times, which differ from run to run."""
    return [
        [(r.name, r.plane, r.object_id, r.prompts, r.ious, r.masks, r.error) for r in report.results]
        for report in reports
    ]


def test_all_methods_do_the_same_objects_in_the_same_order(data):
    reports = evaluate_contestants(setup(data, limit=7))
    first, second = ([(r.name, r.object_id) for r in report.results] for report in reports)
    assert first == second
    assert len(first) == 7
    assert [report.name for report in reports] == ["random-walker", "geodesic"]
    assert reports[0].settings["options"] != reports[1].settings["options"]


def same_from_two_processes(what, progress):
    alone = evaluate_contestants(what, workers=1, threads=1)
    spread = evaluate_contestants(what, workers=2, threads=1, progress=progress)
    assert numbers(spread) == numbers(alone)
    return alone


def test_the_results_are_the_same_from_one_process_and_from_two(data):
    # With a network, and with views that hang on the objects before, which another process may have done.
    methods, seen = "geodesic,focalclick:first_crop=size-prior", []
    same_from_two_processes(setup(data, methods, max_clicks=2), lambda now: seen.append(now.done))
    assert seen == list(range(81))


def test_results_that_spare_what_is_finished_are_the_same_from_two_processes_and_never_overlap(data):
    methods, seen = "focalclick:graph_cut=true:spare_finished=true,focalclick:graph_cut=true", []
    alone = same_from_two_processes(setup(data, methods, max_clicks=1), lambda now: seen.append(now.done))
    assert len(seen) == 81
    spared, free = (
        sum(result.masks[-1].mask().astype(int) for result in report.results if result.name == "b") for report in alone
    )
    assert spared.max() == 1
    assert free.max() > 1, "without it nothing overlaps either: draw the disks closer"


class StoppedError(Exception):
    """The user has had enough."""


def stop_after(count):
    def progress(now):
        if now.done == count:
            raise StoppedError

    return progress


def test_a_stopped_run_goes_on_where_it_was_and_ends_with_the_same_numbers(data, tmp_path):
    whole = evaluate_contestants(setup(data))
    with pytest.raises(StoppedError):
        evaluate_contestants(setup(data), kept=KeptResults(tmp_path / "run"), progress=stop_after(33))
    assert len((tmp_path / "run" / LINES).read_text().splitlines()) == 33
    seen = []
    kept = KeptResults(tmp_path / "run")
    resumed = evaluate_contestants(setup(data), kept=kept, progress=lambda now: seen.append(now.done))
    kept.finish(resumed)
    assert seen == list(range(33, 81))
    assert numbers(resumed) == numbers(whole)
    assert numbers(read_reports(tmp_path / "run" / REPORT)) == numbers(whole)


class StopLater:
    """An event that is set while a process is at its third object."""

    def __init__(self):
        self.asked = 0

    def is_set(self):
        self.asked += 1
        return self.asked > 3


def test_a_process_that_is_told_to_stop_ends_after_the_object_that_it_is_at(data, monkeypatch):
    given = setup(data, "geodesic")
    ((name, places), _) = given.selection.open(None).places()
    chunk = Chunk(name, (), tuple(places[:16]), (tuple(range(16)),))
    monkeypatch.setattr(bench, "_told", [StopLater()])
    assert [result.object_id for _, result in bench.run_chunk(given, chunk, 1).results] == [
        place.object_id for place in places[:3]
    ]
    # Nothing more is begun: what waited in the pool ends at once.
    assert not bench.run_chunk(given, chunk, 1).results
    bench._bench.cache_clear()


def test_stopping_a_run_of_several_processes_keeps_what_they_had_handed_over(data, tmp_path):
    given, folder = setup(data, "geodesic"), tmp_path / "run"
    with pytest.raises(StoppedError):
        evaluate_contestants(given, workers=2, threads=1, kept=KeptResults(folder), progress=stop_after(3))
    assert len((folder / LINES).read_text().splitlines()) == 3


def test_a_line_that_was_being_written_is_done_again(data, tmp_path):
    evaluate_contestants(setup(data, "geodesic", limit=4), kept=KeptResults(tmp_path / "run"))
    lines = tmp_path / "run" / LINES
    lines.write_bytes(lines.read_bytes()[:-30])
    seen = []
    kept = KeptResults(tmp_path / "run")
    evaluate_contestants(setup(data, "geodesic", limit=4), kept=kept, progress=lambda now: seen.append(now.done))
    assert seen == [3, 4]
    assert len(KeptResults(tmp_path / "run").open("geodesic", kept._settings["geodesic"])) == 4


def test_more_objects_and_another_method_are_added_to_what_there_is(data, tmp_path):
    evaluate_contestants(setup(data, "geodesic", limit=4), kept=KeptResults(tmp_path / "run"))
    seen = []
    kept = KeptResults(tmp_path / "run")
    reports = evaluate_contestants(setup(data, limit=6), kept=kept, progress=lambda now: seen.append(now.contestant))
    assert seen.count("geodesic") == 2
    assert seen.count("random-walker") == 6
    assert [len(report.results) for report in reports] == [6, 6]


def test_other_settings_are_not_mixed_into_a_run(data, tmp_path):
    evaluate_contestants(setup(data, "geodesic", limit=2), kept=KeptResults(tmp_path / "run"))
    with pytest.raises(OptionError, match=r"another max clicks: 3 there, 5 now"):
        evaluate_contestants(setup(data, "geodesic", limit=2, max_clicks=5), kept=KeptResults(tmp_path / "run"))


def test_a_folder_of_other_things_is_left_alone(data):
    with pytest.raises(ExportError, match="holds other files"):
        KeptResults(data)
    assert not (data / SETTINGS).exists()


def test_a_damaged_line_is_named(data, tmp_path):
    evaluate_contestants(setup(data, "geodesic", limit=2), kept=KeptResults(tmp_path / "run"))
    lines = tmp_path / "run" / LINES
    lines.write_text("{no json\n" + lines.read_text())
    with pytest.raises(ImageError, match=r"Line 1 of .*objects.jsonl is damaged"):
        KeptResults(tmp_path / "run")


def test_the_table_has_a_row_for_every_object_of_every_method(data, tmp_path):
    kept = KeptResults(tmp_path / "run")
    reports = evaluate_contestants(setup(data, limit=5), kept=kept)
    kept.finish(reports)
    with (tmp_path / "run" / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    for row, result in zip(rows, [one for report in reports for one in report.results], strict=True):
        assert (row["image"], int(row["object"]), int(row["prompts"])) == (
            result.name,
            result.object_id,
            len(result.ious),
        )
        assert float(row["final_iou"]) == pytest.approx(result.ious[-1], abs=1e-6)
        reached = [count for count, iou in enumerate(result.ious, 1) if np.float32(iou) >= np.float32(0.9)]
        assert row["prompts_to_90"] == (str(reached[0]) if reached else "")


def test_an_object_that_failed_is_kept_counted_and_tried_again(data, tmp_path, monkeypatch):
    kept = KeptResults(tmp_path / "run")
    evaluate_contestants(setup(data, "geodesic", limit=3), kept=kept)
    lines = (tmp_path / "run" / LINES).read_text().splitlines()
    failed = json.loads(lines[1]) | {"error": "RuntimeError: out of memory"}
    (tmp_path / "run" / LINES).write_text("\n".join([lines[0], json.dumps(failed), lines[2]]) + "\n")
    seen = []
    again = KeptResults(tmp_path / "run")
    (report,) = evaluate_contestants(
        setup(data, "geodesic", limit=3), kept=again, progress=lambda now: seen.append(now.done)
    )
    assert seen == [2, 3]
    assert report.failed == 0


def test_files_that_cannot_be_used_are_named_whoever_meets_them(data):
    (data / "images" / "b.png").write_bytes(b"no image")
    for workers in (1, 2):
        bad = BadInput("skip")
        reports = evaluate_contestants(setup(data, "geodesic", max_clicks=1), workers=workers, threads=1, bad_input=bad)
        assert [path.name for path in bad.paths] == ["b.png"]
        assert len(reports[0].results) == 20
        assert reports[0].settings["files_left_out"] == 1


def test_a_method_that_cannot_be_loaded_is_said_before_any_object_is_done(data):
    seen = []
    with pytest.raises(OptionError, match="beta"):
        evaluate_contestants(
            setup(data, "geodesic,random-walker:beta=much"), progress=lambda now: seen.append(now.done)
        )
    assert not seen
