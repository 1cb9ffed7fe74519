"""A napari process that clicks and accepts, to be killed in the middle of its work: ``python FILE IMAGE``."""

from __future__ import annotations

import sys

import numpy as np
from driven import Driven
from qtpy.QtCore import Qt


def main(image: str) -> None:
    """Work on an image, say so, and wait to be killed."""
    window = Driven(image)
    controller = window.controller
    controller.classes.add("nucleus", "#123456")
    controller.classes.choose("nucleus")
    window.click(20, 25)
    window.click(5, 60, Qt.MouseButton.RightButton)
    controller.accept()
    window.viewer.layers["Objects"].data_setitem((np.array([70, 70, 71]), np.array([5, 6, 5])), 9)
    window.click(40, 60)
    window.click(5, 5, Qt.MouseButton.RightButton)
    sys.stdout.write("worked\n")
    sys.stdout.flush()
    # Less than a second later comes the kill.
    window.wait(lambda: False)


if __name__ == "__main__":
    main(sys.argv[1])
