"""The window: one dock in napari, the layers it shows its work in, and the only threads of the project."""

from napari_iseg.ui._segment_dock import SegmentDock
from napari_iseg.ui._segment_widget import SegmentWidget

__all__ = ["SegmentDock", "SegmentWidget"]
