"""Check that a label file agrees with a sample's reference: ``python check_mask.py LABELS SAMPLE``."""

from __future__ import annotations

import sys
from pathlib import Path

import tifffile

import napari_iseg
from napari_iseg.io.samples import find_sample


def main() -> None:
    """Exit with a sentence if the package is the checkout's, or the overlap is below 0.8."""
    package = Path(napari_iseg.__file__)
    if package.is_relative_to(Path(__file__).resolve().parents[1]):
        sys.exit(f"This must run with the installed wheel, but napari_iseg is {package}.")
    mask = tifffile.imread(sys.argv[1]) > 0
    reference = find_sample(sys.argv[2]).reference()
    iou = (mask & reference).sum() / (mask | reference).sum()
    if iou < 0.8:
        sys.exit(f"The mask's IoU with the reference is {iou:.3f}; at least 0.8 was expected.")
    sys.stdout.write(f"IoU with the reference: {iou:.3f}\n")


if __name__ == "__main__":
    main()
