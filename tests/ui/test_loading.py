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

SEVERAL = """
import threading, time
from napari_iseg.ui._loading import load_method
from napari_iseg.ui._method_choice import MethodChoice
loaded = []
def load(name):
    loaded.append(load_method(MethodChoice(name)))
threads = [threading.Thread(target=load, args=(name,)) for name in ("cfr-icl", "focalclick", "adaptiveclick")]
for thread in threads:
    thread.start()
    # The one before is in the middle of loading torch, or what stands on it.
    time.sleep(0.7)
for thread in threads:
    thread.join()
print(len(loaded), "alive")
"""


def test_the_network_loads_after_opengl() -> None:
    # In a process of its own: what it guards against is a segmentation fault.
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "alive" in done.stdout


def test_methods_that_are_chosen_one_after_the_other_before_the_first_is_there_all_load() -> None:
    # In a process of its own: only there is nothing of torch loaded yet.
    done = subprocess.run([sys.executable, "-c", SEVERAL], capture_output=True, text=True, timeout=200, check=False)
    assert "3 alive" in done.stdout, done.stderr[-2000:]
