"""The table of bundled weights, and how a name or a file that a user gives becomes a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError, UnknownNameError, WeightsError
from napari_iseg.zoo.bundled import bundled_folder
from napari_iseg.zoo.downloads import file_name
from napari_iseg.zoo.known_weights import RELEASED, ReleasedWeights
from napari_iseg.zoo.terms import Terms, terms_in
from napari_iseg.zoo.weights_folder import downloads_folder, imported_weights, sha256_of, stated_options

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "WEIGHTS",
    "WeightsSpec",
    "best_options",
    "find_weights",
    "how_to_get",
    "names_for",
    "non_commercial_licence",
    "released_file",
    "terms_of_file",
    "weights_sha256",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSpec:
    """One bundled set of weights.

    Parameters
    ----------
    name
        The name to ask for.
    methods
        Names of the methods that can use it.
    file
        Its file in the bundled ``models`` folder; the model card lies beside it under the same stem.
    licence
        Of the weights.
    options
        Predictor options at which these weights are best, where they differ from the method's; a user's own go first.
    """

    name: str
    methods: tuple[str, ...]
    file: str
    licence: str
    options: Mapping[str, Any] = field(default_factory=dict)


# Small networks see little and follow clicks loosely; with the graph cut they need fewer clicks (docs/results.md).
_TABLE = (
    WeightsSpec(
        name="cfr-icl-small",
        methods=("cfr-icl", "simpleclick"),
        file="cfr-icl-small.safetensors",
        licence="BSD-3-Clause",
        # Trained at 192 pixels, where released networks have 448: smaller objects are looked at as closely.
        options={"graph_cut": True, "min_crop": 64},
    ),
    WeightsSpec(
        name="adaptiveclick-small",
        methods=("adaptiveclick",),
        file="adaptiveclick-small.safetensors",
        licence="BSD-3-Clause",
        # As for cfr-icl-small.
        options={"graph_cut": True, "min_crop": 32},
    ),
    WeightsSpec(
        name="disnet-small",
        methods=("disnet",),
        file="disnet-small.safetensors",
        licence="BSD-3-Clause",
        # It knows what a click could mean better than which of it is likely.
        options={"graph_cut": True, "target_size": 256, "follow_clicks": True, "zoom_in": True, "min_crop": 24},
    ),
    WeightsSpec(
        name="focalclick-b0",
        methods=("focalclick",),
        file="focalclick-b0.safetensors",
        licence="BSD-3-Clause",
        options={"graph_cut": True},
    ),
    WeightsSpec(
        name="focalclick-xl-small",
        methods=("focalclick-xl",),
        file="focalclick-xl-small.safetensors",
        licence="BSD-3-Clause",
        # Its Detail-Net has not learnt enough: looking closely makes its masks worse.
        options={"graph_cut": True, "magnify": False, "detail_band": 0.015, "certainty": 0.75},
    ),
)

WEIGHTS: MappingProxyType[str, WeightsSpec] = MappingProxyType({spec.name: spec for spec in _TABLE})


def names_for(method: str) -> list[str]:
    """Return the names of the weights that are on this machine and fit a method, the method's own first."""
    bundled = [spec.name for spec in WEIGHTS.values() if method in spec.methods]
    imported = [found for found in imported_weights().values() if method in found.methods]
    # Those that were trained for another method with the same network come last.
    imported.sort(key=lambda found: found.methods[0] != method)
    return bundled + [found.name for found in imported]


