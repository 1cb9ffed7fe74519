"""Make the objects of a session file anew: the same prompts, answered in the same order, written in the same order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import IsegError, PromptError
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.mask_refinement import MaskRefinement
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.io.session_labels import mask_digest
from napari_iseg.planes import PlaneLook, SquarePixels
from napari_iseg.zoo.weights import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.io.session_file import SavedObject, SavedSession
    from napari_iseg.planes import PlaneAddress

__all__ = ["Replay", "Replayed", "remake", "replay"]


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
    """

    saved: SavedObject
    mask: NDArray[np.bool_] | None
    trouble: str = ""
    other_weights: bool = False

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


def remake(
    objects: Iterable[SavedObject],
    data: Any,
    load: Callable[[SavedObject], Predictor],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[SavedObject, Session | IsegError]]:
    """Give every object's prompts again, one object after the other.

    Parameters
    ----------
    objects
        With prompts.
    data
        The image's array, colours included.
    load
        Returns the predictor of an object: its method, weights and options.
    cancelled
        Asked between two objects; the rest is left out.

    Yields
    ------
    tuple
        The object, and its session with the answer or why there is none.
    """
    planes: dict[tuple[PlaneAddress, PlaneLook], NDArray[np.uint8]] = {}
    predictors: dict[Any, Predictor] = {}
    encoded: dict[tuple[Any, SquarePixels | None], EncodedImage] = {}
    for item in objects:
        if cancelled():
            return
        key = (item.method, item.weights, tuple(sorted(item.options.items())))
        try:
            if key not in predictors:
                predictors[key] = load(item)
            seen = (item.plane, PlaneLook.of_facts(item.facts))
            if seen not in planes:
                # Planes come one after the other; of earlier ones nothing is needed any more.
                planes, encoded = {seen: seen[1].rgb(item.plane.take(data))}, {}
            image = planes[seen]
            square = SquarePixels.of_facts(item.facts, (image.shape[0], image.shape[1]))
            predictor = on_square_pixels(predictors[key], square)
            encoding = encoded.setdefault((key, square), EncodedImage(image, predictor))
            session = Session(image, predictor, encoded=encoding)
            session.threshold = item.threshold
            session.refinement = MaskRefinement.of_facts(item.facts)
            session.resume(item.prompts, item.answered)
            session.compute()
        except IsegError as error:
            yield item, error
        else:
            yield item, session


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
    composed = np.zeros(saved.shape, _type_for(saved, stored))
    done: list[Replayed] = []
    sessions = remake([item for item in saved.objects if item.prompts], data, load)
    for item in saved.objects:
        one = _judged(item, next(sessions)[1]) if item.prompts else Replayed(item, None, _no_prompts(item))
        if one.mask is not None:
            there = item.plane.take_labels(composed)
            free = one.mask if item.overwrite else one.mask & (there == 0)
            composed[item.plane.mask_index(free)] = item.label
        done.append(one)
        told(one)
    if stored is None:
        return Replay(composed, tuple(done), 0, verified=False)
    labels, explained = stored.copy(), np.zeros(stored.shape, bool)
    for one in done:
        if one.mask is not None and not one.is_same:
            label = one.saved.label
            changed = (stored == label) | (composed == label)
            labels[changed] = composed[changed]
            explained |= changed
    by_hand = int(np.count_nonzero((stored != composed) & ~explained))
    return Replay(labels, tuple(done), by_hand, verified=True)


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
