"""Files in and out: images with spacing and affine, labels on the same grid, prompts and sessions."""

from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.io.labels import LABEL_ENDINGS, write_labels, write_probability
from napari_iseg.io.loaded import ItkGrid, LoadedImage

__all__ = [
    "IMAGE_ENDINGS",
    "LABEL_ENDINGS",
    "ItkGrid",
    "LoadedImage",
    "read_image",
    "write_labels",
    "write_probability",
]
