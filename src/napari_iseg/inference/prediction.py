"""What a predictor answers: small patches of probabilities, where they lie, and what the next prompt must know of it.

A patch at the network's own resolution is a hundred times smaller than a probability map of a large image, so that
hundreds of undo steps fit in memory, and drawing it again gives the same bits every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from napari_iseg.errors import PromptError

if TYPE_CHECKING:
    from napari_iseg.inference.click_reach import Correction
    from napari_iseg.inference.objections import Objection

__all__ = ["Patch", "Prediction", "Proposal", "Region", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels of an image plane, half-open per axis."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start

    @property
    def slices(self) -> tuple[slice, slice]:
        """The two slices that cut this window out of an array."""
        return slice(self.row_start, self.row_stop), slice(self.column_start, self.column_stop)

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Window:
        """Return the window that covers a plane of ``shape`` (rows, columns)."""
        return cls(0, shape[0], 0, shape[1])

    def union(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        return Window(
            min(self.row_start, other.row_start),
            max(self.row_stop, other.row_stop),
            min(self.column_start, other.column_start),
            max(self.column_stop, other.column_stop),
        )

    def within(self, other: Window) -> Window:
        """Return where this window lies in what another one, which holds it, cuts out."""
        row, column = other.row_start, other.column_start
        return Window(self.row_start - row, self.row_stop - row, self.column_start - column, self.column_stop - column)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A set of pixels of a window, eight to a byte.

    Parameters
    ----------
    shape
        (rows, columns) of the window.
    bits
        The packed pixels, row by row.
    """

    shape: tuple[int, int]
    bits: np.ndarray = field(repr=False)

    @classmethod
    def pack(cls, mask: np.ndarray) -> Region:
        """Return the region of a mask, (rows, columns) bool."""
        bits = np.packbits(mask)
        bits.setflags(write=False)
        return cls((mask.shape[0], mask.shape[1]), bits)

    def unpack(self) -> np.ndarray:
        """Return the mask, (rows, columns) bool."""
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(self.bits, count=count).view(bool).reshape(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Probabilities over a window.

    Parameters
    ----------
    window
        Where they lie.
    values
        (h, w) float32 at any resolution; bilinear resizing, corners aligned, fits them to the window. Or (n,): the
        values at the pixels of ``region``, row by row.
    logits
        Whether the values are logits: the sigmoid is taken after resizing.
    region
        The pixels of the window that are painted; None paints all.

    Raises
    ------
    ValueError
        If a region of another shape than the window's is given, or values in a row come without a region.
    """

    window: Window
    values: np.ndarray = field(repr=False)
    logits: bool = False
    region: Region | None = None

    def __post_init__(self) -> None:
        if self.region is not None and self.region.shape != self.window.shape:
            raise ValueError(f"The region has the shape {self.region.shape}, the window {self.window.shape}.")
        if self.values.ndim != 2 and self.region is None:
            raise ValueError(f"Values of shape {self.values.shape} need a region that says where they lie.")
        self.values.setflags(write=False)

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.values.nbytes + (self.region.bits.nbytes if self.region is not None else 0)

    def paint(self, probability: np.ndarray) -> None:
        """Paint the probabilities into a map of the whole plane, (H, W) float32."""
        view = probability[self.window.slices]
        values = self._probabilities()
        if self.region is None:
            view[:] = values
        else:
            inside = self.region.unpack()
            view[inside] = values if values.ndim == 1 else values[inside]

    def _probabilities(self) -> np.ndarray:
        if not self.logits and (self.values.ndim == 1 or self.values.shape == self.window.shape):
            return self.values
        values = torch.from_numpy(self.values.copy())
        if values.ndim == 2 and self.values.shape != self.window.shape:
            values = functional.interpolate(
                values[None, None], size=self.window.shape, mode="bilinear", align_corners=True
            )[0, 0]
        return np.asarray(values.sigmoid() if self.logits else values)


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """One of several candidate masks for the same prompts.

    Parameters
    ----------
    patch
        Its probabilities; 0 outside.
    score
        How sure the method is of it, in [0, 1].
    box
        The box of the mask at probability 0.5.
    label
        A word for it ("part", "whole"), or nothing.
    answer
        What the answer becomes when it is chosen, where it came about another way than the answer that offers it; None
        where it is that answer with this mask.
    """

    patch: Patch
    score: float
    box: Window
    label: str = ""
    answer: Prediction | None = field(default=None, repr=False)

    def render(self, shape: tuple[int, int]) -> np.ndarray:
        """Return its probability map on a plane of ``shape``: (H, W) float32 in [0, 1]."""
        probability = np.zeros(shape, np.float32)
        self.patch.paint(probability)
        return probability


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One answer.

    Parameters
    ----------
    shape
        (rows, columns) of the image plane.
    patches
        Painted one over the other; the probability is 0 elsewhere.
    zoom
        The zoom-in region that the next click starts from, or None.
    forwards
        How many passes of the network this answer took.
    proposals
        Candidate masks to choose from, most likely first; usually none.
    chosen
        Which proposal is the answer; None where the answer is none of them.
    picked
        Whether somebody chose it, and not the method.
    matte
        Whether the probabilities are an alpha matte: the share of the object in each pixel.
    memory
        What the method itself wants to know of this answer at the next prompt. Never changed.
    raw
        What the method itself answered, where this is that answer cut anew
        (:mod:`napari_iseg.inference.graph_cut_refinement`): mattes and the next answer come of it. Else None.
    objections
        To which parts of earlier answers clicks object (:mod:`napari_iseg.inference.objections`).
    corrections
        How far the clicks that it answers speak (:mod:`napari_iseg.inference.click_reach`).
    reach
        Where it was looked whether pixels belong to finished objects, for this answer and those before it; None for
        nowhere.
    seconds
        How long it took.
    """

    shape: tuple[int, int]
    patches: tuple[Patch, ...] = ()
    zoom: Window | None = None
    forwards: int = 0
    proposals: tuple[Proposal, ...] = ()
    chosen: int | None = None
    picked: bool = False
    matte: bool = False
    memory: Any = field(default=None, repr=False)
    raw: Prediction | None = field(default=None, repr=False)
    objections: tuple[Objection, ...] = field(default=(), repr=False)
    corrections: tuple[Correction, ...] = field(default=(), repr=False)
    reach: Window | None = None
    seconds: float = 0.0

    @classmethod
    def single(cls, shape: tuple[int, int], window: Window, values: np.ndarray, **rest: Any) -> Prediction:
        """Return an answer of one patch of probabilities; ``rest`` are further fields."""
        return cls(shape=shape, patches=(Patch(window, values),), **rest)

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> Prediction:
        """Return the answer that a given mask is: (H, W), float probabilities in [0, 1], else object where above 0."""
        shape = (mask.shape[0], mask.shape[1])
        probability = mask if np.issubdtype(mask.dtype, np.floating) else mask > 0
        rows, columns = np.flatnonzero(probability.any(axis=1)), np.flatnonzero(probability.any(axis=0))
        if not len(rows):
            return cls(shape)
        # Only its own box: a history may hold thousands of small masks of a large plane.
        window = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        return cls.single(shape, window, probability[window.slices].astype(np.float32))

    @property
    def window(self) -> Window:
        """The smallest window that holds every patch; empty at the origin where there is none."""
        if not self.patches:
            return Window(0, 0, 0, 0)
        window = self.patches[0].window
        for patch in self.patches[1:]:
            window = window.union(patch.window)
        return window

    @property
    def nbytes(self) -> int:
        """Memory of the answer, ``raw`` and all proposals, in bytes; what the method itself remembers not counted."""
        answers = (self,) if self.raw is None else (self, self.raw)
        # A cut answer goes on using patches of the method's own.
        patches = {id(p): p for one in answers for p in (*one.patches, *(q.patch for q in one.proposals))}
        objections = sum(one.nbytes for one in self.objections)
        return sum(patch.nbytes for patch in patches.values()) + objections

    @property
    def alpha(self) -> np.ndarray | None:
        """The alpha matte, (H, W) float32 in [0, 1], or None where the method gives none."""
        return (self.raw or self).render() if self.matte else None

    def render(self) -> np.ndarray:
        """Return the probability map of the whole plane: (H, W) float32 in [0, 1]."""
        probability = np.zeros(self.shape, np.float32)
        for patch in self.patches:
            patch.paint(probability)
        return probability

    def choose(self, index: int) -> Prediction:
        """Return this answer with one of its proposals in place of it.

        Raises
        ------
        PromptError
            If there is no such proposal.
        """
        if not 0 <= index < len(self.proposals):
            have = f"there are {len(self.proposals)}, counted from 0" if self.proposals else "there are none"
            raise PromptError(f"There is no proposal {index}: {have}.")
        proposal = self.proposals[index]
        if proposal.answer is not None:
            return replace(proposal.answer, proposals=self.proposals, chosen=index, picked=True)
        return replace(self, patches=(proposal.patch,), chosen=index, picked=True, matte=False, raw=None)
