"""Acts, seconds, stalls and memory of the annotator's workbench, by really driving the window.

Opens an image in napari, opens the dock from the menu, clicks objects on the canvas where their reference says that
they are, corrects each mask once where it is worse than an IoU of 0.85, goes on with Ctrl and a click on the next
object, exports the labels through the file dialog and reads the file back with Pillow. The last object is exported as
it is, unfinished. Every click and key is counted. The yardstick is 8 acts for one object and 105 for fifty. The seconds
are the machine's: the hand waits for every mask, but needs no time to think.

Run under a display, or::

    xvfb-run -a -s "-screen 0 1600x1000x24 -nolisten tcp" python benchmarks/workbench_acts.py --json workbench_acts.json

It needs an image with reference labels: ``--image`` and ``--labels``, or ``$NAPARI_ISEG_SHARED`` with the DSB2018 set.
``--many 1000`` also accepts so many objects in a plane of 2,048 x 2,048 pixels and looks at the memory before and
after; that takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from qtpy.QtCore import Qt
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from window_hand import Hand, Pulse, pause, resident_megabytes, wait_until

from napari_iseg.interactions import next_click

YARDSTICK = {1: 8, 50: 105}
GOOD_ENOUGH = 0.85
"""Masks with a smaller IoU are corrected once."""

_SHARED = Path(os.environ.get("NAPARI_ISEG_SHARED", "../shared")) / "data" / "dsb2018"
_NAME = "6b6d4e6ff52de473.png"
_LEAST_PIXELS = 30
_IGNORED = 65535
_PATIENCE = 300.0


def main() -> None:
    """Measure, print tables, and write JSON where asked."""
    arguments = _parse()
    # Nothing here may depend on the settings of whoever runs it, nor change them or leave autosaves behind.
    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")
    os.environ["NAPARI_ISEG_AUTOSAVE"] = str(folder / "autosave")
    results: dict[str, Any] = {"image": str(arguments.image), "flows": []}
    reference = np.asarray(Image.open(arguments.labels))
    for count in arguments.counts:
        results["flows"].append(drive(arguments.image, reference, count, folder / f"flow_{count}"))
    if arguments.many:
        results["memory"] = many_objects(arguments.many, folder, arguments.many_method)
    show(results)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2))
    sys.stdout.flush()
    # Not sys.exit: where OpenGL is drawn in software, napari can crash while it takes its window apart.
    os._exit(0)


def drive(source: Path, reference: np.ndarray, count: int, folder: Path) -> dict[str, Any]:
    """Segment and export ``count`` objects of an image; return acts, seconds, stalls and how good the labels are."""
    folder.mkdir(parents=True)
    path = Path(shutil.copy(source, folder / source.name))
    viewer, hand, pulse = open_window(path)
    # From here on everything counts.
    pulse.start()
    start = time.perf_counter()
    widget = open_dock(viewer, hand)
    places = centres(reference, count)
    image = viewer.layers[0]
    if not all(hand.sees(image, place) for place in places):
        hand.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier, "Ctrl+R (whole image)")
        pause(300)
    ready = time.perf_counter()
    # The last one needs no accepting: what is unfinished is exported, too.
    refused = sum(not segment_next(widget, hand, image, place, reference) for place in places)
    segmented = time.perf_counter()
    exported = folder / f"{path.stem}_labels.tif"
    hand.answer_dialog(Qt.Key.Key_Return, "Enter (proposed file name)")
    hand.press(
        Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, "Ctrl+Shift+E (export)"
    )
    wait_until(exported.exists, 60)
    end = time.perf_counter()
    pause(500)
    pulse.stop()
    if os.environ.get("WORKBENCH_ACTS_PICTURES"):
        viewer.window.screenshot(str(Path(os.environ["WORKBENCH_ACTS_PICTURES"]) / f"acts_{count}.png"), flash=False)
    result = {
        "objects": count,
        "acts": len(hand.acts),
        "most_acts": YARDSTICK.get(count),
        "acts_by_kind": {name: hand.acts.count(name) for name in dict.fromkeys(hand.acts)},
        "refused": refused,
        "seconds": end - start,
        "seconds_to_ready_dock": ready - start,
        "seconds_an_object": (segmented - ready) / count,
        "stalls": pulse.report(),
        **agreement(exported, reference, places),
    }
    leave(viewer)
    return result


def open_window(path: Path) -> tuple[Any, Hand, Pulse]:
    """Open napari with an image file, awake and at rest."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(1500, 940)
    viewer.open(path, plugin="napari")
    pulse = Pulse()
    hand = Hand(viewer, pulse)
    hand.wake()
    pause(1500)
    return viewer, hand, pulse


