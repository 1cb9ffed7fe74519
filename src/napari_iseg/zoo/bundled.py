"""Where the files lie that travel with the package: weights and samples, from a checkout as from a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from napari_iseg.errors import IsegError

__all__ = ["bundled_folder"]

_PACKAGE = Path(__file__).resolve().parents[1]


def bundled_folder(name: Literal["models", "sample_data"]) -> Path:
    """Return a folder of bundled files.

    Parameters
    ----------
    name
        ``"models"`` (weights and model cards) or ``"sample_data"``.

    Returns
    -------
    Path
        In an installed wheel, the folder inside the package; in an editable install, the one at the checkout's top.

    Raises
    ------
    IsegError
        If it is in neither place: the installation is damaged.
    """
    installed = _PACKAGE / "_bundled" / name
    if installed.is_dir():
        return installed
    checkout = _PACKAGE.parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise IsegError(f"The folder {installed} is missing; install napari-iseg again.")
