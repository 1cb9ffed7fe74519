"""SUEM copy-paste for a whole batch at once, on the device where it is; see ``training.copy_paste``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iseg.training.copy_paste import LEFT_OVER, TRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_iseg.training.copy_paste import CopyPaste

__all__ = ["PastePlan", "Pasted", "paste_batch", "plan_pasting"]


@dataclass(frozen=True, slots=True, eq=False)
class PastePlan:
    """Which samples of a batch take something from further crops.

    Parameters
    ----------
    simple, combined, mixed
        Places of the samples that are moved into another image, get or lose another object, and are mixed with another
        image: ascending int64, each of which needs one further crop.
    shares
        (number of further crops,) float32: how much of the sample's own shows, where that counts.
    modes
        Of ``combined``: 0 exclusion, 1 union, 2 region mix.
    """

    simple: np.ndarray
    combined: np.ndarray
    mixed: np.ndarray
    shares: np.ndarray
    modes: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """Which sample each further crop is for, in their order: simple, combined, mixed."""
        return np.concatenate([self.simple, self.combined, self.mixed])


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """Crops and what is the object in them.

    Parameters
    ----------
    rgb
        (B, 3, H, W) float32.
    inside, ignored
        (B, H, W) bool.
    """

    rgb: Tensor
    inside: Tensor
    ignored: Tensor

    def __getitem__(self, part: slice | Tensor) -> Pasted:
        return Pasted(self.rgb[part], self.inside[part], self.ignored[part])

    def put(self, where: Tensor, other: Pasted) -> Pasted:
        """Return these with others in some places."""
        return Pasted(
            self.rgb.index_copy(0, where, other.rgb),
            self.inside.index_copy(0, where, other.inside),
            self.ignored.index_copy(0, where, other.ignored),
        )


def plan_pasting(options: CopyPaste, chances: Sequence[np.random.Generator]) -> PastePlan:
    """Draw what happens to each sample of a batch, by its own generator and with the host's probabilities."""
    drawn = np.array([rng.random(3) for rng in chances]).reshape(-1, 3)
    simple, combined, mixed = (
        (drawn[:, way] < share).nonzero()[0] for way, share in enumerate((options.paste, options.paste, options.mix))
    )
    owners = np.concatenate([simple, combined, mixed])
    shares = np.array([chances[owner].random() / 2 + 0.5 for owner in owners.tolist()], np.float32)
    return PastePlan(
        simple, combined, mixed, shares, np.array([chances[owner].integers(3) for owner in combined.tolist()], int)
    )


def paste_batch(samples: Pasted, further: Pasted, plan: PastePlan) -> Pasted:
    """Change a batch as the plan says.

    Parameters
    ----------
    samples
        The batch.
    further
        The further crops, in the order of the plan's ``owners``, augmented as the samples are.
    plan
        For it.

    Returns
    -------
    Pasted
        The batch; what the plan leaves alone is as it was.
    """
    device = samples.rgb.device
    shares = torch.from_numpy(plan.shares).to(device)[:, None, None, None]
    first, second = len(plan.simple), len(plan.simple) + len(plan.combined)
    if len(plan.simple):
        where = torch.from_numpy(plan.simple).to(device)
        samples = samples.put(where, _simple(samples[where], further[:first], shares[:first]))
    if len(plan.combined):
        where, modes = torch.from_numpy(plan.combined).to(device), torch.from_numpy(plan.modes).to(device)
        part = slice(first, second)
        samples = samples.put(where, _combined(samples[where], further[part], shares[part], modes))
    if len(plan.mixed):
        where = torch.from_numpy(plan.mixed).to(device)
        own = samples[where]
        rgb = torch.lerp(further.rgb[second:], own.rgb, shares[second:])
        samples = samples.put(where, Pasted(rgb, own.inside, own.ignored))
    return samples


def _simple(own: Pasted, extra: Pasted, shares: Tensor) -> Pasted:
    """Move objects into other images, where they show with their share; nothing is left there to ignore."""
    rgb = torch.where(own.inside[:, None], torch.lerp(extra.rgb, own.rgb, shares), extra.rgb)
    return Pasted(rgb, own.inside, torch.zeros_like(own.ignored))


def _combined(own: Pasted, extra: Pasted, shares: Tensor, modes: Tensor) -> Pasted:
    """Paste another object over each, to its loss or its gain, or let it shine through."""
    # Where too little of the object would be left, another sample's crop is tried, as the host draws another one.
    chosen = torch.zeros(len(own.inside), dtype=torch.long, device=own.rgb.device)
    fits = torch.zeros_like(chosen, dtype=torch.bool)
    numbers = torch.arange(len(chosen), device=chosen.device)
    for attempt in range(min(TRIES, len(chosen))):
        candidate = (numbers + attempt) % len(chosen)
        left = (own.inside & ~extra.inside[candidate]).sum((1, 2))
        now = ~fits & (left > LEFT_OVER)
        chosen, fits = torch.where(now, candidate, chosen), fits | now
    other = extra[chosen]
    mode = modes[:, None, None]
    over = other.inside & fits[:, None, None]
    shown = torch.where((mode == 2)[:, None], torch.lerp(other.rgb, own.rgb, shares), other.rgb)
    inside = torch.where(mode == 0, own.inside & ~over, torch.where(mode == 1, own.inside | over, own.inside))
    ignored = torch.where(mode == 2, own.ignored, own.ignored & ~over)
    return Pasted(torch.where(over[:, None], shown, own.rgb), inside, ignored)
