"""Fetching released files: with progress, resumed after a cut, through proxies, and told in words when it cannot be.

pooch does the bookkeeping (the checksum, the final name only for a whole file); the transfer is ours, because pooch
begins anew after every cut. requests reads proxies from the environment (``HTTPS_PROXY``, ``NO_PROXY``).
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from napari_iseg.errors import WeightsError
from napari_iseg.zoo.weights_folder import record_sha256, recorded_sha256, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from requests import Response

__all__ = ["fetch", "file_name"]

# A server that cuts every transfer is given up; what was transferred stays for the next time.
_ATTEMPTS = 4
_SECONDS = (15, 60)
# Of a chunk that a cut ends, nothing arrives.
_CHUNK = 1 << 14


def file_name(address: str) -> str:
    """Return the name of the file at an address."""
    return unquote(urlsplit(address).path).rsplit("/", 1)[-1]


def fetch(
    address: str,
    folder: Path,
    *,
    sha256: str | None = None,
    progress: Callable[[int, int | None], object] | None = None,
    instead: str = "",
) -> Path:
    """Download a file, or go on where an earlier download was cut; a file that is there already is only checked.

    Parameters
    ----------
    address
        Of the file.
    folder
        Where to put it; made if it is missing.
    sha256
        What it must be. None takes the one recorded at the first download, and records it if this is the first.
    progress
        Called with the bytes that are there and how many there will be (None if the server does not say).
    instead
        For the message of a download that fails: the command that uses a file which was put there by hand.

    Returns
    -------
    Path
        The file, whole and checked.

    Raises
    ------
    WeightsError
        If there is no connection, the server has no such file, cuts the connection again and again, or sends another
        file than expected; the message says which file to put where.
    """
    name = file_name(address)
    target = folder / name
    known = sha256 or recorded_sha256(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _retrieve(address, target, known, _Transfer(target, progress or _nothing, instead))
    except WeightsError:
        raise
    except ValueError as error:  # pooch's only word for another checksum
        raise WeightsError(
            f"{name} from {address} is not the file that it should be: its SHA-256 is not {known}. It was thrown away; "
            "try again, and if it happens again, somebody has replaced the file."
        ) from error
    except OSError as error:
        raise WeightsError(f"{target} cannot be written ({error}); make room or choose another folder.") from error
    if known is None:
        record_sha256(name, sha256_of(target), source=address)
    return target


def _retrieve(address: str, target: Path, known: str | None, transfer: _Transfer) -> None:
    """Have pooch do it, without its own talk."""
    import pooch

    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        pooch.retrieve(
            address,
            known_hash=f"sha256:{known}" if known else None,
            fname=target.name,
            path=target.parent,
            downloader=transfer,
        )
    finally:
        log.setLevel(level)


class _Transfer:
    """Downloads for pooch.

    Parameters
    ----------
    target
        The file to be; what has arrived waits beside it as ``.part``, and in ``.part.json`` what the server said of it.
    progress
        Called with the bytes that are there and how many there will be.
    instead
        The command for a file that was put there by hand.
    """

    def __init__(self, target: Path, progress: Callable[[int, int | None], object], instead: str) -> None:
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._about = target.with_name(f"{target.name}.part.json")
        self._progress = progress
        self._instead = instead
        self._answered = False

    def __call__(self, address: str, output_file: str, _pooch: object) -> None:
        """Fetch ``address`` into ``output_file``."""
        import requests

        for attempt in range(_ATTEMPTS):
            self._answered = False
            try:
                if self._attempt(address):
                    break
            except requests.exceptions.HTTPError as error:
                raise self._failed(address, f"the server answers {str(error).partition(' for url')[0]}") from error
            except requests.exceptions.InvalidURL as error:
                raise self._failed(address, "this is no address") from error
            except requests.exceptions.RequestException as error:
                # Only a transfer that was under way is worth another try.
                if not self._answered and attempt == 0:
                    raise self._failed(address, "there is no connection to it") from error
            if attempt + 1 < _ATTEMPTS:
                time.sleep(attempt / 2)
        else:
            raise self._failed(address, f"the transfer is cut again and again, {self._there()} bytes are kept")
        self._part.replace(output_file)
        self._about.unlink(missing_ok=True)

    def _attempt(self, address: str) -> bool:
        """Transfer what is missing; return whether the file is whole."""
        import requests

        there = self._there()
        about = self._known(address) if there else {}
        headers = {"Accept-Encoding": "identity"}
        if there and about:
            headers["Range"] = f"bytes={there}-"
            if about.get("validator"):
                # A file that changed meanwhile is sent whole.
                headers["If-Range"] = about["validator"]
        with requests.get(address, headers=headers, stream=True, timeout=_SECONDS) as response:
            self._answered = True
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                whole = response.headers.get("Content-Range", "").removeprefix("bytes */") == str(there)
                if not whole:
                    self._part.unlink()
                return whole
            response.raise_for_status()
            going_on = response.status_code == requests.codes.partial_content and _begins(response) == there
            if response.status_code == requests.codes.partial_content and not going_on:
                self._part.unlink()
                return False
            return self._receive(address, response, there if going_on else 0)

    def _receive(self, address: str, response: Response, there: int) -> bool:
        length = response.headers.get("Content-Length", "")
        total = there + int(length) if length.isdigit() else None
        # A weak ETag says only that the file means the same, not that its bytes are the same.
        etag = response.headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        self._about.write_text(json.dumps({"address": address, "validator": validator, "total": total}))
        with self._part.open("ab" if there else "wb") as file:
            self._progress(there, total)
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                there += len(chunk)
                self._progress(there, total)
        return total is None or there == total

    def _there(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    def _known(self, address: str) -> Mapping[str, Any]:
        """Return what the server said of the part that is there; nothing if it came from elsewhere."""
        try:
            about = json.loads(self._about.read_text())
        except (OSError, ValueError):
            return {}
        return about if isinstance(about, dict) and about.get("address") == address else {}

    def _failed(self, address: str, why: str) -> WeightsError:
        then = f", then run: {self._instead}" if self._instead else ""
        return WeightsError(
            f"{address} was not downloaded: {why}. Try again, or fetch it by other means and put it at "
            f"{self._target}{then}"
        )


def _begins(response: Response) -> int | None:
    """Return the first byte that a partial answer brings."""
    begin = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(begin) if begin.isdigit() else None


def _nothing(_there: int, _total: int | None) -> None:
    pass
