"""Unpacking what comes as a 7z archive, cut into volumes or not."""

from __future__ import annotations

import glob
import io
from bisect import bisect_right
from contextlib import ExitStack
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Any, cast

from napari_iseg.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["unpack", "volumes_of"]


def volumes_of(path: Path) -> list[Path]:
    """Return the volumes of the 7z archive that ``path`` is the first of, or ``path`` alone; empty if it is none."""
    if path.name.endswith(".7z"):
        return [path]
    if path.name.endswith(".7z.001"):
        return sorted(path.parent.glob(f"{glob.escape(path.stem)}.[0-9][0-9][0-9]"))
    return []


def unpack(volumes: list[Path], folder: Path) -> Path:
    """Unpack the one checkpoint in a 7z archive.

    Parameters
    ----------
    volumes
        The archive, or the volumes that it was cut into, in order.
    folder
        Where to put the checkpoint; made if it is missing.

    Returns
    -------
    Path
        The checkpoint.

    Raises
    ------
    WeightsError
        If the archive is damaged, lacks a volume, or holds anything but one file.
    """
    import py7zr

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _Joined(volumes) as whole, py7zr.SevenZipFile(cast("IO[bytes]", whole)) as archive:
            return _extracted(archive, folder)
    except WeightsError:
        raise
    except Exception as error:  # py7zr passes on what its decoders raise
        names = ", ".join(volume.name for volume in volumes)
        raise WeightsError(f"{names}: the archive is damaged or lacks a volume; fetch it again.") from error


def _extracted(archive: Any, folder: Path) -> Path:
    names = [entry.filename for entry in archive.list() if not entry.is_directory]
    if len(names) != 1 or "/" in names[0] or "\\" in names[0] or not names[0].endswith(".pth"):
        raise WeightsError(f"The archive holds {', '.join(names) or 'nothing'}; one .pth file was expected.")
    archive.extract(path=folder, targets=names)
    return folder / str(names[0])


class _Joined(io.RawIOBase):
    """Files read as one: the volumes of a 7z archive are nothing but its pieces.

    Parameters
    ----------
    paths
        The files, in order.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._open = ExitStack()
        self._files = [self._open.enter_context(path.open("rb")) for path in paths]
        self._ends = list(accumulate(path.stat().st_size for path in paths))
        self._place = 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether one can jump in it: yes."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Jump, and return the new position in bytes."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._ends[-1]}[whence]
        self._place = max(origin + offset, 0)
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, and return how many bytes there were."""
        view = memoryview(buffer).cast("B")
        filled = 0
        # Readers of archives take a short answer for the end, so that volumes are crossed within one.
        while filled < len(view) and self._place < self._ends[-1]:
            number = bisect_right(self._ends, self._place)
            begin = self._ends[number - 1] if number else 0
            file = self._files[number]
            file.seek(self._place - begin)
            count = file.readinto(view[filled:])
            filled += count
            self._place += count
        return filled

    def close(self) -> None:
        """Close the files."""
        self._open.close()
        super().close()