def open_dock(viewer: Any, hand: Hand) -> Any:
    """Open the dock from napari's menu and wait until the first click can be answered."""
    hand.choose_in_menu("Plugins", "Interactive segmentation", "Segment")
    wait_until(lambda: bool(_docks(viewer)), 60)
    widget = _docks(viewer)[0]
    wait_until(lambda: widget.controller.answering.device != "" and _is_quiet(widget), _PATIENCE)
    hand.wake()
    pause(300)
    return widget


def give(
    widget: Any,
    hand: Hand,
    image: Any,
    place: tuple[int, int],
    *,
    include: bool = True,
    modifier: Any = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Click an object and wait for its mask."""
    button = Qt.MouseButton.LeftButton if include else Qt.MouseButton.RightButton
    hand.click(image, place, button=button, modifier=modifier)
    wait_until(lambda: not widget.controller.work.pending, _PATIENCE)
    pause(20)


def segment_next(widget: Any, hand: Hand, image: Any, place: tuple[int, int], reference: np.ndarray) -> bool:
    """Click the next object, which accepts the one before, and correct it once if need be.

    Returns
    -------
    bool
        False if the one before could not be accepted; it was taken back then.
    """
    controller = widget.controller
    before, begun = len(controller.finished), bool(controller.work.prompts)
    ctrl = Qt.KeyboardModifier.ControlModifier
    give(widget, hand, image, place, modifier=ctrl if begun else Qt.KeyboardModifier.NoModifier)
    refused = begun and len(controller.finished) == before
    if refused:
        for _ in controller.work.prompts:
            hand.press(Qt.Key.Key_Z, ctrl, "Ctrl+Z")
            pause(20)
        give(widget, hand, image, place)
    truth, mask = reference == reference[place], controller.work.session.mask
    if (truth & mask).sum() < GOOD_ENOUGH * (truth | mask).sum():
        click = next_click(truth.astype(np.int8), mask)
        give(widget, hand, image, (int(click.row), int(click.column)), include=click.positive)
    return not refused


def segment(widget: Any, hand: Hand, image: Any, place: tuple[int, int]) -> bool:
    """Click an object and accept it; what cannot be accepted is taken back, and False returned."""
    controller = widget.controller
    before = len(controller.finished)
    give(widget, hand, image, place)
    hand.press(Qt.Key.Key_Q, name="Q (accept)")
    pause(20)
    if len(controller.finished) > before:
        return True
    for _ in controller.work.prompts:
        hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, "Ctrl+Z")
        pause(20)
    return False


def many_objects(count: int, folder: Path, method: str) -> dict[str, Any]:
    """Accept many small objects of a large plane; return the memory before and after, and the stalls."""
    side = int(np.ceil(np.sqrt(count)))
    plane, reference = discs(2048, side)
    path = folder / "many.tif"
    Image.fromarray(plane).save(path)
    viewer, hand, pulse = open_window(path)
    widget = open_dock(viewer, hand)
    if method:
        widget.controller.choose_method(method)
        wait_until(lambda: _is_quiet(widget), _PATIENCE)
    hand.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier, "Ctrl+R (all of it on the canvas)")
    pause(500)
    # As Shift and the wheel do: a disc is half as wide as its square, and a third of the frame is good.
    while widget.field.can_be_set and max(widget.field.size) > 1.5 * len(plane) / side:
        widget.field.resize(-1)
    places = centres(reference, count)
    # The first ones fill what is filled once: kernels, caches, textures.
    warm = min(10, count // 10)
    for place in places[:warm]:
        segment(widget, hand, viewer.layers[0], place)
    pause(1000)
    before = resident_megabytes()
    pulse.start()
    start = time.perf_counter()
    refused = sum(not segment(widget, hand, viewer.layers[0], place) for place in places[warm:])
    seconds = time.perf_counter() - start
    pause(2000)
    pulse.stop()
    result = {
        "objects": len(widget.controller.finished),
        "refused": refused,
        "plane": list(plane.shape),
        "method": widget.controller.answering.choice.method,
        "before_mb": before,
        "after_mb": resident_megabytes(),
        "seconds_an_object": seconds / max(1, len(places) - warm),
        "stalls": pulse.report(),
    }
    leave(viewer)
    return result


def leave(viewer: Any) -> None:
    """Close a window and let it go."""
    viewer.close()
    pause(200)


def centres(reference: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return the innermost pixel of each of the first ``count`` objects that are not tiny."""
    places = []
    for label, box in enumerate(ndimage.find_objects(reference.astype(np.int32)), start=1):
        if box is None or label == _IGNORED:
            continue
        mask = np.pad(reference[box] == label, 1)
        if mask.sum() < _LEAST_PIXELS:
            continue
        inner = np.unravel_index(int(ndimage.distance_transform_edt(mask).argmax()), mask.shape)
        places.append((int(inner[0]) - 1 + box[0].start, int(inner[1]) - 1 + box[1].start))
    if len(places) < count:
        raise SystemExit(f"The reference has {len(places)} objects of {_LEAST_PIXELS} pixels; {count} are needed.")
    return places[:count]


def agreement(exported: Path, reference: np.ndarray, places: list[tuple[int, int]]) -> dict[str, Any]:
    """Compare the labels in a file, read by Pillow, with the reference."""
    labels = np.asarray(Image.open(exported))
    if labels.shape != reference.shape:
        raise SystemExit(f"The exported labels have the shape {labels.shape}, the image {reference.shape}.")
    overlaps = []
    for place in places:
        mine, wanted = labels == labels[place], reference == reference[place]
        overlaps.append(float((mine & wanted).sum() / (mine | wanted).sum()) if labels[place] else 0.0)
    return {
        "labels_in_file": len(np.unique(labels)) - 1,
        "mean_iou": float(np.mean(overlaps)),
        "iou_85_and_more": int(np.sum(np.array(overlaps) >= 0.85)),
    }


def discs(size: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a grey plane with ``side`` x ``side`` bright discs on noise, (size, size) uint8, and their labels."""
    rng = np.random.default_rng(1)
    plane, reference = rng.normal(60, 10, (size, size)), np.zeros((size, size), np.int32)
    step = size / side
    rows, columns = np.mgrid[:size, :size]
    for number in range(side * side):
        row, column = ((number // side + 0.5) * step, (number % side + 0.5) * step)
        box = tuple(slice(int(at - step / 2), int(at + step / 2)) for at in (row, column))
        inside = (rows[box] - row) ** 2 + (columns[box] - column) ** 2 < (step * 0.25) ** 2
        plane[box][inside] += 110
        reference[box][inside] = number + 1
    return np.clip(plane, 0, 255).astype(np.uint8), reference


def show(results: dict[str, Any]) -> None:
    """Print the results."""
    table = Table("objects", "acts", "at most", "s", "s each", "IoU", "longest", "99 %", "> 50 ms", "own", "own 99 %")
    rows = results["flows"] + ([results["memory"]] if "memory" in results else [])
    for row in rows:
        stalls = row["stalls"]
        values = (row.get("seconds"), row["seconds_an_object"], row.get("mean_iou"))
        said = ["" if value is None else f"{value:.2f}" for value in values]
        own = stalls["own"]
        times = [f"{one[name]:.0f}" for one in (stalls, own) for name in ("longest_ms", "percentile_99_ms")]
        times.insert(2, str(stalls["above_50_ms"]))
        table.add_row(str(row["objects"]), str(row.get("acts", "")), str(row.get("most_acts", "")), *said, *times)
    console = Console()
    console.print(table)
    for row in rows:
        worst = ", ".join(f"{one['ms']:.0f} ms ({one['during']})" for one in row["stalls"]["own"]["worst"])
        console.print(f"{row['objects']} objects, most computing in the window's thread: {worst}")
    if "memory" in results:
        memory = results["memory"]
        console.print(f"Memory: {memory['before_mb']:.0f} MB before, {memory['after_mb']:.0f} MB after.")


def _docks(viewer: Any) -> list[Any]:
    from napari_iseg.ui import SegmentWidget

    return list(viewer.window._qt_window.findChildren(SegmentWidget))


def _is_quiet(widget: Any) -> bool:
    return not (widget.controller.preparing or widget._workers.busy)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, default=_SHARED / "images" / _NAME)
    parser.add_argument("--labels", type=Path, default=_SHARED / "labels" / _NAME)
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 50])
    parser.add_argument("--many", type=int, default=0, help="look at the memory of so many objects, too")
    parser.add_argument("--many-method", default="", help="the method for them; empty for the default one")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
