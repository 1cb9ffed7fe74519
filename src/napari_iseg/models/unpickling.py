"""Reading what ``torch.save`` wrote without running any of it.

A ``.pth`` file is a pickle, and a pickle is a program. Here that program can reach nothing: every name it asks for is
answered from a short table of stand-ins, and no name is ever imported. What is not in it becomes an
:class:`Inert` placeholder, which takes whatever is done to it and does nothing. ``torch.load`` is not used, because its
own unpickler imports the names that it is told to trust.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models.stand_ins import DTYPES, STAND_INS, Inert, Storage, View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


__all__ = ["read_pickled"]

# What torch.save put before the first of several pickles, until torch 1.6 made the files zip archives.
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
# Deeper than any released file nests; a file made to exhaust the stack ends here instead.
_DEEPEST = 100


def read_pickled(path: Path) -> Any:
    """Read a file that ``torch.save`` wrote.

    Parameters
    ----------
    path
        The file, of any torch since 0.2 (2017).

    Returns
    -------
    Any
        Tensors on the CPU, numbers, text, None, and dictionaries, lists, tuples and sets of these, all of Python's own
        exact types. Dictionaries of a class of their own come as dictionaries; everything else as
        :class:`Inert`.

    Raises
    ------
    WeightsError
        If the file is damaged, is no such file, or is in the format of 2016.
    """
    damaged = f"{path.name} is damaged or no checkpoint of a known method; fetch it again or choose another file."
    try:
        if zipfile.is_zipfile(path):
            return _plain(_read_zip(path), {}, 0)
        with path.open("rb") as file:
            return _plain(_read_old(file), {}, 0)
    except MemoryError:
        raise  # too small a machine, not a damaged file
    except Exception as error:  # what a damaged pickle raises has no common class
        if not zipfile.is_zipfile(path) and tarfile.is_tarfile(path):
            raise WeightsError(
                f"{path.name} is in the format that torch wrote until 2016, which is not read; load it with torch and "
                "save it again."
            ) from error
        raise WeightsError(damaged) from error


class _Unpickler(pickle.Unpickler):
    """Builds stand-ins only.

    Parameters
    ----------
    file
        Positioned at the pickle; left behind it.
    storage
        (number type, key, how many numbers) to the storage of that key.
    """

    def __init__(self, file: BinaryIO, storage: Callable[[torch.dtype, str, int], Storage] | None = None) -> None:
        _refuse_registered_extensions(file)
        # torch's old files hold Python 2 text.
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in for a name; nothing is imported."""
        if module in ("torch", "torch.cuda", "torch.storage") and name in DTYPES:
            return DTYPES[name]
        if (module, name) in STAND_INS:
            return STAND_INS[module, name]
        return type("Inert", (Inert,), {"named": f"{module}.{name}"})

    def persistent_load(self, identity: Any, /) -> Any:
        """Return the storage that the file refers to by a key."""
        kind, *rest = identity
        if kind == "module":
            # (class, source file, source): the source is of no use.
            return rest[0]
        if kind != "storage" or self._storage is None:
            raise pickle.UnpicklingError(f"a reference to a {kind!r}")
        dtype, key, _device, count = rest[:4]
        if rest[4:] not in ([], [None]) or not isinstance(dtype, torch.dtype) or not isinstance(count, int):
            raise pickle.UnpicklingError("a reference to something that is no storage")
        return self._storage(dtype, str(key), count)


def _refuse_registered_extensions(file: BinaryIO) -> None:
    """Refuse pickles with EXT opcodes: these take objects from a registry of the process without asking for a name."""
    start = file.tell()
    if any(opcode.name.startswith("EXT") for opcode, _, _ in pickletools.genops(file)):
        raise pickle.UnpicklingError("a pickle that uses the process's own registry")
    file.seek(start)


def _read_zip(path: Path) -> Any:
    """Read torch's format since 1.6: a zip archive with the pickle and one stored record for each storage."""
    storages: dict[str, Storage] = {}
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("not one pickle in the archive")
        folder = pickles[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        little = order not in archive.namelist() or archive.read(order) != b"big"

        def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
            if key not in storages:
                storages[key] = Storage(dtype, count)
                storages[key].fill(_stored(archive, f"{folder}data/{key}"), little=little)
            return storages[key]

        return _Unpickler(io.BytesIO(_stored(archive, pickles[0])), storage).load()


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a record that is not compressed, as torch's are; a compressed one could unpack to more than any memory."""
    record = archive.getinfo(name)
    if record.compress_type != zipfile.ZIP_STORED:
        raise ValueError("a compressed record")
    return archive.read(record)


def _read_old(file: BinaryIO) -> Any:
    """Read torch's format until 1.5: five pickles, then the numbers of each storage."""
    magic, protocol, system = (_Unpickler(file).load() for _ in range(3))
    if magic != _OLD_MAGIC or protocol != 1001:
        raise ValueError("not torch's")
    little = bool(system.get("little_endian", True))
    storages: dict[str, Storage] = {}

    def storage(dtype: torch.dtype, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(dtype, count))

    content = _Unpickler(file, storage).load()
    for key in _Unpickler(file).load():
        found = storages[str(key)]
        announced = file.read(8)
        # A cut number would read as a smaller one, and that of an empty storage as what it was.
        if len(announced) != 8 or int.from_bytes(announced, "little" if little else "big") != found.count:
            raise ValueError("a storage of another length than announced")
        found.fill(file.read(found.count * found.dtype.itemsize), little=little)
    return content


def _plain(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Return a value in Python's own exact types, its tensors made; what occurs twice is converted once."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if id(value) not in done:
        # The original is kept beside the copy, so that its id stays its own.
        done[id(value)] = (_converted(value, done, depth + 1), value)
    return done[id(value)][0]


def _converted(value: Any, done: dict[int, Any], depth: int) -> Any:
    if isinstance(value, View):
        return value.tensor()
    if isinstance(value, dict) or (isinstance(value, Inert) and vars(value).get("items")):
        entries = value if isinstance(value, dict) else vars(value)["items"]
        return {_plain(key, done, depth): _plain(entry, done, depth) for key, entry in entries.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_plain(entry, done, depth) for entry in value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | bytearray | Inert):
        return value
    if isinstance(value, type) and issubclass(value, Inert):
        return value()
    # A storage, a number type or a stand-in of ours that the file put where a value belongs.
    return Inert()
