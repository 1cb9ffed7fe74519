"""A real method with torch behind it is loaded into a window that already draws with OpenGL."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import numpy, napari
from qtpy.QtCore import QEventLoop, QTimer
from napari_iseg.ui._loading import _keep_triton_away_from_mesa
viewer = napari.Viewer()
viewer.add_image(numpy.zeros((31, 47), numpy.uint8))
loop = QEventLoop()
QTimer.singleShot(500, loop.quit)
loop.exec()
_keep_triton_away_from_mesa()
import napari_iseg.models.simpleclick
viewer.close()
print("alive")
"""


def test_the_network_loads_after_opengl() -> None:
    # In a process of its own: what it guards against is a segmentation fault.
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "alive" in done.stdout
