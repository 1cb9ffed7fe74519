"""Chance for batches on a device: a few numbers from the host, which then never waits, and noise from the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["BatchChance"]


class BatchChance:
    """All that is random of a batch, a function of the generator that it begins with.

    Parameters
    ----------
    rng
        Draws which samples are changed and how much, on the host.
    device
        Where tensors are wanted; noise is drawn there.
    """

    def __init__(self, rng: np.random.Generator, device: torch.device) -> None:
        self.rng = rng
        self.device = device
        self.generator = torch.Generator(device)
        self.generator.manual_seed(int(rng.integers(2**62)))

    def hits(self, share: float, count: int) -> Tensor | None:
        """Return which of ``count`` samples are hit with a probability, (n,) int64; None for not one."""
        hit = (self.rng.random(count) < share).nonzero()[0]
        return self.tensor(hit) if len(hit) else None

    def between(self, low: float, high: float, count: int) -> Tensor:
        """Return (count, 1, 1, 1) float32, uniform."""
        return self.tensor(self.rng.uniform(low, high, (count, 1, 1, 1)).astype("float32"))

    def normal(self, *shape: int) -> Tensor:
        """Return float32 normal noise of a shape."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return an array on the device."""
        return torch.from_numpy(values).to(self.device, non_blocking=True)
