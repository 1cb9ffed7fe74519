"""Files that a run keeps: its checkpoint, whole or not there, and the batch at which numbers ceased to be numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_checkpoint", "write_whole"]


def write_whole(path: Path, content: Any) -> None:
    """Write tensors and plain values so that the file is either the old one or the new one, whatever happens.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk; the old file is still there.
    """
    partial = path.with_suffix(".part")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            # Renamed before its content is on the disk, a power cut would leave an empty file under the good name.
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        # Half a file takes room that the next try needs.
        partial.unlink(missing_ok=True)
        # PyTorch's writer turns the system's error into one of its own.
        cause = error if isinstance(error, OSError) else error.__context__
        raise OSError(f"{path.name} could not be written: {cause or error}") from error


def read_checkpoint(path: Path, recipe: str) -> dict[str, Any]:
    """Read what a run goes on from.

    Parameters
    ----------
    path
        The file.
    recipe
        Name of the recipe that it must be of.

    Raises
    ------
    IsegError
        If there is no such file, it is damaged, or it is of another recipe.
    """
    if not path.is_file():
        raise IsegError(f"There is no checkpoint in {path.parent} to resume from; leave --resume out to start anew.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        named = state["recipe"]
    except Exception as error:
        raise IsegError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); leave --resume out to start anew."
        ) from error
    if named != recipe:
        raise IsegError(f"The checkpoint in {path.parent} is of the recipe {named!r}; choose another --output.")
    return state
