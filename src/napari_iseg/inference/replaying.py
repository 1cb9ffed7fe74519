"""Make the objects of a session file anew: the same prompts, answered in the same order, written in the same order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import IsegError, PromptError
from napari_iseg.inference.remaking import remake, remembering
from napari_iseg.inference.replay_composition import Composition
from napari_iseg.inference.replay_steps import Step, fill, kept_planes, steps_of
from napari_iseg.inference.session import Session
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.zoo.weights import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.session_file import SavedObject, SavedSession
    from napari_iseg.planes import PlaneAddress

__all__ = ["Replay", "Replayed", "replay"]


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """One object, made anew.

    Parameters
    ----------
    saved
        The object as the session tells it.
    mask
        (H, W) bool on its plane, before finished objects are protected; None where it could not be made anew.
    trouble
        Why not, or what is not as it was, as a sentence; empty if everything is.
    other_weights
        Whether the weights' file is another one than when the object was made.
    planes
        How many further planes of it were made anew.
    kept
        How many further planes are as the label file has them, because nothing says how they were made, or because
        what they were made from was changed by hand.
    """

    saved: SavedObject
    mask: NDArray[np.bool_] | None
    trouble: str = ""
    other_weights: bool = False
    planes: int = 0
    kept: int = 0

    @property
    def is_same(self) -> bool:
        """Whether the mask is known to be the very one that the user saw."""
        return self.mask is not None and not self.trouble


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What came of a session.

    Parameters
    ----------
    labels
        (grid of the image) unsigned labels: where a label file is at hand, that file with the objects in place that
        came out otherwise; else what the prompts gave.
    objects
        Every object, in the order of the session.
    by_hand
        How many pixels of the label file no prompt explains: painted, merged or split by hand.
    verified
        Whether there was a label file to compare with.
    """

    labels: NDArray[Any]
    objects: tuple[Replayed, ...] = field(repr=False)
    by_hand: int
    verified: bool


def replay(
    saved: SavedSession,
    data: Any,
    load: Callable[[SavedObject], Predictor],
    stored: NDArray[Any] | None,
    *,
    told: Callable[[Replayed], None] = lambda _one: None,
) -> Replay:
    """Make the labels of a session anew and compare them with those that were stored.

    Parameters
    ----------
    saved
        The session.
    data
        The image's array, colours included.
    load
        Returns the predictor of an object.
    stored
        (grid of the image) unsigned labels, or None.
    told
        Called after every object.

    Returns
    -------
    Replay
        The labels and what is to be said of every object.
    """
    composed = Composition(np.zeros(saved.shape, _type_for(saved, stored)), stored)
    steps = steps_of(saved.objects, saved.shape)
    load = remembering(load)
    sessions = remake([step.asked for step in steps if step.asked is not None], data, load)
    done: dict[int, Replayed] = {}
    last = {id(step.owner): number for number, step in enumerate(steps)}
    for number, step in enumerate(steps):
        owner = step.owner
        if step.making is not None:
            done[id(owner)] = _with(done[id(owner)], _filled(step, composed, data, load))
        else:
            outcome = next(sessions)[1] if step.asked is not None else None
            one = _written(step, outcome, composed, saved.shape)
            done[id(owner)] = _with(done[id(owner)], one) if id(owner) in done else one
        if number == last[id(owner)]:
            told(done[id(owner)])
    return _compared(composed.labels, stored, tuple(done[id(item)] for item in saved.objects))


def _compared(composed: NDArray[Any], stored: NDArray[Any] | None, done: tuple[Replayed, ...]) -> Replay:
    """Compare what came out with the label file, and put into that what came out otherwise."""
    if stored is None:
        return Replay(composed, done, 0, verified=False)
    labels, explained = stored.copy(), np.zeros(stored.shape, bool)
    for one in done:
        if one.mask is not None and not one.is_same:
            label = one.saved.label
            changed = (stored == label) | (composed == label)
            labels[changed] = composed[changed]
            explained |= changed
    by_hand = int(np.count_nonzero((stored != composed) & ~explained))
    return Replay(labels, done, by_hand, verified=True)