def find_weights(name_or_file: str | Path, method: str) -> Path:
    """Return the file of some weights.

    Parameters
    ----------
    name_or_file
        The name of bundled, imported or released weights, or a path to a ``.safetensors`` or ``.pth`` file.
    method
        The method that will use them.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor looks like a file; the message names close matches.
    WeightsError
        If the weights are for other methods, the file is missing, or they were released but are not here; the message
        says how to get them.
    """
    text = str(name_or_file)
    imported = imported_weights()
    if text in WEIGHTS:
        _require_method(text, WEIGHTS[text].methods, method)
        path = bundled_folder("models") / WEIGHTS[text].file
    elif text in imported:
        path = imported[text].path
        if not imported[text].family:
            raise WeightsError(f"{path} is damaged; run 'napari-iseg weights remove {text}' and import it again.")
        _require_method(text, imported[text].methods, method)
    elif text in RELEASED:
        _require_method(text, RELEASED[text].methods, method)
        raise WeightsError(f"The weights {text!r} are not here yet. {how_to_get(RELEASED[text])}")
    else:
        path = Path(text).expanduser()
        if not path.suffix and not path.exists():
            names = (*WEIGHTS, *imported, *(name for name, known in RELEASED.items() if method in known.methods))
            raise UnknownNameError("weights", text, names)
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; give the name of known weights or an existing file.")
    return path


def best_options(name_or_file: str | Path) -> dict[str, Any]:
    """Return the predictor options at which some weights are best, where they differ from their method's.

    Of a path they are what the head of the file says: weights that were trained on from others take theirs over.
    """
    text = str(name_or_file)
    if text in WEIGHTS:
        return dict(WEIGHTS[text].options)
    found = imported_weights().get(text)
    return dict(found.options) if found is not None else stated_options(Path(text))


def weights_sha256(name_or_file: str | Path | None, method: str) -> str | None:
    """Return the SHA-256 of the file that a method would load; None where there is no such file or no weights at all.

    The file is read once, and again when it has changed; large weights take part of a second.
    """
    if name_or_file is None:
        return None
    try:
        path = find_weights(name_or_file, method)
        stat = path.stat()
    except (IsegError, OSError):
        return None
    return _sha256_at(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256_at(path: Path, _modified: int, _size: int) -> str:
    return sha256_of(path)


def how_to_get(known: ReleasedWeights) -> str:
    """Return the sentences that say how released weights come onto this machine."""
    command = f"napari-iseg weights download {known.name}"
    if known.addresses:
        names = ", ".join(file_name(address) for address in known.addresses)
        return f"Run: {command}. Without a connection, put {names} into {downloads_folder()} first."
    file = known.file or "FILE.pth"
    what = known.file or f"the file for {known.architecture}, {known.trained_on}"
    return (
        f"They lie on a shared drive: get {what} by way of {known.page}, then run: "
        f"napari-iseg weights import {file} --name {known.name}"
    )


def non_commercial_licence(name_or_file: str | Path) -> str | None:
    """Return the licence of weights that are not for commercial use, None for others or where nothing is known.

    A file whose name says nothing is told by the names of its tensors; see :func:`napari_iseg.zoo.terms.terms_in`.
    """
    text = str(name_or_file)
    if text in WEIGHTS:
        return None
    imported = imported_weights().get(text)
    if imported is not None:
        return imported.licence if imported.non_commercial else None
    path = Path(text).expanduser()
    terms = terms_of_file(path, RELEASED.get(text) or released_file(path.name))
    return terms.licence if terms is not None and terms.non_commercial else None


def terms_of_file(path: Path, known: ReleasedWeights | None) -> Terms | None:
    """Return the terms of a weights file.

    Parameters
    ----------
    path
        The file; it need not exist.
    known
        The released weights that its name says it is, if any. The file itself may forbid more than that name, as when
        it was renamed, but never less.
    """
    by_name = Terms(known.licence, known.non_commercial) if known is not None else None
    if by_name is not None and by_name.non_commercial:
        return by_name
    by_tensors = terms_in(path)
    return by_tensors if by_tensors is not None and by_tensors.non_commercial else by_name or by_tensors


def released_file(file: str) -> ReleasedWeights | None:
    """Return the released weights whose authors gave a file that name, None if there are none."""
    return next((known for known in RELEASED.values() if known.file and known.file == file), None)


def _require_method(name: str, methods: tuple[str, ...], method: str) -> None:
    if method not in methods:
        raise WeightsError(f"The weights {name!r} are for {' and '.join(methods)}, not for {method}.")
