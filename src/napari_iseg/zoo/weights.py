"""The table of weights: what is bundled, and how a name or a file that a user gives becomes a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import UnknownNameError, WeightsError
from napari_iseg.zoo.bundled import bundled_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WEIGHTS", "WeightsSpec", "find_weights", "names_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSpec:
    """One known set of weights.

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


_TABLE = (
    WeightsSpec(
        name="cfr-icl-small",
        methods=("cfr-icl", "simpleclick"),
        file="cfr-icl-small.safetensors",
        licence="BSD-3-Clause",
        # Trained on objects a sixteenth of the crop and up; released weights never look closer than 200 pixels.
        options={"min_crop": 64},
    ),
)

WEIGHTS: MappingProxyType[str, WeightsSpec] = MappingProxyType({spec.name: spec for spec in _TABLE})


def names_for(method: str) -> list[str]:
    """Return the names of the weights that are on this machine and fit a method, the method's own first."""
    return [spec.name for spec in WEIGHTS.values() if method in spec.methods]


def find_weights(name_or_file: str | Path, method: str) -> Path:
    """Return the file of some weights.

    Parameters
    ----------
    name_or_file
        A known name, or a path to a ``.safetensors`` or ``.pth`` file.
    method
        The method that will use them.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor looks like a file; the message names close matches.
    WeightsError
        If the weights are for other methods, or the file is missing.
    """
    text = str(name_or_file)
    if text in WEIGHTS:
        spec = WEIGHTS[text]
        if method not in spec.methods:
            raise WeightsError(f"The weights {text!r} are for {' and '.join(spec.methods)}, not for {method}.")
        path = bundled_folder("models") / spec.file
    else:
        path = Path(text).expanduser()
        if not path.suffix and not path.exists():
            raise UnknownNameError("weights", text, WEIGHTS)
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}; give the name of known weights or an existing file.")
    return path
