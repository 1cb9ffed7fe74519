"""``napari-iseg data pack``, and training and evaluation on what it wrote and on a published layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
import pytest
from tests.cli.test_train import RECIPE

from napari_iseg.io.labelled_images import in_held_back
from napari_iseg.io.pack_file import read_pack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Return ten small images laid out as DAVIS, of which one is damaged and one has no mask."""
    root = tmp_path / "frames"
    rng = np.random.default_rng(0)
    for kind in ("img", "gt"):
        (root / kind).mkdir(parents=True)
    for number in range(10):
        rows, columns = np.mgrid[:47, :47]
        inside = np.hypot(rows - 23 - number, columns - 20) < 17
        rgb = rng.integers(0, 120, (47, 47, 3)) + 100 * inside[..., None]
        imageio.imwrite(root / "img" / f"{number}.png", rgb.astype(np.uint8))
        imageio.imwrite(root / "gt" / f"{number}.png", np.where(inside, 255, 0).astype(np.uint8))
    trained = sorted(path.stem for path in root.glob("img/*"))
    (root / "img" / f"{trained[0]}.png").write_bytes(b"no image")
    (root / "gt" / f"{trained[3]}.png").unlink()
    return root


def test_pack_then_train_then_evaluate(run: Run, davis: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    done = run("data", "pack", davis, "-o", pack, "--max-mb", 0.02, "--max-side", 40)
    assert done.code == 0, done.err
    assert "evenly spaced planes were left out" in done.err
    assert "2 files were left out" in done.err
    assert pack.stat().st_size <= 20_000
    planes = read_pack(pack).planes
    assert f"frames: {len(planes)} of 8 planes" in done.err
    recipe = tmp_path / "mini.toml"
    recipe.write_text(RECIPE)
    given = ("train", recipe, "--output", tmp_path / "run", "--device", "cpu", "--max-seconds", 1)
    done = run(*given, "--data", pack)
    assert done.code == 0, done.err
    done = run("evaluate", "--method", "random-walker", "--data", pack, "--limit", 2, "--max-clicks", 1)
    assert done.code == 0, done.err
    done = run(*given, "--data", davis, "--layout", "davis")
    assert done.code == 0, done.err
    assert "2 files were left out" in done.err
    done = run(*given, "--data", davis, "--on-bad-input", "stop")
    assert (done.code, str(davis) in done.err.replace("\n", "")) == (2, True)


def test_what_cannot_be_packed_is_said_in_a_sentence(run: Run, davis: Path, tmp_path: Path) -> None:
    for given, word in (
        (("data", "pack", davis, "-o", tmp_path / "nowhere" / "pack"), "nowhere"),
        (("data", "pack", davis, "-o", tmp_path / "pack", "--layout", "sbd"), "sbd"),
        (("data", "pack", davis, "-o", tmp_path / "pack", "--layout", "davies"), "davis"),
        (("data", "pack", davis, "-o", tmp_path / "pack", "--split", "test"), "split"),
        (("data", "pack", davis, "-o", tmp_path / "pack", "--on-bad-input", "ignore"), "skip"),
        (("data", "pack", tmp_path / "missing", "-o", tmp_path / "pack"), "missing"),
        (("evaluate", "--method", "random-walker", "--data", davis, "--layout", "sbd"), "sbd"),
    ):
        done = run(*given)
        assert (done.code, word in done.err, "Traceback" in done.err) == (2, True, False), done.err
    assert not (tmp_path / "pack").exists()


def test_held_back_images_are_listed_by_name(run: Run, davis: Path) -> None:
    done = run("data", "held-back", davis)
    assert done.code == 0, done.err
    first, *names = done.out.splitlines()
    # The image without a mask is none of them.
    assert first == f"frames: {len(names)} of 9 images"
    assert [name.strip() for name in names] == sorted(n for n in map(str, range(10)) if in_held_back(n))
    nothing = run("data", "held-back", davis / "img")
    assert nothing.code == 2
    assert "is laid out as none" in " ".join(nothing.err.split())
