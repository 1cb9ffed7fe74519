"""Reading the pickles of annotations without running any of it: numbers, text, containers and NumPy arrays only."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError
from napari_iseg.io.files import existing_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_annotation_pickle"]

# All that NumPy itself asks for, under the names before and since version 2, and what old protocols spell bytes with.
_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("_codecs", "encode"),
    *(
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
    ),
}


class _Refused(Exception):
    """A pickle asks for something that is no data."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _Refused(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core.", "numpy._core."), name)


def read_annotation_pickle(file: Path) -> Any:
    """Read a pickle that holds data.

    Raises
    ------
    ImageError
        If the file is missing or damaged, or would have to run code to be read.
    """
    existing_file(file)
    try:
        with file.open("rb") as stream:
            return _Unpickler(stream).load()
    except MemoryError:
        raise
    # What a damaged pickle raises has no common class.
    except Exception as error:
        reason = str(error) if isinstance(error, _Refused) else "it is damaged or cut off"
        raise ImageError(f"{file} cannot be read as annotations: {reason}; fetch it again.") from error
