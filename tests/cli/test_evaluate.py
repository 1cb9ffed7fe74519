"""``napari-iseg evaluate`` on a small folder: a table on stdout, JSON in a file, one sentence on bad input."""

from __future__ import annotations

import json
import re

import imageio.v3 as iio
import numpy as np
import pytest
from tests.released import save_simpleclick


@pytest.fixture
def data(tmp_path):
    """Three images of one bright disk each."""
    row, column = np.ogrid[:41, :57]
    truth = (row - 17) ** 2 + (column - 33) ** 2 <= 81
    for part, values in (("images", np.where(truth, 200, 30)), ("labels", truth)):
        (tmp_path / "cells" / part).mkdir(parents=True)
        for name in "abc":
            iio.imwrite(tmp_path / "cells" / part / f"{name}.png", values.astype(np.uint8))
    return tmp_path / "cells"


def test_it_prints_a_table_and_writes_json(run, data, tmp_path):
    out = tmp_path / "out.json"
    done = run(
        "evaluate", "--method", "random-walker", "--data", data, "--limit", 2, "--per-image", 1, "--max-clicks", 3,
        "--option", "beta=500", "--option", "seed-radius=2", "--json", out,
    )  # fmt: skip
    assert done.code == 0
    assert "NoC@85" in done.out
    assert "random-walker" in done.out
    kept = json.loads(out.read_text())
    assert kept["summary"]["objects"] == 2
    assert kept["settings"]["options"] == {"threshold": 0.49, "beta": 500.0, "max_side": 256, "seed_radius": 2.0}
    assert kept["settings"]["max_clicks"] == 3


def test_a_card_gets_a_row_and_a_picture(run, data, tmp_path):
    card = tmp_path / "mine.md"
    given = ("evaluate", "--method", "geodesic", "--data", data, "--limit", 2, "--max-clicks", 2, "--card", card)
    for _ in range(2):
        assert run(*given).code == 0
    assert card.read_text().count("| cells | all | `geodesic` | click | at most 2, limit 2 | 2 |") == 1
    assert iio.imread(tmp_path / "mine-cells.jpg").ndim == 3


def test_a_released_file_is_evaluated_as_it_is_and_its_terms_are_shown_once(run, data, tmp_path):
    weights, out = save_simpleclick(tmp_path / "renamed.pth"), tmp_path / "out.json"
    for times in (1, 0):
        done = run(
            "evaluate", "--method", "simpleclick", "--weights", weights, "--data", data, "--limit", 1, "--max-clicks",
            2, "--json", out,
        )  # fmt: skip
        assert done.code == 0, done.err
        assert done.err.count("not for commercial use") == times
    assert json.loads(out.read_text())["summary"]["objects"] == 1


