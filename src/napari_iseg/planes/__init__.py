"""From an n-D array to one 2-D plane and back: which plane, and what of it a method sees."""

from napari_iseg.planes.rgb import to_rgb

__all__ = ["to_rgb"]
