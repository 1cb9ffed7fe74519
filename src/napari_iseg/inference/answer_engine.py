"""What answers a session's prompts: its predictor asked, and the answer merged with, or cut along, what there was."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_iseg.errors import PromptError
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.square_predictor import SquarePredictor
from napari_iseg.interactions.prompts import Choice, Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iseg.inference.prediction import Prediction
    from napari_iseg.interactions import Prompt
    from napari_iseg.zoo import Options

__all__ = ["AnswerEngine", "asks_for_finished", "spares_finished"]


def asks_for_finished(options: Options) -> bool:
    """Whether a method with these options looks at what is finished (``spare_finished``, with ``graph_cut``)."""
    return bool(getattr(options, "graph_cut", False) and getattr(options, "spare_finished", False))


def spares_finished(prompts: Sequence[Prompt]) -> bool:
    """Whether an answer to prompts spares what is finished: not where a mask was given, which says what there is."""
    return not any(isinstance(prompt, MaskPrompt) for prompt in prompts)


class AnswerEngine:
    """A predictor together with one image.

    Parameters
    ----------
    image
        The image with its predictor; its encoding may be shared with other sessions.
    finished
        (H, W) bool, pixels of finished objects, or None; only the cut along edges asks for them, and not where a mask
        is among the prompts.
    """

    def __init__(self, image: EncodedImage, finished: NDArray[np.bool_] | None = None) -> None:
        self.predictor = image.predictor
        self._pixels = image.image
        self._image: EncodedImage | None = image
        self._finished = finished
        # Where it has been released, what mattered of it.
        self._rest: tuple[tuple[slice, slice], NDArray[np.bool_]] | None = None
        self._lock = threading.Lock()

    def predict(
        self, prompts: tuple[Prompt, ...], previous: Prediction | None, cancelled: Callable[[], bool]
    ) -> Prediction:
        """Answer a session's prompts; may be called in any thread.

        Parameters
        ----------
        prompts
            Oldest first, at least one; the answer is to the newest.
        previous
            The answer that the newest was given to, None for none.
        cancelled
            Asked before each pass of a network and each cut.

        Raises
        ------
        CancelledError
            If ``cancelled()`` became True.
        PromptError
            If a choice has nothing to choose from, or the method does not understand a prompt.
        """
        # One pass at a time: a void request may still be running when the next one starts.
        with self._lock:
            if cancelled():
                raise CancelledError
            if isinstance(prompts[-1], Choice):
                if previous is None:
                    raise PromptError("There are no proposals to choose from yet; click the object first.")
                return previous.choose(prompts[-1].index)
            answer = self._answer(prompts, previous, cancelled)
            if previous is not None and previous.reach is not None:
                reach = previous.reach if answer.reach is None else answer.reach.union(previous.reach)
                return replace(answer, reach=reach)
            return answer

    def _answer(
        self, prompts: tuple[Prompt, ...], previous: Prediction | None, cancelled: Callable[[], bool]
    ) -> Prediction:
        # Imported late: these bring torch, and a window paints its dock before it has loaded that.
        from napari_iseg.inference.first_crop import answer_at_scales, wants_scales
        from napari_iseg.inference.graph_cut_refinement import with_graph_cut
        from napari_iseg.inference.mask_click import with_mask_click
        from napari_iseg.inference.merging import keeps_mask, merged
        from napari_iseg.inference.prediction import Prediction

        newest = prompts[-1]
        if isinstance(newest, MaskPrompt) and newest.keep:
            return Prediction.from_mask(newest.mask)
        given = tuple(prompt for prompt in prompts if not isinstance(prompt, Choice))
        encoding, first = self.image.encoding(), given[0]
        if isinstance(first, Click) and wants_scales(given, previous, self.predictor.options):
            # Not cut: each proposal is another answer with its own memory, and the next click is.
            return answer_at_scales(
                lambda click: self.predictor.predict(encoding, (click,), None, cancelled=cancelled),
                first,
                (self._pixels.shape[0], self._pixels.shape[1]),
                self.predictor.square.aspect if isinstance(self.predictor, SquarePredictor) else (1.0, 1.0),
            )
        options = self.predictor.options
        own = previous.raw if previous is not None and previous.raw is not None else previous
        asked = with_mask_click(given) if getattr(options, "mask_click", False) else given
        answer = self.predictor.predict(encoding, asked, own, cancelled=cancelled)
        if previous is not None and not isinstance(newest, MaskPrompt) and keeps_mask(given):
            return merged(answer, previous, newest, options.threshold)
        # A mask that was given and taken as it is took no pass of a network.
        if getattr(options, "graph_cut", False) and answer.forwards:
            return with_graph_cut(
                answer,
                self.image.seen,
                prompts,
                options.threshold,
                previous=previous,
                split_off=bool(getattr(options, "split_off", False)),
                wide_clicks=bool(getattr(options, "wide_clicks", False)),
                finished=self.finished if spares_finished(prompts) else None,
                levels=self.image.cut_levels,
                cancelled=cancelled,
            )
        return answer

    @property
    def image(self) -> EncodedImage:
        """The image with its encoding; a new one, not encoded yet, after :meth:`release`."""
        encoded = self._image
        if encoded is None:
            encoded = self._image = EncodedImage(self._pixels, self.predictor)
        return encoded

    @property
    def finished(self) -> NDArray[np.bool_] | None:
        """(H, W) bool, pixels of finished objects; after :meth:`release` those that mattered."""
        if self._finished is None and self._rest is not None:
            where, kept = self._rest
            finished = np.zeros(self._pixels.shape[:2], bool)
            finished[where] = kept
            return finished
        return self._finished

    @finished.setter
    def finished(self, finished: NDArray[np.bool_] | None) -> None:
        self._finished, self._rest = finished, None

    def release(self, where: tuple[slice, slice] | None) -> None:
        """Let go of the encoding, and of finished pixels but ``where`` they mattered."""
        # A request that is running keeps what it works with.
        self._image = None
        if self._finished is not None:
            self._rest = None if where is None else (where, self._finished[where].copy())
            self._finished = None
