"""What a pickle gets in place of the things that it names: containers, storages and tensors, and nothing that acts."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DTYPES", "STAND_INS", "Inert", "Storage", "View"]

DTYPES = {
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


class Sealed:
    """Something of ours that a pickle gets hold of: its BUILD instruction changes no attribute of it."""

    def __setstate__(self, _state: object) -> None:
        pass


class Mapping(Sealed, dict[Any, Any]):
    """Stands in for ``OrderedDict`` and ``EasyDict``; the attributes that hang on these are left out."""


class Storage(Sealed):
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


class View(Sealed):
    """Stands in for torch's rebuilding of a tensor: old files bring the numbers after the tensors that show them."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *_rest: object) -> None:
        if not isinstance(storage, Storage):
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


class Parameter(Sealed):
    """Stands in for torch's rebuilding of a parameter: the tensor itself."""

    def __new__(cls, tensor: Any, *_rest: object) -> Any:
        """Return the tensor."""
        return tensor


STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Mapping,
    ("easydict", "EasyDict"): Mapping,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): View,
    ("torch._utils", "_rebuild_tensor_v2"): View,
    ("torch._utils", "_rebuild_parameter"): Parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): Parameter,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (dict, list, tuple, set, frozenset)
    },
}
