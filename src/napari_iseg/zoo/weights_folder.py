"""The user's folder of weights: what was imported into it, checksums, and the licences that were shown.

``$NAPARI_ISEG_WEIGHTS`` names the folder; without it, it is the place where the system keeps programs' data of a user.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from napari_iseg.errors import UnknownNameError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ImportedWeights",
    "downloads_folder",
    "imported_weights",
    "record_sha256",
    "recorded_sha256",
    "remove_weights",
    "sha256_of",
    "show_once",
    "stated_options",
    "stated_terms",
    "usable_name",
    "weights_folder",
]

_CHECKSUMS = "sha256.json"
_LICENCES = "licences_shown.json"
# safetensors itself allows no longer head.
_LONGEST_HEAD = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWeights:
    """Weights in the user's folder, as the head of their file describes them.

    Parameters
    ----------
    name
        The name to ask for: the file's, without its ending.
    path
        The safetensors file.
    methods
        Names of the methods that can use it; empty if the file is damaged.
    family
        The kind of network.
    source
        Name of the file that it was converted from.
    source_sha256
        Of that file.
    licence
        As far as it is known.
    non_commercial
        Whether some part of the licence forbids commercial use.
    imported
        Date and time (ISO 8601, UTC).
    options
        Predictor options that differ from the method's because these weights are better with them.
    """

    name: str
    path: Path
    methods: tuple[str, ...] = ()
    family: str = ""
    source: str = ""
    source_sha256: str = ""
    licence: str = ""
    non_commercial: bool = False
    imported: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def weights_folder() -> Path:
    """Return the user's folder of weights; it need not exist yet."""
    named = os.environ.get("NAPARI_ISEG_WEIGHTS")
    return Path(named).expanduser() if named else user_data_path("napari-iseg", appauthor=False) / "weights"


def downloads_folder() -> Path:
    """Return where downloads wait to be imported, inside the user's folder; it need not exist yet."""
    return weights_folder() / "downloads"


def imported_weights() -> dict[str, ImportedWeights]:
    """Return what lies in the user's folder, by name."""
    folder = weights_folder()
    paths = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    return {path.stem: _described(path) for path in paths}


def usable_name(name: str) -> str:
    """Return ``name`` if weights in the user's folder may have it.

    Raises
    ------
    WeightsError
        If it could not be a file's name everywhere.
    """
    allowed = all(character.isalnum() or character in "-_." for character in name)
    if not name or not name[0].isalnum() or not allowed or name.endswith((".safetensors", ".")) or len(name) > 100:
        raise WeightsError(
            f"{name!r} cannot name weights; use letters, digits, '-', '_' and '.', beginning with a letter or digit."
        )
    return name


def remove_weights(name: str) -> Path:
    """Delete imported weights.

    Returns
    -------
    Path
        The file that is no more.

    Raises
    ------
    UnknownNameError
        If nothing of that name is in the user's folder.
    """
    found = imported_weights()
    if name not in found:
        raise UnknownNameError("weights of your own", name, found)
    path = found[name].path
    path.unlink()
    # Adapted weights have a card.
    path.with_suffix(".md").unlink(missing_ok=True)
    checksums = _read(_CHECKSUMS)
    if checksums.pop(path.name, None) is not None:
        _write(_CHECKSUMS, checksums)
    return path


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded_sha256(file_name: str) -> str | None:
    """Return the SHA-256 that was recorded for a file of that name, or None."""
    entry = _read(_CHECKSUMS).get(file_name)
    return entry.get("sha256") if isinstance(entry, dict) else None


def record_sha256(file_name: str, sha256: str, *, source: str) -> None:
    """Record a file's SHA-256 in the user's folder.

    Parameters
    ----------
    file_name
        The name to record it under.
    sha256
        64 hexadecimal digits.
    source
        The address or file that it came from.
    """
    entry = {"sha256": sha256, "source": source, "recorded": now()}
    _write(_CHECKSUMS, {**_read(_CHECKSUMS), file_name: entry})


def show_once(name: str, licence: str) -> bool:
    """Note that a licence is shown, and return whether this is the first time for these weights."""
    shown = _read(_LICENCES)
    if shown.get(name) == licence:
        return False
    _write(_LICENCES, {**shown, name: licence})
    return True


def stated_terms(path: Path) -> tuple[str, bool] | None:
    """Return the licence in a safetensors file's head and whether it is non-commercial; None if it states none."""
    found = _described(path)
    return (found.licence, found.non_commercial) if found.licence or found.non_commercial else None


def stated_options(path: Path) -> dict[str, Any]:
    """Return the predictor options that a safetensors file's head says it is best at; empty if it says nothing."""
    return dict(_described(path).options)


def now() -> str:
    """Return the date and time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _described(path: Path) -> ImportedWeights:
    """Describe a safetensors file by the text in its head; a damaged one by its name alone."""
    try:
        metadata = _head(path)
    except (OSError, ValueError):
        return ImportedWeights(name=path.stem, path=path)
    return ImportedWeights(
        name=path.stem,
        path=path,
        methods=tuple(metadata.get("methods", "").split()),
        family=metadata.get("family", ""),
        source=metadata.get("source", ""),
        source_sha256=metadata.get("source_sha256", ""),
        licence=metadata.get("licence", ""),
        non_commercial=metadata.get("non_commercial") == "yes",
        imported=metadata.get("imported", ""),
        options=_options(metadata.get("options", "")),
    )


def _options(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    # JSON has no tuples; an option that is a pair is one.
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: tuple(value) if isinstance(value, list) else value for name, value in pairs}


def _head(path: Path) -> dict[str, str]:
    """Return the text in a safetensors file's head: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEAD:
            raise ValueError("no head")
        content = json.loads(file.read(length))
    metadata = content.get("__metadata__", {}) if isinstance(content, dict) else {}
    return {str(name): str(value) for name, value in metadata.items()}


def _read(name: str) -> dict[str, Any]:
    """Read a JSON file of the folder; one that is missing or damaged records nothing."""
    try:
        content = json.loads((weights_folder() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(name: str, content: Mapping[str, Any]) -> None:
    """Write a JSON file of the folder; it is there whole or as before."""
    folder = weights_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{name}.part"
        partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(folder / name)
    except OSError as error:
        raise WeightsError(
            f"The folder {folder} cannot be written ({error.strerror}); set NAPARI_ISEG_WEIGHTS to one that can."
        ) from error
