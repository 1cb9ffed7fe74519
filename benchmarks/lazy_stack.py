"""A stack of 512 x 2048 x 2048 bytes in the real window: how long it takes to open and scroll, and how much memory.

It is made as TIFF, OME-Zarr and HDF5 in a temporary folder, one at a time; each is opened in a process of its own. Run
under a display, or under ``xvfb-run -a``::

    python benchmarks/lazy_stack.py --json lazy_stack.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

SHAPE = (512, 2048, 2048)
PLANES = 30
# Compressed OME-Zarr as microscopes' converters write it, and HDF5 in blocks as ilastik does.
CHUNKS = {"OME-Zarr": (1, 512, 512), "HDF5": (16, 256, 256)}
NAMES = {"TIFF": "stack.tif", "OME-Zarr": "stack.ome.zarr", "HDF5": "stack.h5"}


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--planes", type=int, default=SHAPE[0])
    parser.add_argument("--dock", action="store_true", help="also open the dock and click an object")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        sys.stdout.write(json.dumps(measure(arguments.one, dock=arguments.dock)) + "\n")
        return
    rows = []
    for name in arguments.formats:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / NAMES[name]
            make(name, path, (arguments.planes, *SHAPE[1:]))
            command = [sys.executable, __file__, "--one", str(path), *(["--dock"] if arguments.dock else [])]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append({"format": name, **json.loads(done.stdout.splitlines()[-1])})
    heads = ("open s", "of it computing", "open again s", "first plane s", "scroll ms/plane", "most MB above bare")
    keys = ("open_s", "open_cpu_s", "open_again_s", "drawn_s", "scroll_ms", "most_mb")
    table = Table("format", *heads, title=f"{PLANES} planes")
    for row in rows:
        table.add_row(row["format"], *(f"{row[key]:.{0 if row[key] >= 30 else 2}f}" for key in keys))
    Console().print(table)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2))


def make(name: str, path: Path, shape: tuple[int, ...]) -> None:
    """Write a stack of noise with a bright square that moves, plane by plane."""
    import h5py
    import tifffile
    import zarr

    noise = np.random.default_rng(0).integers(0, 90, shape[1:]).astype(np.uint8)

    def plane(number: int) -> np.ndarray:
        values = np.roll(noise, number * 7, axis=1)
        values[500:700, 2 * number : 2 * number + 300] += 100
        return values

    if name == "TIFF":
        tifffile.imwrite(
            path,
            (plane(k) for k in range(shape[0])),
            shape=shape,
            dtype=np.uint8,
            metadata={"axes": "ZYX"},
            bigtiff=True,
        )
    elif name == "OME-Zarr":
        group = zarr.open_group(path, mode="w")
        array = group.create_array("0", shape=shape, dtype=np.uint8, chunks=CHUNKS[name])
        for k in range(shape[0]):
            array[k] = plane(k)
        axes = [{"name": letter, "type": "space", "unit": "micrometer"} for letter in "zyx"]
        step = [{"type": "scale", "scale": [0.5, 0.1, 0.1]}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": step}]}
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    else:
        with h5py.File(path, "w") as file:
            item = file.create_dataset("raw", shape, np.uint8, chunks=CHUNKS[name], compression="lzf")
            deep = CHUNKS[name][0]
            for k in range(0, shape[0], deep):
                item[k : k + deep] = np.stack([plane(n) for n in range(k, min(k + deep, shape[0]))])


def measure(path: Path, *, dock: bool) -> dict[str, Any]:
    """Open a stack as the dock does, but in the window's own thread, and scroll through it."""
    import napari
    from window_hand import pause, resident_megabytes

    from napari_iseg.io.readers import open_layers

    viewer = napari.Viewer()
    viewer.add_image(np.zeros((3, 64, 64), np.uint8))
    if dock:
        viewer.window.add_plugin_dock_widget("napari-iseg", "Segment")
    pause(1000)
    # Libraries are part of the bare viewer: a second stack opens with them in memory.
    bare = resident_megabytes()
    began, computed = time.perf_counter(), time.process_time()
    ((data, attributes, kind),) = open_layers(path)
    layer = viewer.add_layer(napari.layers.Layer.create(data, attributes, kind))
    opened, computed = time.perf_counter(), time.process_time() - computed
    viewer.window.screenshot(flash=False)
    drawn = time.perf_counter()
    most, planes = resident_megabytes(), layer.data.shape[0]
    spent = 0.0
    for number in range(PLANES):
        start = time.perf_counter()
        viewer.dims.set_current_step(0, (number * 17) % planes)
        viewer.window.screenshot(flash=False)
        spent += time.perf_counter() - start
        most = max(most, resident_megabytes())
    # The first opening loads libraries; the second shows what a stack itself costs.
    start = time.perf_counter()
    ((data, attributes, kind),) = open_layers(path)
    viewer.add_layer(napari.layers.Layer.create(data, attributes, kind))
    again = time.perf_counter() - start
    viewer.close()
    return {
        "open_s": opened - began,
        "open_cpu_s": computed,
        "open_again_s": again,
        "drawn_s": drawn - began,
        "scroll_ms": 1000 * spent / PLANES,
        "most_mb": most - bare,
        "bare_mb": bare,
    }


if __name__ == "__main__":
    main()
