"""Reading what ``torch.save`` wrote without running any of it.

A ``.pth`` file is a pickle, and a pickle is a program. Here that program can reach nothing: every name it asks for is
answered from a short table of stand-ins written below, and no name is ever imported. What is not in it becomes an
:class:`Inert` placeholder, which takes whatever is done to it and does nothing. ``torch.load`` is not used, because its
own unpickler imports the names that it is told to trust.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from napari_iseg.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

__all__ = ["Inert", "read_pickled"]

# What torch.save put before the first of several pickles, until torch 1.6 made the files zip archives.
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
# Deeper than any released file nests; a file made to exhaust the stack ends here instead.
_DEEPEST = 100
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Inert:
    """Stands in for an object of any class that a file names: takes everything, does nothing.

    Attributes
    ----------
    named
        The dotted name that the file asked for.
    """

    named = ""

    def __new__(cls, *_args: object, **_kwargs: object) -> Inert:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        self.items: dict[Any, Any] = {}

    def __call__(self, *_args: object, **_kwargs: object) -> Inert:
        """Take any arguments; a file may call what a call gave it."""
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        # pickle makes objects without __init__ too.
        vars(self).setdefault("items", {})[key] = value

    def __setstate__(self, _state: object) -> None:
        pass

    def append(self, _item: object) -> None:
        """Take an item."""

    def extend(self, _items: object) -> None:
        """Take items."""

    def add(self, _item: object) -> None:
        """Take an item."""

    def __repr__(self) -> str:
        return f"<{self.named}, not loaded>"


class _Sealed:
    """Something of ours that a pickle gets hold of: its BUILD instruction changes no attribute of it."""

    def __setstate__(self, _state: object) -> None:
        pass


class _Mapping(_Sealed, dict[Any, Any]):
    """Stands in for ``OrderedDict`` and ``EasyDict``; the attributes that hang on these are left out."""


class _Storage(_Sealed):
    """Numbers in a row, as a file names them: their type, and (once they are found) a flat tensor of them."""

    def __init__(self, dtype: torch.dtype, count: int) -> None:
        self.dtype = dtype
        self.count = count
        self.values = torch.empty(0, dtype=dtype)

    def fill(self, data: bytes | bytearray, *, little: bool = True) -> None:
        """Take the bytes of the numbers.

        Raises
        ------
        ValueError
            If there are more or fewer bytes than the file said.
        """
        if len(data) != self.count * self.dtype.itemsize:
            raise ValueError(f"{len(data)} bytes where {self.count} numbers of {self.dtype} were announced")
        if self.count:
            raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
            if little != (sys.byteorder == "little"):
                raw = raw.view(-1, self.dtype.itemsize).flip(1).reshape(-1)
            self.values = raw.view(self.dtype)


class _View(_Sealed):
    """Stands in for torch's rebuilding of a tensor: old files bring the numbers after the tensors that show them."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *_rest: object) -> None:
        if not isinstance(storage, _Storage):
            raise TypeError("a tensor of something that is no storage")
        self.storage = storage
        self.shape = tuple(map(int, size)), tuple(map(int, stride)), int(offset)

    def tensor(self) -> Tensor:
        """Return the tensor, on its storage's memory."""
        size, stride, offset = self.shape
        # as_strided checks the ends; a view that repeats numbers could be made larger than any memory.
        if math.prod(size) > self.storage.count:
            raise ValueError("a tensor larger than its storage")
        return self.storage.values.as_strided(size, stride, offset)


class _Parameter(_Sealed):
    """Stands in for torch's rebuilding of a parameter: the tensor itself."""

    def __new__(cls, tensor: Any, *_rest: object) -> Any:
        """Return the tensor."""
        return tensor


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

    def __init__(self, file: BinaryIO, storage: Callable[[torch.dtype, str, int], _Storage] | None = None) -> None:
        _refuse_registered_extensions(file)
        # torch's old files hold Python 2 text.
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in for a name; nothing is imported."""
        if module in ("torch", "torch.cuda", "torch.storage") and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) in _STAND_INS:
            return _STAND_INS[module, name]
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
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise ValueError("not one pickle in the archive")
        folder = pickles[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        little = order not in archive.namelist() or archive.read(order) != b"big"

        def storage(dtype: torch.dtype, key: str, count: int) -> _Storage:
            if key not in storages:
                storages[key] = _Storage(dtype, count)
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
    storages: dict[str, _Storage] = {}

    def storage(dtype: torch.dtype, key: str, count: int) -> _Storage:
        return storages.setdefault(key, _Storage(dtype, count))

    content = _Unpickler(file, storage).load()
    for key in _Unpickler(file).load():
        found = storages[str(key)]
        if int.from_bytes(file.read(8), "little" if little else "big") != found.count:
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
    if isinstance(value, _View):
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


_STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Mapping,
    ("easydict", "EasyDict"): _Mapping,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _View,
    ("torch._utils", "_rebuild_tensor_v2"): _View,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _Parameter,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (dict, list, tuple, set, frozenset)
    },
}
