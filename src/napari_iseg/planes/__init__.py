"""From an n-D array to one 2-D plane and back: which plane, and what of it a method sees."""

from napari_iseg.planes.address import PlaneAddress
from napari_iseg.planes.look import AS_IT_IS, PlaneLook
from napari_iseg.planes.rgb import to_rgb
from napari_iseg.planes.square import SquarePixels

__all__ = ["AS_IT_IS", "PlaneAddress", "PlaneLook", "SquarePixels", "to_rgb"]
