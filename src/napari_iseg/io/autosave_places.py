"""Where autosaves lie: beside the image where that may be written, else in the user's folder; and how to find them.

``$NAPARI_ISEG_AUTOSAVE`` names the user's folder; without it, it is where the system keeps programs' data of a user. An
autosave beside an image has a signpost there, so that the next start finds it although no image is open yet.
"""

from __future__ import annotations

import glob
import hashlib
import os
from pathlib import Path

from platformdirs import user_data_path

from napari_iseg.io.files import replacing
from napari_iseg.zoo.bundled import bundled_folder

__all__ = ["autosave_folder", "autosaves_of", "every_autosave", "forget", "places_for", "remember"]

ENDING = ".iseg-autosave"
_SIGNPOST = ".where"


def autosave_folder() -> Path:
    """Return the user's folder of autosaves; it need not exist."""
    named = os.environ.get("NAPARI_ISEG_AUTOSAVE")
    return Path(named).expanduser() if named else user_data_path("napari-iseg", appauthor=False) / "autosave"


def places_for(source: str | None, name: str) -> list[Path]:
    """Return the files that an autosave may have, the preferred one first, without looking whether they are taken.

    Parameters
    ----------
    source
        Path of the image's file, or None.
    name
        Of the image's layer.
    """
    ours = autosave_folder()
    if source is None:
        plain = "".join(character if character.isalnum() or character in "-_" else "_" for character in name)[:60]
        return [ours / f"{plain}{end}" for end in _endings()]
    file = Path(source).absolute()
    # Names repeat from folder to folder.
    known = hashlib.sha256(str(file).encode()).hexdigest()[:10]
    beside = [file.with_name(f".{file.name}{end}") for end in _endings()]
    # What belongs to the package stays as it was installed.
    ours_too = file.parent == bundled_folder("sample_data")
    may_write = file.parent.is_dir() and os.access(file.parent, os.W_OK) and not ours_too
    return [
        *(beside if may_write else []),
        *(ours / f"{file.name.lstrip('.')[:60]}-{known}{end}" for end in _endings()),
    ]


def autosaves_of(source: str | None) -> list[Path]:
    """Return the autosaves that may belong to an image from a file, or to any without one; the newest first."""
    found = list(autosave_folder().glob(f"[!.]*{ENDING}"))
    if source is not None:
        file = Path(source).absolute()
        found += file.parent.glob(f".{glob.escape(file.name)}*{ENDING}")
    return _newest_first(found)


def every_autosave() -> list[Path]:
    """Return every autosave that is known of, the newest first; signposts to what is gone are removed."""
    folder = autosave_folder()
    found = list(folder.glob(f"[!.]*{ENDING}"))
    for signpost in folder.glob(f"[!.]*{_SIGNPOST}"):
        text = _read(signpost)
        if text is None:
            continue
        target = Path(text)
        if target.is_file():
            found.append(target)
        elif target.parent.is_dir():
            # A disk that is not there today may be there tomorrow.
            signpost.unlink(missing_ok=True)
    return _newest_first(found)


def remember(path: Path) -> None:
    """Put up the signpost to an autosave that lies beside its image."""
    folder = autosave_folder()
    if path.parent != folder:
        folder.mkdir(parents=True, exist_ok=True)
        signpost, text = _signpost(path), str(path)
        if _read(signpost) != text:
            # Another window that reads it half written would take it for a signpost to nothing and remove it.
            with replacing(signpost) as temporary:
                temporary.write_text(text, encoding="utf-8")


def forget(path: Path) -> None:
    """Delete an autosave and its signpost."""
    path.unlink(missing_ok=True)
    _signpost(path).unlink(missing_ok=True)


def _signpost(path: Path) -> Path:
    return autosave_folder() / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}{_SIGNPOST}"


def _read(signpost: Path) -> str | None:
    """Return what a signpost says, None where there is none: another window may take it down at any moment."""
    try:
        return signpost.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _endings() -> list[str]:
    return [ENDING, *(f".{number}{ENDING}" for number in range(2, 20))]


def _newest_first(paths: list[Path]) -> list[Path]:
    times = {path: path.stat().st_mtime for path in set(paths) if path.is_file()}
    return sorted(times, key=lambda path: times[path], reverse=True)
