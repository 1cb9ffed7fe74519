"""7z archives, whole and in volumes."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import py7zr
import pytest

from napari_iseg.errors import WeightsError
from napari_iseg.zoo.archives import unpack, volumes_of

if TYPE_CHECKING:
    from pathlib import Path


def archive(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    """Write a 7z archive in volumes of 3000 bytes, as ``7z a -v3000b`` does."""
    whole = io.BytesIO()
    with py7zr.SevenZipFile(whole, "w") as target:
        for name, content in contents.items():
            target.writestr(content, name)
    pieces = [whole.getvalue()[begin : begin + 3000] for begin in range(0, len(whole.getvalue()), 3000)]
    volumes = [folder / f"net.pth.7z.{number:03}" for number in range(1, len(pieces) + 1)]
    for volume, piece in zip(volumes, pieces, strict=True):
        volume.write_bytes(piece)
    return volumes


def noise(count: int) -> bytes:
    """Return bytes that cannot be compressed."""
    return b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(count // 32))


def test_an_archive_in_volumes_is_unpacked(tmp_path: Path) -> None:
    volumes = archive(tmp_path, {"net.pth": noise(8000)})
    assert len(volumes) == 3
    assert volumes_of(volumes[0]) == volumes
    assert unpack(volumes, tmp_path / "out") == tmp_path / "out" / "net.pth"
    assert (tmp_path / "out" / "net.pth").read_bytes() == noise(8000)


def test_an_archive_in_one_piece_is_unpacked(tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "one.7z", "w") as target:
        target.writestr(noise(8000), "net.pth")
    assert volumes_of(tmp_path / "one.7z") == [tmp_path / "one.7z"]
    assert unpack([tmp_path / "one.7z"], tmp_path / "out").read_bytes() == noise(8000)
    assert volumes_of(tmp_path / "one.pth") == []


def test_a_damaged_archive_or_a_missing_volume_is_told(tmp_path: Path) -> None:
    volumes = archive(tmp_path, {"net.pth": noise(8000)})
    volumes[2].unlink()
    with pytest.raises(WeightsError, match="lacks a volume"):
        unpack(volumes_of(volumes[0]), tmp_path / "out")
    volumes[0].write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="damaged"):
        unpack(volumes_of(volumes[0]), tmp_path / "out")


@pytest.mark.parametrize("contents", [{"a.pth": b"a", "b.pth": b"b"}, {"net.exe": b"a"}, {"folder/net.pth": b"a"}])
def test_an_archive_with_anything_else_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    volumes = archive(tmp_path, contents)
    with pytest.raises(WeightsError, match=r"one \.pth file was expected"):
        unpack(volumes, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
