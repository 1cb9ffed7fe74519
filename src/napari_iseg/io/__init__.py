"""Files in and out: images with spacing and affine, labels on the same grid, prompts and sessions."""

from napari_iseg.io.images import IMAGE_ENDINGS, read_image
from napari_iseg.io.labels import LABEL_ENDINGS, write_alpha, write_labels, write_probability
from napari_iseg.io.loaded import ItkGrid, LoadedImage
from napari_iseg.io.prompts_file import read_prompts, write_prompts
from napari_iseg.io.proposals import PROPOSALS_FILE, ProposedMask, write_proposals
from napari_iseg.io.scribbles_file import read_scribbles
from napari_iseg.io.session_file import SavedObject, SavedSession, read_session, write_session
from napari_iseg.io.session_labels import mask_digest, read_session_labels, session_path, write_session_labels

__all__ = [
    "IMAGE_ENDINGS",
    "LABEL_ENDINGS",
    "PROPOSALS_FILE",
    "ItkGrid",
    "LoadedImage",
    "ProposedMask",
    "SavedObject",
    "SavedSession",
    "mask_digest",
    "read_image",
    "read_prompts",
    "read_scribbles",
    "read_session",
    "read_session_labels",
    "session_path",
    "write_alpha",
    "write_labels",
    "write_probability",
    "write_prompts",
    "write_proposals",
    "write_session",
    "write_session_labels",
]
