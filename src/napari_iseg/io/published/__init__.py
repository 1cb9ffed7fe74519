"""Published data sets in the folders that they come in. One file has a set's convention; one line here adds it."""

from napari_iseg.io.published.brats import BRATS
from napari_iseg.io.published.coco_lvis import COCO_LVIS
from napari_iseg.io.published.davis import DAVIS
from napari_iseg.io.published.davis585 import DAVIS585
from napari_iseg.io.published.entries import Entry, Layout, PublishedImages
from napari_iseg.io.published.grabcut import BERKELEY, GRABCUT
from napari_iseg.io.published.lvis import LVIS
from napari_iseg.io.published.oaizib import OAIZIB
from napari_iseg.io.published.pascal_voc import PASCAL_VOC
from napari_iseg.io.published.sbd import SBD
from napari_iseg.io.published.sstem import SSTEM

__all__ = ["LAYOUTS", "Entry", "Layout", "PublishedImages"]

# In the order of recognition: RITM's annotation lies beside LVIS's own and is the one that was meant.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (SBD, COCO_LVIS, LVIS, GRABCUT, BERKELEY, DAVIS, DAVIS585, PASCAL_VOC, SSTEM, BRATS, OAIZIB)
}
"""Name to layout of every published set that can be opened."""
