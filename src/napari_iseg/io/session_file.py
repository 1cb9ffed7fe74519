"""Session files: which object was made how, so that every one can be opened again, changed and made anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError, ImageError, IsegError
from napari_iseg.io.json_file import read_json_object, write_json_object
from napari_iseg.io.prompt_values import PROMPT_KINDS, prompt_from_values, prompt_to_values
from napari_iseg.io.saved_options import options_of_then
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_iseg.interactions import Prompt

__all__ = [
    "SESSION_VERSION",
    "SavedObject",
    "SavedSession",
    "object_from_values",
    "object_to_values",
    "read_session",
    "write_session",
]

SESSION_VERSION = 2
"""Version 1 had no label file, no digests and no facts; it is still read."""
_FORMAT = "napari-iseg session"
_MISSING = object()


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One object and how it was made.

    Parameters
    ----------
    label
        Its id in the label array, from 1.
    plane
        The plane that it lies on.
    method
        Name of the method.
    weights
        Name or path of its weights, None for a method without.
    options
        The method's options: plain values.
    threshold
        Probability from which a pixel belongs to the object.
    prompts
        What the user said, in order.
    class_name
        What kind of thing it is, or None.
    weights_sha256
        SHA-256 of the weights' file, None where there is none or nobody noted it.
    answered
        How many prompts there were at each answer, see :attr:`napari_iseg.inference.session.Session.answered`; None if
        every prompt was answered by itself.
    mask_sha256
        :func:`~napari_iseg.io.session_labels.mask_digest` of the mask that the prompts gave, before finished objects
        were protected from it; None where no mask came from prompts.
    overwrite
        Whether it was allowed to take pixels from the objects before it.
    finished
        Whether it was accepted; one that was not goes on where it was.
    facts
        What else is known of it: JSON values by name. What this version does not know comes back as it was.
    """

    label: int
    plane: PlaneAddress
    method: str
    weights: str | None = None
    options: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    threshold: float = 0.5
    prompts: tuple[Prompt, ...] = ()
    class_name: str | None = None
    weights_sha256: str | None = None
    answered: tuple[int, ...] | None = None
    mask_sha256: str | None = None
    overwrite: bool = False
    finished: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedSession:
    """The objects of one image.

    Parameters
    ----------
    source
        Path of the image, None where it did not come from a file.
    shape
        Shape of the image's grid, colours not counted.
    spacing
        Size of a pixel per axis of ``shape``.
    objects
        In the order in which they were accepted, the unfinished ones last.
    labels
        Name of the label file in the same folder, or None.
    facts
        What else is known of the image, as for an object.
    version
        Version of the file format.
    """

    source: str | None
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    objects: tuple[SavedObject, ...] = ()
    labels: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    version: int = SESSION_VERSION


def write_session(path: str | Path, saved: SavedSession, before: Callable[[], None] = lambda: None) -> Path:
    """Write a session as plain JSON; the file appears whole or not at all.

    Parameters
    ----------
    path, saved
        Where to, and what.
    before
        Writes the labels next to it: called when there was room for the session but before that takes the place of an
        earlier one, so that neither is replaced alone. What it raises is raised here.

    Raises
    ------
    ExportError
        If an option or a fact is not a plain value or the file cannot be written.
    """
    values = {
        "format": _FORMAT,
        "version": SESSION_VERSION,
        "image": {
            "source": saved.source,
            "shape": [int(size) for size in saved.shape],
            "spacing": [float(size) for size in saved.spacing],
        },
        "labels": saved.labels,
        "facts": dict(saved.facts),
        "objects": [object_to_values(item) for item in saved.objects],
    }
    try:
        write_json_object(path, values, before)
    except TypeError as error:
        raise ExportError(
            f"The session cannot be written: an option or a fact is not a plain value ({error})."
        ) from error
    return Path(path)


def read_session(path: str | Path) -> SavedSession:
    """Read a session file.

    Raises
    ------
    ImageError
        If the file is missing, is no session, or comes from a newer version of this package.
    PromptError
        If a prompt in it does not say what it should.
    """
    values = read_json_object(path, ImageError)
    if values.get("format") != _FORMAT:
        raise ImageError(f"{path} is not a session of napari-iseg; choose a file that its Export wrote.")
    version = values.get("version")
    if isinstance(version, bool) or version not in range(1, SESSION_VERSION + 1):
        raise ImageError(
            f"{path} has the session version {version!r}, but this napari-iseg reads versions up to {SESSION_VERSION}; "
            "update napari-iseg."
        )
    try:
        return _session(values, str(path))
    except IsegError:
        raise
    except (TypeError, ValueError) as error:
        raise ImageError(f"{path} is a damaged session: {error}; take an earlier copy of it.") from error


