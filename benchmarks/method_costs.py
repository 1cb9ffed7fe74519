"""What a click costs with each method in its published base configuration: parameters, GMAC, milliseconds, memory.

    python benchmarks/method_costs.py [METHOD ...] [--size 512] [--threads 2] [--repeats 10] [--json FILE]

Weights are random, so the answers mean nothing; the work is the same as with trained ones. Every method runs in a
process of its own. "First" is the first click on a new image, encoding included; "later" is the third click. GMAC are
those of convolutions, matrix products and attention, as torch counts them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_iseg import METHODS
from napari_iseg.interactions import Click


def main() -> None:
    """Measure the methods asked for, or all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=[], help="METHOD or METHOD:CONFIGURATION; all when left out")
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the image")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        sys.stdout.write(json.dumps(measure(arguments.methods[0], arguments)))
        return
    rows = [in_own_process(name, arguments) for name in arguments.methods or list(METHODS)]
    headings = ("method", "configuration", "M params", "GMAC first", "GMAC later", "ms first", "ms later", "peak MB")
    table = Table(*headings, title=f"{arguments.size} x {arguments.size}, {arguments.threads} threads")
    for row in rows:
        table.add_row(
            *(f"{v:.4g}" if isinstance(v, float) else str(v) for key, v in row.items() if key != "empty_megabytes")
        )
    Console().print(table)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2))


def in_own_process(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one method in a fresh process, so that its peak memory is its own."""
    command = [sys.executable, __file__, name, "--alone"]
    for option in ("size", "threads", "repeats"):
        command += [f"--{option}", str(getattr(arguments, option))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise SystemExit(f"{name} could not be measured.")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of one method, ``METHOD`` or ``METHOD:CONFIGURATION``."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from napari_iseg.inference.opening import resolve

    torch.set_num_threads(arguments.threads)
    method, _, configuration = name.partition(":")
    spec = METHODS[method]
    configuration = configuration or spec.base
    empty = _peak_megabytes()
    if spec.family is None:
        predictor, parameters = resolve(spec.predictor)(options=spec.options), 0
    else:
        torch.manual_seed(0)
        family = resolve(spec.family)
        # torch's counter follows gradients, which inference has none of.
        network = family.build(family.configs[configuration]).requires_grad_(False)
        predictor = resolve(spec.predictor)(network, options=spec.options)
        parameters = sum(p.numel() for p in network.parameters())
    image = _picture(arguments.size)
    clicks = [Click(0.45 * arguments.size, 0.5 * arguments.size), Click(5, 5, positive=False)]
    clicks.append(Click(0.55 * arguments.size, 0.48 * arguments.size))
    first, later = [], []
    for _ in range(arguments.repeats + 1):
        start = time.perf_counter()
        encoding = predictor.encode(image)
        answer = predictor.predict(encoding, clicks[:1], None)
        first.append(time.perf_counter() - start)
        answer = predictor.predict(encoding, clicks[:2], answer)
        start = time.perf_counter()
        predictor.predict(encoding, clicks, answer)
        later.append(time.perf_counter() - start)
    peak = _peak_megabytes()
    with FlopCounterMode(display=False) as counter:
        encoding = predictor.encode(image)
        answer = predictor.predict(encoding, clicks[:1], None)
    counted = [counter.get_total_flops()]
    answer = predictor.predict(encoding, clicks[:2], answer)
    with FlopCounterMode(display=False) as counter:
        predictor.predict(encoding, clicks, answer)
    counted.append(counter.get_total_flops())
    return {
        "method": method,
        "configuration": configuration or "-",
        "parameters": parameters / 1e6,
        "gmac_first": counted[0] / 2e9,
        "gmac_later": counted[1] / 2e9,
        # The first round warms up.
        "ms_first": 1000 * statistics.median(first[1:]),
        "ms_later": 1000 * statistics.median(later[1:]),
        "peak_megabytes": round(peak),
        "empty_megabytes": round(empty),
    }


def _peak_megabytes() -> float:
    """Return the largest resident memory of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _picture(size: int) -> np.ndarray:
    """Return a bright textured disc on a dark ground, (size, size, 3) uint8."""
    rng = np.random.default_rng(7)
    row, column = np.mgrid[:size, :size]
    disc = np.hypot(row - 0.5 * size, column - 0.5 * size) < 0.2 * size
    image = np.where(disc[..., None], (200, 150, 90), (40, 60, 50)) + rng.normal(0, 12, (size, size, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
