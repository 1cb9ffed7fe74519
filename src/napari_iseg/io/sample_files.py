"""The files of a sample: shipped with the package, in a mirror folder, or fetched once and kept.

``$NAPARI_ISEG_DATA`` names a folder that is looked into before the network. What was fetched lies where the system
keeps programs' data of a user.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ImageError
from napari_iseg.zoo.bundled import bundled_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SampleFile", "find_file", "mirror_folder", "read_facts", "samples_folder"]

_SECONDS = 30
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """One file of a sample.

    Parameters
    ----------
    role
        ``"image"`` or ``"reference"``; several images are the slices of one stack, in their order.
    bundled
        Its name among the files of the package, or None.
    address
        Where it can be fetched, or None.
    sha256
        Of the file of the package or at the address. None where that was never seen: the first download's is kept, and
        a later one must have the same.
    mirror, mirror_sha256
        Its path in a mirror folder, and what it must be there, which may be another encoding of the same pixels.
    """

    role: str
    bundled: str | None = None
    address: str | None = None
    sha256: str | None = None
    mirror: str | None = None
    mirror_sha256: str | None = None

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> SampleFile:
        """Return what a sample's JSON file says."""
        return cls(**facts)


def mirror_folder() -> Path | None:
    """Return the folder that ``$NAPARI_ISEG_DATA`` names, None where it names none."""
    named = os.environ.get("NAPARI_ISEG_DATA")
    return Path(named).expanduser() if named else None


def samples_folder() -> Path:
    """Return the user's folder of fetched samples, beside that of weights; it may not exist yet."""
    from napari_iseg.zoo.weights_folder import weights_folder

    return weights_folder().with_name("samples")


def find_file(
    sample: str, file: SampleFile, progress: Callable[[int, int], object] = lambda _there, _total: None
) -> Path | None:
    """Return where a file of a sample lies, checked; fetched if need be.

    Parameters
    ----------
    sample
        The sample's name.
    file
        Which of its files.
    progress
        Called with the bytes that were fetched and how many there will be (0 if the server does not say), in this
        thread. What it raises ends the transfer, of which nothing stays, and is raised here.

    Returns
    -------
    pathlib.Path or None
        None for a reference that is nowhere: it is only in a mirror folder, and there is none.

    Raises
    ------
    ImageError
        If the file is not what it should be, or cannot be fetched; the message says what to do.
    """
    if file.bundled is not None:
        path = bundled_folder("sample_data") / file.bundled
        if not path.is_file():
            raise ImageError(f"{path} of the sample {sample!r} is missing; install napari-iseg again.")
        return _checked(path, file.sha256, "install napari-iseg again")
    mirror = mirror_folder()
    if mirror is not None and file.mirror is not None and (mirror / file.mirror).is_file():
        return _checked(mirror / file.mirror, file.mirror_sha256, "put the right file there, or unset NAPARI_ISEG_DATA")
    if file.address is None:
        if file.role == "reference":
            return None
        raise ImageError(f"The sample {sample!r} is only in a mirror folder; set NAPARI_ISEG_DATA to one that has it.")
    return _fetched(sample, file, file.address, progress)


def _fetched(sample: str, file: SampleFile, address: str, progress: Callable[[int, int], object]) -> Path:
    folder = samples_folder() / sample
    name = f"{file.role}_{address.rsplit('/', 1)[-1]}"
    path, seen = folder / name, folder / f"{name}.sha256"
    known = file.sha256 or (seen.read_text(encoding="ascii").strip() if seen.is_file() else None)
    if not path.is_file():
        _download(sample, file, address, path, known, progress)
    elif known is not None:
        _checked(path, known, "delete it, then open the sample again")
    if known is None:
        seen.write_text(_sha256(path), encoding="ascii")
    return path


def _download(
    sample: str,
    file: SampleFile,
    address: str,
    path: Path,
    known: str | None,
    progress: Callable[[int, int], object],
) -> None:
    """Have pooch fetch a file; under its name it appears whole and right, or not at all."""
    import pooch
    import requests

    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.ERROR)
    offline = (
        f"Without a network, put it at {path}, or set NAPARI_ISEG_DATA to a folder that has it at "
        f"{file.mirror or path.name}; 'Cell', 'Gland', 'Head' and the drawn stacks need no network."
    )
    try:
        pooch.retrieve(
            address,
            known_hash=f"sha256:{known}" if known else None,
            fname=path.name,
            path=path.parent,
            downloader=partial(_transfer, progress),
        )
    except requests.exceptions.HTTPError as error:
        why = str(error).partition(" for url")[0]
        raise ImageError(f"{address} was not fetched for the sample {sample!r}: {why}. {offline}") from error
    except requests.exceptions.RequestException as error:
        raise ImageError(f"{address} was not fetched for the sample {sample!r}: no connection. {offline}") from error
    except ValueError as error:  # pooch's only word for another checksum
        raise ImageError(
            f"{address} is not the file that the sample {sample!r} should have: its SHA-256 is not {known}. It was "
            "thrown away; try again, and if it happens again, somebody has replaced the file."
        ) from error
    except OSError as error:
        raise ImageError(f"{path} cannot be written ({error}); make room, then open the sample again.") from error
    finally:
        log.setLevel(level)


def _transfer(progress: Callable[[int, int], object], address: str, output: str, _pooch: object) -> None:
    """Fetch ``address`` into ``output``; pooch's own way leaves the connection open where it is given up."""
    import requests

    with requests.get(address, stream=True, timeout=_SECONDS) as response, open(output, "wb") as file:
        response.raise_for_status()
        there, length = 0, response.headers.get("Content-Length", "")
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            there += len(chunk)
            progress(there, int(length) if length.isdigit() else 0)


def _checked(path: Path, sha256: str | None, then: str) -> Path:
    if sha256 is not None and _sha256(path) != sha256:
        raise ImageError(f"{path} is not the file that it should be: its SHA-256 is not {sha256}; {then}.")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_facts(name: str) -> dict[str, Any]:
    """Return what the package knows of a sample, as ``sample_data/NAME.json`` says it."""
    facts: dict[str, Any] = json.loads((bundled_folder("sample_data") / f"{name}.json").read_text(encoding="utf-8"))
    return facts
