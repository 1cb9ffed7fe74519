"""What holds for every file: it is there and not empty, its ending says what it is, and it is written whole or not."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_iseg.errors import ExportError, ImageError, IsegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "damaged",
    "ending",
    "existing_file",
    "remove_folder",
    "replacing",
    "replacing_folder",
    "swap_folder",
    "too_large",
]

_REMOVALS = 80
_LOOKS = 20


def ending(path: Path) -> str:
    """Return the ending that says what a file is, in lower case; ``.nii.gz`` counts as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def existing_file(path: str | Path, error: type[IsegError] = ImageError) -> Path:
    """Check that there is something to read.

    Parameters
    ----------
    path
        The file.
    error
        What to raise.

    Returns
    -------
    pathlib.Path
        The path as given.

    Raises
    ------
    IsegError
        ``error``, if the file is missing (with close matches from its folder), a folder, empty or not readable.
    """
    file = Path(path)
    if file.is_dir():
        raise error(f"{file} is a folder; name one file in it.")
    if not file.exists():
        raise error(f"There is no file {file}; {_neighbours(file)}")
    if not os.access(file, os.R_OK):
        raise error(f"{file} may not be read by this user; change its permissions or copy it.")
    if file.stat().st_size == 0:
        raise error(f"{file} is empty (0 bytes); copy or export it again.")
    return file


def damaged(file: Path, kind: str) -> ImageError:
    """Make the error for a file that its library cannot read."""
    return ImageError(
        f"{file} cannot be read as {kind}: it is damaged, cut off or of another kind; copy or export it again."
    )


def too_large(file: Path) -> ImageError:
    """Make the error for a file that says it holds more values than the memory."""
    return ImageError(
        f"{file} asks for more memory than there is: it is too large or damaged; cut it or copy it again."
    )


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    The block writes to the yielded temporary path, which has the ending of ``path``; when the block ends well it takes
    the place of ``path``, and when it fails what was there before stays as it was.

    Raises
    ------
    ExportError
        If the folder is missing or cannot be written, or the disk is full.
    """
    # Through a link the file that it points to is replaced, not the link.
    target = Path(path).resolve()
    if target.is_dir():
        raise ExportError(f"{target} is a folder; name a file in it.")
    if not target.parent.is_dir():
        raise ExportError(
            f"There is no folder {target.parent} to write {target.name} in; make it or choose another one."
        )
    temporary = target.with_name(f".{uuid4().hex[:12]}{ending(target)}")
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise ExportError(f"{target} cannot be written ({reason}); choose another folder or make room.") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Write a folder whole or not at all.

    The block writes into the yielded temporary folder, which is there and empty; when the block ends well it takes the
    place of ``path``, and when it fails what was there before stays as it was.

    Parameters
    ----------
    path
        Where to. Its parent must be there.
    is_ours
        Whether a folder that is there already, and not empty, holds nothing but an earlier export; any other folder is
        the user's and is not replaced.

    Raises
    ------
    ExportError
        If there is a file or a folder with other things, the parent is missing, or the disk refuses.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target} is a file; name a new folder.")
    if target.is_dir() and any(target.iterdir()) and not is_ours(target):
        raise ExportError(f"The folder {target} holds other files, which an export must not replace; name a new one.")
    if not target.parent.is_dir():
        raise ExportError(
            f"There is no folder {target.parent} to write {target.name} in; make it or choose another one."
        )
    temporary = target.with_name(f".{uuid4().hex[:12]}{ending(target)}")
    try:
        temporary.mkdir()
        yield temporary
        swap_folder(temporary, target)
    except OSError as error:
        remove_folder(temporary, quiet=False)
        reason = error.strerror or "the system refused"
        raise ExportError(f"{target} cannot be written ({reason}); choose another folder or make room.") from error
    finally:
        remove_folder(temporary)


def remove_folder(folder: Path, quiet: bool = True) -> None:
    """Remove a folder, which need not be there.

    Parameters
    ----------
    folder
        What to remove.
    quiet
        Whether nobody writes into it any more. Threads of a Zarr that failed still do for a moment, and make the folder
        again; it then counts as removed once it has stayed away for a second.
    """
    away = 0
    for _ in range(_REMOVALS):
        away = 0 if folder.exists() else away + 1
        shutil.rmtree(folder, ignore_errors=True)
        if quiet and not folder.exists():
            return
        if away > _LOOKS:
            return
        time.sleep(0.05)


def swap_folder(new: Path, target: Path) -> None:
    """Put a folder into the place of another one, which is removed; if that fails the old one is put back.

    Raises
    ------
    OSError
        If the system refuses.
    """
    old = target.with_name(f".{uuid4().hex[:12]}.old")
    was_there = target.exists()
    if was_there:
        os.replace(target, old)
    try:
        os.replace(new, target)
    except OSError:
        if was_there:
            os.replace(old, target)
        raise
    remove_folder(old)


def _neighbours(file: Path) -> str:
    if not file.parent.is_dir():
        return f"its folder {file.parent} does not exist either, so check the path."
    names = sorted(entry.name for entry in file.parent.iterdir())
    close = get_close_matches(file.name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else "check the path."
