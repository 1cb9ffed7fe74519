"""``napari-iseg compare``: two evaluations, or two methods of one, object by object."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest


@pytest.fixture
def data(tmp_path):
    """Three images of two noisy blocks each."""
    rng = np.random.default_rng(5)
    labels = np.zeros((41, 57), np.uint8)
    labels[8:20, 6:20], labels[22:37, 30:50] = 1, 2
    for name in "abc":
        image = np.clip(np.where(labels > 0, 150, 80) + rng.normal(0, 40, labels.shape), 0, 255).astype(np.uint8)
        for part, values in (("images", image), ("labels", labels)):
            (tmp_path / "cells" / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(tmp_path / "cells" / part / f"{name}.png", values)
    return tmp_path / "cells"


def evaluated(run, data, methods, *, json=None, output=None, clicks=4, limit=6):
    kept = [] if output is None else ["--output", output]
    written = [] if json is None else ["--json", json]
    done = run(
        "evaluate", "--method", methods, "--data", data, "--max-clicks", clicks, "--limit", limit, *kept, *written
    )
    assert done.code == 0, done.err
    return done


def test_several_methods_stand_beside_each_other_with_their_difference(run, data, tmp_path):
    out = tmp_path / "both.json"
    done = evaluated(run, data, "geodesic,random-walker", json=out)
    assert "geodesic" in done.out
    assert "random-walker less geodesic" in done.out
    runs = json.loads(out.read_text())["runs"]
    clicks = [one["summary"]["NoC@90"] for one in runs]
    row = next(line for line in done.out.split("random-walker less geodesic")[1].splitlines() if "NoC@90" in line)
    assert float(row.split()[1]) == pytest.approx(clicks[1] - clicks[0], abs=6e-4)


def test_two_files_are_compared_and_what_one_lacks_is_said(run, data, tmp_path):
    evaluated(run, data, "geodesic", json=tmp_path / "a.json")
    evaluated(run, data, "random-walker", output=tmp_path / "b", limit=4)
    done = run("compare", tmp_path / "a.json", tmp_path / "b")
    assert done.code == 0, done.err
    assert "random-walker less geodesic" in done.out
    assert "2 of the 6 objects of geodesic in a.json are not in the other run" in done.out.replace("\n", " ")


def test_methods_of_one_file_are_compared_and_can_be_chosen(run, data, tmp_path):
    out = tmp_path / "three.json"
    evaluated(run, data, "geodesic,random-walker,graph-cut", json=out)
    assert "graph-cut less geodesic" in run("compare", out).out
    chosen = run("compare", out, "--first", "graph-cut", "--second", "random-walker")
    assert "random-walker less graph-cut" in chosen.out
    assert "geodesic" not in chosen.out


def test_the_same_command_goes_on_from_what_it_kept(run, data, tmp_path):
    first = evaluated(run, data, "geodesic", output=tmp_path / "kept")
    lines = tmp_path / "kept" / "objects.jsonl"
    lines.write_text("".join(lines.read_text().splitlines(keepends=True)[:2]))
    again = evaluated(run, data, "geodesic", output=tmp_path / "kept")
    assert len(lines.read_text().splitlines()) == 6
    noc = [next(line for line in done.out.splitlines() if "NoC@90" in line) for done in (first, again)]
    assert noc[0] == noc[1]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["missing.json"], "missing.json"),
        (["a.json"], "holds one method only"),
        (["a.json", "short.json"], "another number of clicks at most (4 and 2)"),
        (["a.json", "b.json", "--second", "focalclick"], "There is no method in b.json named 'focalclick'"),
        (["cells/images/a.png"], "is not JSON"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence_and_code_2(run, data, tmp_path, given, sentence):
    evaluated(run, data, "geodesic", json=tmp_path / "a.json")
    evaluated(run, data, "geodesic", json=tmp_path / "short.json", clicks=2)
    evaluated(run, data, "random-walker", json=tmp_path / "b.json")
    done = run("compare", *(text if text.startswith("--") or "." not in text else tmp_path / text for text in given))
    assert done.code == 2
    assert sentence in done.err.replace("\n", " ")
    assert "Traceback" not in done.err
