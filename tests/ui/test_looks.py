"""How the dock looks: nothing is cut off at any scale, and it fits a small screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# napari's menu, titles and status bar, and the desktop's own bars.
SMALL_SCREEN = (1366, 700)


@pytest.mark.parametrize(
    ("scale", "theme", "size"),
    [("1", "light", SMALL_SCREEN), ("1.25", "dark", (1092, 560)), ("2", "light", (780, 480))],
)
def test_nothing_is_cut_off_at_any_scale(scale: str, theme: str, size: tuple[int, int], tmp_path: Path) -> None:
    folder = Path(os.environ.get("NAPARI_ISEG_PICTURES", tmp_path)) / f"scale-{scale}-{theme}"
    folder.mkdir(parents=True, exist_ok=True)
    room = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "QT_SCALE_FACTOR": scale}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("scaled_process.py")), theme, *map(str, size), str(folder)],
        env={**os.environ, **room},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    states = json.loads((folder / "faults.json").read_text())
    assert set(states) == {"empty", "open", "clicked", "unfolded"}
    for state, found in states.items():
        assert found["faults"] == [], state
        assert found["least"] <= 300, "the window may be as low as napari itself allows"
    if scale == "1":
        assert states["open"]["scrolls"] == states["clicked"]["scrolls"] == 0, "it fits without scrolling"