def _written(
    step: Step, outcome: Session | IsegError | None, composed: Composition, shape: tuple[int, ...]
) -> Replayed:
    """Write the answer on one plane: of the object's own prompts, or of those that corrected it there."""
    item, owner = step.asked, step.owner
    if item is None or outcome is None:
        return Replayed(owner, None, _no_prompts(owner))
    one = _judged(item, outcome)
    if one.mask is not None:
        composed.write(item, item.plane, one.mask)
    if item is not owner:
        return replace(one, saved=owner, planes=int(item.plane != owner.plane))
    kept = kept_planes(owner, shape)
    return replace(one, **_kept(owner, kept, composed, "nothing says how they were made", one.trouble))


def _filled(step: Step, composed: Composition, data: Any, load: Callable[[SavedObject], Predictor]) -> Replayed:
    """Fill planes again and write them; those that cannot be are kept as the label file has them."""
    item, making = step.owner, step.making
    known = composed.starts(step)
    trouble, found = "", None
    why = "the plane that they were made from was changed by hand"
    if known is not None and making is not None:
        try:
            found = fill(step, known, data, load)
        except IsegError as error:
            trouble = f"Object {item.label} cannot be made anew on {_in_words(step.planes)}: {error}"
    if found is None:
        return Replayed(item, None, **_kept(item, {p: step.plane(p) for p in step.planes}, composed, why, trouble))
    other = [
        place for place, fact in step.planes.items() if place not in found or mask_digest(found[place]) != fact.digest
    ]
    for place in step.planes:
        if place in found:
            composed.write(item, step.plane(place), found[place])
    if other:
        trouble = (
            f"Object {item.label} differs from the stored one on {_in_words(other)}: the same start gave another mask; "
            "another machine or version can round otherwise."
        )
    return Replayed(item, None, trouble, planes=len(step.planes))


def _kept(
    item: SavedObject, planes: Mapping[int, PlaneAddress], composed: Composition, why: str, trouble: str
) -> dict[str, Any]:
    """Take planes as the label file has them; say what is missing where there is none."""
    if planes and not composed.has_stored:
        without = f"Object {item.label} cannot be made anew on {_in_words(planes)}: {why}, and there is no label file."
        return {"trouble": trouble or without}
    for plane in planes.values():
        composed.keep(item, plane)
    return {"trouble": trouble, "kept": len(planes)}


def _with(first: Replayed, more: Replayed) -> Replayed:
    """Return what is known of an object after a further step of it."""
    # One sentence for each object: the first trouble explains those after it.
    return replace(
        first,
        trouble=first.trouble or more.trouble,
        other_weights=first.other_weights or more.other_weights,
        planes=first.planes + more.planes,
        kept=first.kept + more.kept,
    )


def _in_words(places: Iterable[int]) -> str:
    numbers = sorted(places)
    return f"plane {numbers[0]}" if len(numbers) == 1 else f"planes {', '.join(map(str, numbers))}"


def _judged(item: SavedObject, outcome: Session | IsegError) -> Replayed:
    """Say whether an object is the very one that was saved."""
    digest = weights_sha256(item.weights, item.method)
    other = item.weights_sha256 is not None and digest != item.weights_sha256
    if isinstance(outcome, Session):
        mask = outcome.mask.copy()
        if item.mask_sha256 in (None, mask_digest(mask)):
            return Replayed(item, mask, other_weights=other)
        why = (
            f"its weights {item.weights} are another file now"
            if other
            else "the same prompts gave another mask; another machine or version can round otherwise"
        )
        return Replayed(item, mask, f"Object {item.label} differs from the stored one: {why}.", other)
    return Replayed(item, None, f"Object {item.label} cannot be made anew: {outcome}", other)


def _no_prompts(item: SavedObject) -> str:
    return f"Object {item.label} has no prompts; its pixels are those of the label file."


def _type_for(saved: SavedSession, stored: NDArray[Any] | None) -> np.dtype[Any]:
    highest = max((item.label for item in saved.objects), default=0)
    if highest >= 2**32 or min((item.label for item in saved.objects), default=1) < 1:
        raise PromptError(f"Labels must lie in 1 to {2**32 - 1}; the session has others, so it is damaged.")
    needed = np.dtype(np.uint16 if highest < 2**16 else np.uint32)
    return needed if stored is None else np.promote_types(needed, stored.dtype)