def _session(values: dict[str, Any], name: str) -> SavedSession:
    image = _of(values, "image", dict)
    objects = _of(values, "objects", list)
    return SavedSession(
        source=_of(image, "source", str | None),
        shape=tuple(_all_of(_of(image, "shape", list), int, "shape")),
        spacing=tuple(float(size) for size in _all_of(_of(image, "spacing", list), int | float, "spacing")),
        objects=tuple(object_from_values(item, f"{name}: objects[{number}]") for number, item in enumerate(objects)),
        labels=_of(values, "labels", str | None, None),
        facts=_of(values, "facts", dict, {}),
        version=values["version"],
    )


def object_to_values(item: SavedObject) -> dict[str, Any]:
    """Return an object as JSON values."""
    prompts = []
    for prompt in item.prompts:
        kind, values = prompt_to_values(prompt)
        prompts.append({"kind": kind, **values})
    plane = item.plane
    return {
        "label": int(item.label),
        "class": item.class_name,
        "plane": {"rows": plane.rows, "columns": plane.columns, "index": list(plane.index), "rgb": plane.rgb},
        "method": item.method,
        "weights": item.weights,
        "weights_sha256": item.weights_sha256,
        "options": dict(item.options),
        "threshold": float(item.threshold),
        "prompts": prompts,
        "answered": None if item.answered is None else [int(count) for count in item.answered],
        "mask_sha256": item.mask_sha256,
        "overwrite": bool(item.overwrite),
        "finished": bool(item.finished),
        "facts": dict(item.facts),
    }


def object_from_values(values: Any, entry: str) -> SavedObject:
    """Make an object of what JSON gave.

    Parameters
    ----------
    values
        What :func:`object_to_values` made; what version 1 did not have may be missing.
    entry
        Where in the file it stands, for the sentence.

    Raises
    ------
    TypeError, ValueError
        If something is missing or not what it should be.
    PromptError
        If a prompt does not say what it should.
    """
    if not isinstance(values, dict):
        raise TypeError(f"{entry} is not an object")
    plane = _of(values, "plane", dict)
    prompts = _of(values, "prompts", list)
    answered = _of(values, "answered", list | None, None)
    method = _of(values, "method", str)
    return SavedObject(
        label=_of(values, "label", int),
        plane=PlaneAddress(
            _of(plane, "rows", int),
            _of(plane, "columns", int),
            tuple(_all_of(_of(plane, "index", list), int, "index")),
            _of(plane, "rgb", bool),
        ),
        method=method,
        weights=_of(values, "weights", str | None),
        options=options_of_then(method, _of(values, "options", dict)),
        threshold=float(_of(values, "threshold", int | float)),
        prompts=tuple(_prompt(prompt, f"{entry}.prompts[{number}]") for number, prompt in enumerate(prompts)),
        class_name=_of(values, "class", str | None),
        weights_sha256=_of(values, "weights_sha256", str | None, None),
        answered=None if answered is None else tuple(_all_of(answered, int, "answered")),
        mask_sha256=_of(values, "mask_sha256", str | None, None),
        overwrite=_of(values, "overwrite", bool, False),
        finished=_of(values, "finished", bool, True),
        facts=_of(values, "facts", dict, {}),
    )


def _prompt(values: Any, entry: str) -> Prompt:
    fields = dict(values) if isinstance(values, dict) else {}
    kind = fields.pop("kind", None)
    if kind not in PROMPT_KINDS:
        raise TypeError(f"{entry} is of the unknown kind {kind!r}")
    return prompt_from_values(kind, fields, entry)


def _of(values: dict[str, Any], name: str, kind: Any, otherwise: Any = _MISSING) -> Any:
    value = values.get(name, otherwise)
    # True is an int to Python, and never a number that a session holds. A default is of its kind.
    if value is _MISSING or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{name!r} is missing or not what it should be")
    return value


def _all_of(values: list[Any], kind: Any, name: str) -> list[Any]:
    if not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
        raise TypeError(f"{name!r} holds something that is not a number")
    return values
