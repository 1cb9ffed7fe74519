"""Click to mask in the real window, and the longest stall of its event loop while clicking.

Run under a display, or under ``xvfb-run -a``::

    python benchmarks/click_latency.py --method cfr-icl --json click_latency.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from rich.console import Console
from rich.table import Table

BEAT_MS = 5


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="cfr-icl")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [measure(size, arguments.method, arguments.clicks) for size in arguments.sizes]
    table = Table("image", "median ms", "95 % ms", "longest stall ms", title=f"Click to drawn mask: {arguments.method}")
    for row in rows:
        values = (row["median_ms"], row["percentile_95_ms"], row["longest_stall_ms"])
        table.add_row(f"{row['size']} x {row['size']}", *(f"{value:.0f}" for value in values))
    Console().print(table)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2))


def measure(size: int, method: str, clicks: int) -> dict[str, Any]:
    """Click in one image of ``size`` x ``size`` pixels, a new object every five clicks; the first click is left out."""
    viewer = napari.Viewer()
    viewer.add_image(blobs(size))
    _, dock = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    widget = dock.tool
    controller = widget.controller
    controller.choose_method(method)
    spin_while(lambda: controller.preparing, 120)
    rng = np.random.default_rng(0)
    click_to_mask(widget, rng.integers(size, size=2), include=True)
    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start(BEAT_MS)
    latencies = []
    for number in range(clicks):
        latencies.append(click_to_mask(widget, rng.integers(size, size=2), include=number % 5 < 3))
        if number % 5 == 4:
            while controller.work.can_undo:
                controller.undo()
                spin(20)
    timer.stop()
    viewer.close()
    return {
        "size": size,
        "method": method,
        "clicks": clicks,
        "median_ms": float(np.median(latencies)),
        "percentile_95_ms": float(np.percentile(latencies, 95)),
        "longest_stall_ms": float(np.diff(beats).max() * 1000),
    }


def click_to_mask(widget: Any, place: Any, *, include: bool) -> float:
    """Click and return the milliseconds until the mask is on the screen."""
    controller = widget.controller
    start = time.perf_counter()
    controller.click(tuple(float(value) for value in place), include=include)
    # Not only until no job runs: while the method is being loaded there is none either.
    spin_while(lambda: controller.work.pending, 120)
    # The canvas is drawn in the next turn of the event loop.
    spin(0)
    return (time.perf_counter() - start) * 1000


def blobs(size: int) -> np.ndarray:
    """Return a grey image of bright discs on a noisy background, (size, size) uint8."""
    rng = np.random.default_rng(1)
    image = rng.normal(60, 12, (size, size))
    rows, columns = np.mgrid[:size, :size]
    for row, column in rng.integers(size, size=(12, 2)):
        image[(rows - row) ** 2 + (columns - column) ** 2 < (size / 14) ** 2] += 110
    return np.clip(image, 0, 255).astype(np.uint8)


def spin(milliseconds: int) -> None:
    """Let the event loop run for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def spin_while(condition: Any, seconds: float) -> None:
    """Let the event loop run as long as ``condition()`` holds.

    Raises
    ------
    TimeoutError
        If it still holds after ``seconds``.
    """
    end = time.perf_counter() + seconds
    while condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"still waiting after {seconds} s")
        spin(1)


if __name__ == "__main__":
    main()
