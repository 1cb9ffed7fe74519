"""``napari-iseg segment``: real files in, real files out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import nibabel
import numpy as np
import pytest
import tifffile

from napari_iseg.cli.given import parse_click
from napari_iseg.interactions import Click

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

WALK = ("--method", "random-walker")
CLICKS = ("--click", "17,33,+", "--click", "3,4,-")


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_flat_image_gives_the_disk(run: Run, flat: Path, tmp_path: Path) -> None:
    done = run("segment", flat, "-o", tmp_path / "out.tif", *WALK, *CLICKS)
    labels = tifffile.imread(tmp_path / "out.tif")
    assert done.code == 0
    assert labels.shape == (41, 57)
    assert set(np.unique(labels)) == {0, 1}
    assert overlap(labels > 0, tifffile.imread(flat) > 100) > 0.9
    assert f"{np.count_nonzero(labels)} of 2337 pixels" in done.err


def test_probability_is_the_mask_before_the_threshold(run: Run, flat: Path, tmp_path: Path) -> None:
    out, npy = tmp_path / "out.png", tmp_path / "p.npy"
    run("segment", flat, "-o", out, *WALK, *CLICKS, "--probability", npy, "--option", "threshold=0.7")
    probability = np.load(npy, allow_pickle=False)
    assert probability.dtype == np.float32
    np.testing.assert_array_equal(imageio.imread(out) > 0, probability > 0.7)


@pytest.mark.parametrize(("axis", "plane", "click"), [(0, 3, "17,33,+"), (2, 33, "2,17,+")])
def test_volume_labels_lie_on_the_source_grid(
    run: Run, volume: Path, tmp_path: Path, axis: int, plane: int, click: str
) -> None:
    out = tmp_path / "out.nii.gz"
    clicks = ("--click", click, "--click", "1,1,-")
    assert run("segment", volume, "-o", out, "--axis", axis, "--plane", plane, *WALK, *clicks).code == 0
    source, written = nibabel.Nifti1Image.from_filename(volume), nibabel.Nifti1Image.from_filename(out)
    labels = np.asarray(written.dataobj).T
    np.testing.assert_allclose(written.affine, source.affine, atol=1e-6)
    assert labels.shape == (5, 41, 57)
    assert labels.any(axis=tuple(a for a in range(3) if a != axis)).nonzero()[0].tolist() == [plane]


def test_volume_uses_the_middle_plane_unless_told(run: Run, volume: Path, tmp_path: Path) -> None:
    run("segment", volume, "-o", tmp_path / "out.tif", *WALK, *CLICKS)
    assert tifffile.imread(tmp_path / "out.tif").any(axis=(1, 2)).tolist() == [False, False, True, False, False]


def test_volume_as_png_is_the_plane(run: Run, volume: Path, tmp_path: Path) -> None:
    run("segment", volume, "-o", tmp_path / "out.png", "--plane", 1, *WALK, *CLICKS)
    assert imageio.imread(tmp_path / "out.png").shape == (41, 57)


def test_prompts_file_says_the_same_as_clicks(run: Run, flat: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.json"
    clicks = [{"row": 17.0, "column": 33.0, "positive": True}, {"row": 3.0, "column": 4.0, "positive": False}]
    prompts.write_text(json.dumps({"clicks": clicks}))
    run("segment", flat, "-o", tmp_path / "a.tif", *WALK, "--prompts", prompts)
    run("segment", flat, "-o", tmp_path / "b.tif", *WALK, *CLICKS)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "b.tif"))


def test_mask_alone_comes_back_and_may_be_a_plane_or_a_volume(run: Run, volume: Path, tmp_path: Path) -> None:
    mask = np.zeros((5, 41, 57), np.uint8)
    mask[3, 5:20, 7:31] = 1
    tifffile.imwrite(tmp_path / "volume.tif", mask)
    tifffile.imwrite(tmp_path / "plane.tif", mask[3])
    for name in ("volume.tif", "plane.tif"):
        out = tmp_path / f"out_{name}"
        assert run("segment", volume, "-o", out, "--plane", 3, "--mask", tmp_path / name, *WALK).code == 0
        np.testing.assert_array_equal(tifffile.imread(out), mask)


def test_clicks_parse_with_either_sign_and_below_zero() -> None:
    assert parse_click("10,20,-") == Click(10, 20, positive=False)
    assert parse_click(" -0.5, 7.25 ,+") == Click(-0.5, 7.25, positive=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*CLICKS[:1], "-5,3,+"), "outside the image"),
        (("--click", "3,4"), "ROW,COLUMN,+"),
        (("--click", "a,4,+"), "ROW,COLUMN,+"),
        (("--click", "nan,4,+"), "finite"),
        ((), "--click"),
        ((*CLICKS, "--plane", "3"), "single plane"),
        ((*CLICKS, "--option", "beta"), "KEY=VALUE"),
        ((*CLICKS, "--option", "bata=3"), "beta"),
        ((*CLICKS, "--option", "beta=x"), "a number"),
        ((*CLICKS, "--weights", "cfr-icl-small"), "no weights"),
        ((*CLICKS, "--method", "random-walk"), "random-walker"),
        ((*CLICKS, "--probability", "p.png"), ".npy"),
        ((*CLICKS, "--prompts", "nowhere.json"), "nowhere.json"),
        ((*CLICKS, "--mask", "nowhere.tif"), "nowhere.tif"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_code_2(
    run: Run, flat: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run("segment", flat, "-o", tmp_path / "out.tif", *WALK, *arguments)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("content", [b"", b"II*\0 not a tiff"])
def test_damaged_image_is_one_sentence(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tif").write_bytes(content)
    done = run("segment", tmp_path / "bad.tif", "-o", tmp_path / "out.tif", *WALK, *CLICKS)
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    assert "bad.tif" in done.err


@pytest.mark.parametrize("name", ["missing/out.tif", "out.jpg", "out"])
def test_output_is_refused_before_the_work(run: Run, flat: Path, tmp_path: Path, name: str) -> None:
    done = run("segment", flat, "-o", tmp_path / name, *WALK, *CLICKS)
    assert done.code == 2
    assert name.split("/")[-1] in done.err


def test_a_mask_of_another_size_says_both_sizes(run: Run, flat: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", np.ones((9, 11), np.uint8))
    done = run("segment", flat, "-o", tmp_path / "out.tif", *WALK, "--mask", tmp_path / "mask.tif")
    assert done.code == 2
    assert "9 x 11" in done.err
    assert "41 x 57" in done.err


def test_process_ends_with_2_and_no_traceback(flat: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_iseg", "segment", flat, "-o", tmp_path / "o.tif", "--click", "999,1,+"]
    done = subprocess.run([*command, *WALK], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
