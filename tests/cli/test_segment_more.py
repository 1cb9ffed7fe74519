"""``napari-iseg segment`` beyond clicks: boxes and scribbles in, proposals and mattes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import nibabel
import numpy as np
import pytest
import tifffile
from tests.methods import FAMILIES, tiny_network
from tests.proposing import METHODS_WITH_LEVELS

from napari_iseg import METHODS
from napari_iseg.cli.given import parse_box
from napari_iseg.inference.opening import open_session
from napari_iseg.interactions import Box, Click
from napari_iseg.planes import to_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

GEODESIC = ("--method", "geodesic")


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Return the arguments for a method with proposals and mattes, which is in the table for this test."""
    monkeypatch.setattr("napari_iseg.zoo.methods.METHODS", METHODS_WITH_LEVELS)
    return ("--method", "levels", "--click", "20,20,+")


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Return a TIFF of three squares, one within the other, each brighter than the one around it."""
    values = np.full((41, 57), 10, np.uint8)
    for level, inset in ((60, 4), (110, 9), (160, 14)):
        values[inset : 41 - inset, inset : 50 - inset] = level
    tifffile.imwrite(tmp_path / "steps.tif", values, resolution=(4, 2), resolutionunit="NONE", imagej=True)
    return tmp_path / "steps.tif"


def test_a_box_finds_the_object_and_holds_the_mask(run: Run, flat: Path, tmp_path: Path) -> None:
    assert run("segment", flat, "-o", tmp_path / "out.tif", *GEODESIC, "--box", "7,23,28,44").code == 0
    labels = tifffile.imread(tmp_path / "out.tif")
    truth = tifffile.imread(flat) > 100
    assert (labels > 0)[truth].mean() > 0.9
    outside = np.ones(labels.shape, bool)
    outside[7:28, 23:44] = False
    assert not labels[outside].any()


def test_scribbles_from_csv_say_the_same_as_in_a_prompts_file(run: Run, flat: Path, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("row,column,sign\n15,30,+\n19,36,+\n\n3,3,-\n3,50,-\n")
    scribbles = [
        {"points": [[15, 30], [19, 36]]},
        {"points": [[3, 3], [3, 50]], "positive": False},
    ]
    (tmp_path / "p.json").write_text(json.dumps({"scribbles": scribbles}))
    assert run("segment", flat, "-o", tmp_path / "a.tif", *GEODESIC, "--scribble", tmp_path / "s.csv").code == 0
    assert run("segment", flat, "-o", tmp_path / "b.tif", *GEODESIC, "--prompts", tmp_path / "p.json").code == 0
    found = tifffile.imread(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, tifffile.imread(tmp_path / "b.tif"))
    np.testing.assert_array_equal(found > 0, tifffile.imread(flat) > 100)


def test_clicks_come_after_scribbles_and_scribbles_after_boxes(run: Run, flat: Path, tmp_path: Path) -> None:
    # Of two prompts on one pixel the later one holds: the click takes the stroke back, the stroke the box.
    (tmp_path / "s.csv").write_text("0,0\n0,20\n")
    given = ("--click", "0,0,-", "--scribble", tmp_path / "s.csv", "--box", "7,23,28,44")
    run("segment", flat, "-o", tmp_path / "out.tif", *GEODESIC, "--option", "seed_radius=2", *given)
    labels = tifffile.imread(tmp_path / "out.tif")
    assert labels[0, 0] == 0
    assert labels[0, 12] == 1


def test_proposals_are_files_and_a_table(run: Run, levels: tuple[str, ...], steps: Path, tmp_path: Path) -> None:
    done = run("segment", steps, "-o", tmp_path / "out.tif", *levels, "--proposals", tmp_path / "found")
    assert done.code == 0, done.err
    values = json.loads((tmp_path / "found" / "proposals.json").read_text())
    assert values["shape"] == [41, 57]
    entries = values["proposals"]
    assert [entry["box"] for entry in entries] == [[4, 4, 37, 46], [9, 9, 32, 41], [14, 14, 27, 36]]
    assert [entry["area"] for entry in entries] == [33 * 42, 23 * 32, 13 * 22]
    assert [round(entry["score"], 3) for entry in entries] == [0.9, 0.7, 0.5]
    assert [entry["chosen"] for entry in entries] == [False] * 3
    image = tifffile.imread(steps)
    for entry, level in zip(entries, (40, 90, 140), strict=True):
        np.testing.assert_array_equal(imageio.imread(tmp_path / "found" / entry["file"]) == 255, image > level)


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.proposals or spec.alpha])
def test_weights_of_every_method_that_gives_more_than_a_mask(
    run: Run, method: str, steps: Path, tmp_path: Path
) -> None:
    spec = METHODS[method]
    family = FAMILIES[str(spec.family)]
    weights = tmp_path / "tiny.safetensors"
    family.save(weights, tiny_network(family), {})
    given = ["--method", method, "--weights", weights, "--click", "20,20,+", "--probability", tmp_path / "p.npy"]
    if hasattr(spec.options, "target_size"):
        given += ["--option", "target_size=0"]
    if spec.proposals:
        given += ["--proposals", tmp_path / "found"]
    matte = ["--alpha", tmp_path / "alpha.tif"] if spec.alpha else []
    done = run("segment", steps, "-o", tmp_path / "out.tif", *given, *matte)
    assert done.code == 0, done.err
    if spec.alpha:
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "alpha.tif"), np.load(tmp_path / "p.npy"))
    if spec.proposals:
        entries = json.loads((tmp_path / "found" / "proposals.json").read_text())["proposals"]
        assert entries
        for number, entry in enumerate(entries):
            assert run("segment", steps, "-o", tmp_path / "out.tif", *given, "--choose", number).code == 0
            pixels = imageio.imread(tmp_path / "found" / entry["file"])
            assert np.count_nonzero(pixels) == entry["area"]
            np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif") * 255, pixels)


def test_a_chosen_proposal_is_the_answer(run: Run, levels: tuple[str, ...], steps: Path, tmp_path: Path) -> None:
    given = ("--choose", 2, "--proposals", tmp_path / "found")
    assert run("segment", steps, "-o", tmp_path / "out.tif", *levels, *given).code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif") > 0, tifffile.imread(steps) > 140)
    entries = json.loads((tmp_path / "found" / "proposals.json").read_text())["proposals"]
    assert [entry["chosen"] for entry in entries] == [False, False, True]


def test_the_matte_is_a_float_tiff_with_the_pixels_size(
    run: Run, levels: tuple[str, ...], steps: Path, tmp_path: Path
) -> None:
    given = ("--alpha", tmp_path / "alpha.tif", "--probability", tmp_path / "p.npy")
    assert run("segment", steps, "-o", tmp_path / "out.tif", *levels, *given).code == 0
    with tifffile.TiffFile(tmp_path / "alpha.tif") as file:
        alpha = file.asarray()
        assert file.pages[0].tags["XResolution"].value == (4, 1)
        assert file.pages[0].tags["YResolution"].value == (2, 1)
    assert alpha.dtype == np.float32
    assert 0 < np.count_nonzero((alpha > 0.1) & (alpha < 0.9))
    np.testing.assert_array_equal(alpha, np.load(tmp_path / "p.npy"))


def test_the_matte_of_one_plane_of_a_volume(run: Run, levels: tuple[str, ...], volume: Path, tmp_path: Path) -> None:
    given = ("--plane", 3, "--alpha", tmp_path / "alpha.tif")
    assert run("segment", volume, "-o", tmp_path / "out.nii.gz", *levels, *given, "--click", "17,33,+").code == 0
    assert tifffile.imread(tmp_path / "alpha.tif").shape == (41, 57)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--choose", "3"), "There is no proposal 3"),
        (("--choose", "-1"), "from 0"),
        (("--choose", "1", "--alpha", "alpha.tif"), "no alpha matte of this answer"),
        (("--option", "matte=false", "--alpha", "alpha.tif"), "no alpha matte of this answer"),
        (("--option", "most=0", "--proposals", "found"), "gave no proposals"),
        (("--alpha", "alpha.png"), "ending .tif"),
        (("--alpha", "missing/alpha.tif"), "There is no folder"),
        (("--proposals", "missing/found"), "There is no folder"),
        (("--proposals", "steps.tif"), "is a file"),
        (("--box", "1,2,3"), "R0,C0,R1,C1"),
        (("--box", "9,9,3,12"), "encloses nothing"),
        (("--box", "1,2,3,nan"), "finite"),
        (("--scribble", "nowhere.csv"), "nowhere.csv"),
        (("--method", "random-walker", "--choose", "0"), "gives no proposals"),
        (("--method", "random-walker", "--proposals", "found"), "or levels."),
        (("--method", "random-walker", "--alpha", "alpha.tif"), "levels."),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(
    run: Run,
    levels: tuple[str, ...],
    steps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("napari_iseg.cli.outputs.METHODS", METHODS_WITH_LEVELS)
    done = run("segment", steps, "-o", "out.tif", *levels, *arguments)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["steps.tif"]


def test_boxes_parse_with_spaces_and_fractions() -> None:
    assert parse_box(" 1, 2.5 ,3,4 ") == Box((1.0, 2.5), (3.0, 4.0))


def test_a_plane_with_oblong_pixels_is_segmented_as_it_is_in_the_world(run: Run, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:24, :120]
    ball = np.hypot((rows - 12) * 5, columns - 60) < 40
    volume = np.where(ball, 150, 60).astype(np.uint8)[:, None, :].repeat(7, axis=1)
    nibabel.save(nibabel.Nifti1Image(volume.T, np.diag([1, 1, 5, 1])), tmp_path / "slices.nii.gz")
    clicks = ("--click", "12,60,+", "--click", "1,2,-")
    place = ("--axis", "1", "--plane", "3", "--method", "geodesic")
    assert run("segment", tmp_path / "slices.nii.gz", "-o", tmp_path / "out.nii.gz", *place, *clicks).code == 0
    written = np.asarray(nibabel.Nifti1Image.from_filename(tmp_path / "out.nii.gz").dataobj).T[:, 3]
    session = open_session(volume[:, 3], "geodesic", pixel_size=(5.0, 1.0))
    session.add(Click(12, 60))
    session.add(Click(1, 2, positive=False))
    assert np.array_equal(written > 0, session.mask)
    assert (ball & session.mask).sum() / (ball | session.mask).sum() > 0.9


def test_a_contrast_is_chosen_by_its_name(run: Run, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:31, :47]
    scan = np.full((31, 47), -1000, np.int16)
    scan[(rows - 15) ** 2 + (columns - 22) ** 2 < 100] = 40
    scan[0, 0] = 3000
    tifffile.imwrite(tmp_path / "ct.tif", scan)
    arguments = (tmp_path / "ct.tif", "-o", tmp_path / "out.tif", *GEODESIC, "--click", "15,22,+")
    assert run("segment", *arguments, "--contrast", "ct-soft").code == 0
    session = open_session(to_rgb(scan, (-160.0, 240.0)), "geodesic")
    session.add(Click(15, 22))
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif") > 0, session.mask)
    done = run("segment", *arguments, "--contrast", "ct-sfot")
    assert done.code == 2
    assert "ct-soft" in done.err


def test_a_click_counts_that_the_method_does_not_follow(
    run: Run, levels: tuple[str, ...], steps: Path, tmp_path: Path
) -> None:
    arguments = ("segment", steps, *levels, "--click", "20,30,-")
    assert run(*arguments, "-o", tmp_path / "kept.tif").code == 0
    assert run(*arguments, "-o", tmp_path / "answered.tif", "--as-answered").code == 0
    kept, answered = (tifffile.imread(tmp_path / f"{name}.tif") > 0 for name in ("kept", "answered"))
    assert answered[20, 30], "the method looks at the first click alone"
    assert not kept[20, 30]
    assert kept[20, 20]
    assert not (kept & ~answered).any()
