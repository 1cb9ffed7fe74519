"""What ``make demo`` runs: napari with the plugin docked, a real sample image loaded and one object clicked.

With ``--unattended`` it then writes the window's picture, the labels and the session into a folder, compares the mask
with the sample's reference and ends: exit code 0 if they overlap by an IoU of 0.8 or more, else 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_iseg.io.samples import Sample
    from napari_iseg.ui import SegmentWidget

GOOD_IOU = 0.8
PATIENCE = 300.0
"""Seconds that loading the method, or writing the files, may take."""


def main() -> None:
    """Open the window, click, and stay open or write everything down."""
    arguments = _parse()
    if arguments.unattended:
        # The picture must not depend on the settings of whoever runs this, and those must not change.
        os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")
    import napari

    from napari_iseg.io.samples import find_sample

    sample = find_sample(arguments.sample)
    viewer, widget = open_window(sample, arguments.method)
    if not arguments.unattended:
        click(viewer, widget, sample, arguments.clicks)
        napari.run()
        return
    problems: list[str] = []
    widget.controller.failed.connect(problems.append)
    click(viewer, widget, sample, arguments.clicks)
    iou = 0.0 if problems else write_down(viewer, widget, sample, arguments.output, problems)
    verdict = f"IoU with the reference: {iou:.3f} (at least {GOOD_IOU} wanted); see {arguments.output}/"
    sys.stdout.write(f"{problems[0] if problems else verdict}\n")
    sys.stdout.flush()
    # Not sys.exit: where OpenGL is drawn in software, napari can crash while it takes its window apart.
    os._exit(0 if iou >= GOOD_IOU else 1)


def open_window(sample: Sample, method: str) -> tuple[napari.Viewer, SegmentWidget]:
    """Open napari with the sample and the dock, as a user does from its menus."""
    import napari

    viewer = napari.Viewer(title="napari-iseg")
    viewer.window.resize(1500, 940)
    viewer.open_sample("napari-iseg", sample.name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    widget = dock.tool
    widget.controller.choose_method(method)
    return viewer, widget


def click(viewer: napari.Viewer, widget: SegmentWidget, sample: Sample, count: int) -> None:
    """Click the sample's object, each click after the answer to the one before it."""
    image, controller = viewer.layers[sample.name], widget.controller
    for prompt in sample.clicks[:count]:
        controller.click(image.data_to_world((prompt.row, prompt.column)), include=prompt.positive)
        _wait(lambda: bool(controller.answering.failure) or not (controller.work and controller.work.pending))


def write_down(
    viewer: napari.Viewer, widget: SegmentWidget, sample: Sample, folder: Path, problems: list[str]
) -> float:
    """Write the picture, the labels and the session; return the IoU of the labels in the file with the reference."""
    from napari_iseg.io import read_image

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("labels.tif", "labels.nii.gz", "session.json")]
    for file in files:
        file.unlink(missing_ok=True)
    _settle()
    viewer.screenshot(str(folder / "screenshot.png"), canvas_only=False, flash=False)
    for file in files[:2]:
        widget.files.export(file)
        _wait(lambda: bool(problems) or widget.files.exports.part is None)
    widget.files.save_session(files[2])
    _wait(lambda: bool(problems) or all(file.exists() for file in files))
    # Nobody is there to restore it.
    widget.autosaver.clear(widget.controller.projects)
    if problems:
        return 0.0
    mask, reference = read_image(files[0]).data > 0, sample.reference()
    return float((mask & reference).sum() / (mask | reference).sum())


def _wait(done: Callable[[], bool]) -> None:
    """Let the window live until something is done.

    Raises
    ------
    TimeoutError
        If that takes longer than ``PATIENCE``.
    """
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"The window did not answer within {PATIENCE:.0f} s.")
        QApplication.processEvents()
        time.sleep(0.01)


def _settle() -> None:
    """Let the window draw what it has."""
    end = time.monotonic() + 1.0
    _wait(lambda: time.monotonic() > end)


def _parse() -> argparse.Namespace:
    from napari_iseg.zoo import DEFAULT_METHOD, METHODS

    parser = argparse.ArgumentParser(description="Open napari with one object of a sample image clicked.")
    parser.add_argument("--sample", default="cell", choices=["cell", "gland"])
    parser.add_argument("--method", default=DEFAULT_METHOD, choices=list(METHODS))
    parser.add_argument("--clicks", type=int, default=1, help="how many of the sample's clicks")
    parser.add_argument("--unattended", action="store_true", help="write everything into the output folder and end")
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
