"""A napari window at some scale of the screen, which says what is cut off: ``FILE THEME WIDTH HEIGHT FOLDER``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(theme: str, width: int, height: int, folder: Path) -> None:
    """Show the states of the dock, photograph each, and write what is wrong into ``folder/faults.json``."""
    import napari
    import napari.settings
    import numpy as np
    from qtpy.QtWidgets import QApplication

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.ui.conftest import FloodPredictor
    from tests.ui.looking import clipped, room_of

    from napari_iseg.ui import SegmentWidget
    from napari_iseg.ui._loading import Loaded

    napari.settings._CFG_PATH = str(folder / "settings.yaml")
    viewer = napari.Viewer()
    viewer.theme = theme
    window = viewer.window._qt_window
    window.resize(width, height)
    dock = SegmentWidget(viewer, lambda _choice: Loaded(FloodPredictor(), "CPU"))
    viewer.window.add_dock_widget(dock, name="Segment", area="right")
    controller = dock.controller
    found: dict[str, Any] = {}

    def rest(seconds: float = 0.2) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end or controller.preparing or dock._workers.busy:
            QApplication.processEvents()
            time.sleep(0.005)

    def look(state: str) -> None:
        rest()
        window.grab().save(str(folder / f"{state}.png"))
        found[state] = {
            "faults": clipped(dock),
            "scrolls": room_of(dock).verticalScrollBar().maximum(),
            "least": dock.minimumSizeHint().height(),
        }

    look("empty")
    image = np.full((81, 123), 20, np.uint8)
    image[10:40, 20:60] = 200
    viewer.add_image(image, name="a picture with a rather long name 0123456789")
    look("open")
    controller.click((20, 30), include=True)
    rest()
    look("clicked")
    controller.accept()
    controller.click((70, 70), include=True)
    dock.mask_options.folded.expand()
    dock.options.folded.expand()
    look("unfolded")
    (folder / "faults.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    import os

    # Nothing is asked about unsaved work, and Python does not take Qt apart.
    sys.stdout.flush()
    os._exit(0)
