"""JSON objects in files: read with one clear sentence, written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_iseg.io.files import existing_file, replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_iseg.errors import IsegError

__all__ = ["read_json_object", "write_json_object"]


def read_json_object(path: str | Path, error: type[IsegError]) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises
    ------
    IsegError
        ``error``, if the file is missing or empty, is not JSON, or holds something other than an object.
    """
    file = existing_file(path, error)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as fault:
        raise error(
            f"{file} is not JSON: {fault.msg} at line {fault.lineno}, column {fault.colno}; correct it."
        ) from fault
    except (UnicodeDecodeError, RecursionError) as fault:
        raise error(f"{file} is not JSON text in UTF-8; check that it is the right file.") from fault
    if not isinstance(values, dict):
        raise error(f"{file} holds a JSON {type(values).__name__}, but an object ({{...}}) is needed.")
    return values


def write_json_object(path: str | Path, values: dict[str, Any], before: Callable[[], None] = lambda: None) -> None:
    """Write one JSON object, readable and with every number exact.

    Parameters
    ----------
    path, values
        Where to, and what.
    before
        Called when everything is on the disk but not yet in its place; if it raises, what was there stays.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
        before()