@pytest.mark.parametrize(
    ("given", "level", "row"),
    [("scribble", None, "NoS@85"), ("box", None, "IoU"), ("mask", 2, "level 2 coarse IoU")],
)
def test_other_prompts_have_tables_of_their_own(run, data, tmp_path, given, level, row):
    out = tmp_path / "out.json"
    chosen = [] if level is None else ["--level", level]
    done = run(
        "evaluate", "--method", "geodesic", "--data", data, "--limit", 1, "--prompt", given, *chosen, "--json", out
    )
    assert done.code == 0, done.err
    assert row in done.out
    assert "NoC" not in done.out
    settings = json.loads(out.read_text())["settings"]
    assert (settings["prompt"], settings["level"]) == (given, level)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--method", "random-walkr"], "Did you mean 'random-walker'?"),
        (["--data", "nowhere"], "There is no folder or pack nowhere"),
        (["--split", "test"], "There is no split named 'test'"),
        (["--option", "beta=much"], "must be a number"),
        (["--limit", "0"], "limit must be a whole number of at least 1"),
        (["--labels", "labels_mito"], "labels_mito"),
        (["--prompt", "boks"], "There is no kind of prompt named 'boks'"),
        (["--level", "2"], "Only coarse masks have a level"),
        (["--prompt", "mask", "--level", "0"], "levels 1 to 5"),
        (["--json", "missing/out.json"], "There is no folder"),
        (["--card", "missing/card.md"], "There is no folder"),
        (["--card", "card.safetensors"], "Name one that ends in .md"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(run, data, change, sentence):
    done = run("evaluate", "--method", "random-walker", "--data", data, *change)
    assert done.code == 2
    assert sentence in done.err.replace("\n", " ")
    assert "Traceback" not in done.err
    assert not done.out


@pytest.fixture
def bad(data):
    """Return the three images, and one of everything that can be wrong."""
    for name in ("orphan", "damaged", "empty", "shapes"):
        for part in ("images", "labels"):
            (data / part / f"{name}.png").write_bytes((data / part / "a.png").read_bytes())
    (data / "labels" / "orphan.png").rename(data / "labels" / "nobody.png")
    (data / "images" / "damaged.png").write_bytes(b"no image")
    iio.imwrite(data / "labels" / "empty.png", np.zeros((41, 57), np.uint8))
    iio.imwrite(data / "labels" / "shapes.png", np.ones((41, 50), np.uint8))
    return data


def test_bad_files_are_named_left_out_and_counted_and_do_not_cost_the_evaluation(run, bad, tmp_path, caplog):
    out = tmp_path / "out.json"
    given = ("evaluate", "--method", "geodesic", "--data", bad, "--max-clicks", 2, "--json", out)
    done = run(*given)
    assert done.code == 0, done.err
    kept = json.loads(out.read_text())
    assert [result["name"] for result in kept["results"]] == ["a", "b", "c"]
    assert kept["settings"]["files_left_out"] == 5
    assert done.err.count("5 files were left out as unusable, each named above") == 1
    for name in ("orphan", "nobody", "damaged", "empty", "shapes"):
        assert sum(f"{name}.png" in record.message for record in caplog.records) == 1, name


def test_an_evaluation_that_is_to_stop_at_bad_files_stops_at_the_first_and_names_it(run, bad):
    met = []
    for _ in range(6):
        done = run(
            "evaluate", "--method", "geodesic", "--data", bad, "--max-clicks", 1, "--on-bad-input", "stop",
        )  # fmt: skip
        if done.code == 0:
            break
        assert done.code == 2
        assert not done.out
        said = done.err.replace("\n", "")
        met.append(next(path for path in bad.glob("*/*") if str(path) in said).stem)
        for part in ("images", "labels"):
            (bad / part / f"{met[-1]}.png").unlink(missing_ok=True)
    assert sorted(met) == ["damaged", "empty", "nobody", "orphan", "shapes"]


def test_of_nothing_but_bad_files_an_evaluation_says_what_is_wrong_with_the_first(run, bad):
    for name in "abc":
        (bad / "images" / f"{name}.png").write_bytes(b"no image")
    done = run("evaluate", "--method", "geodesic", "--data", bad)
    assert done.code == 2
    assert "Not one image" in done.err
    done = run("evaluate", "--method", "geodesic", "--data", bad, "--on-bad-input", "ignore")
    assert (done.code, "skip" in done.err) == (2, True)


def test_the_report_is_a_page_with_every_method(run, data, tmp_path):
    done = run(
        "evaluate", "--method", "geodesic,random-walker", "--data", data, "--max-clicks", 2, "--report",
        tmp_path / "page",
    )  # fmt: skip
    assert done.code == 0, done.err
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert f"{tmp_path / 'page' / 'index.html'}" in done.err.replace("\n", "")
    words = re.sub(r"<[^>]+>", "", page)
    assert "napari-iseg evaluate --method geodesic,random-walker --data cells --max-clicks 2 --report report" in words
    assert page.count("data:image/") >= 6
    assert str(tmp_path) not in page


@pytest.mark.parametrize("given", ["correction", "proposals"])
def test_corrections_and_proposals_have_measures_of_their_own(run, data, given):
    done = run("evaluate", "--method", "geodesic", "--data", data, "--max-clicks", 2, "--prompt", given)
    assert done.code == 0, done.err
    assert {"correction": "without initial mask", "proposals": "oracle IoU"}[given] in done.out


def test_mattes_are_judged_by_soft_references_only(run, data):
    done = run("evaluate", "--method", "focalclick-xl", "--data", data, "--prompt", "alpha")
    assert done.code == 2
    assert "alpha" in done.err


def test_a_card_is_of_one_method(run, data, tmp_path):
    done = run("evaluate", "--method", "geodesic,random-walker", "--data", data, "--card", tmp_path / "card.md")
    assert done.code == 2
    assert "one method at a time" in done.err.replace("\n", " ")
