"""``make demo``, as it runs where there is no display."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_iseg.io import read_image
from napari_iseg.io.samples import find_sample
from napari_iseg.zoo import DEFAULT_METHOD

DEMO = Path(__file__).resolve().parents[1] / "sample_data" / "demo.py"


@pytest.mark.slow
def test_demo_writes_a_good_mask_and_how_it_was_made(tmp_path: Path) -> None:
    command = [sys.executable, DEMO, "--unattended", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sample = find_sample("cell")
    mask, reference = read_image(tmp_path / "labels.tif").data > 0, sample.reference()
    iou = (mask & reference).sum() / (mask | reference).sum()
    assert iou >= 0.8
    assert f"{iou:.3f}" in done.stdout
    np.testing.assert_array_equal(read_image(tmp_path / "labels.nii.gz").data > 0, mask)
    [thing] = json.loads((tmp_path / "session.json").read_text())["objects"]
    assert thing["method"] == DEFAULT_METHOD
    assert [(prompt["row"], prompt["column"]) for prompt in thing["prompts"]] == [
        (sample.clicks[0].row, sample.clicks[0].column)
    ]
    # A window that drew nothing is a picture of few colours.
    assert len(np.unique(imageio.imread(tmp_path / "screenshot.png").reshape(-1, 4), axis=0)) > 500
