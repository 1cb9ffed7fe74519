"""The order of samples and the chance in every step, both functions of numbers: a run can go on from anywhere.

Nothing here has a state. Sample ``n`` of a run is always the same one, whoever draws it, and so is the chance of a
step; a checkpoint needs to hold no more than how many samples and steps were done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SampleNumbers", "seed_step"]

# Apart from the streams of samples, whose seeds have two numbers.
_STEPS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleNumbers:
    """The numbers of one process's samples, batch after batch, without end; a batch sampler for a data loader.

    Together the processes go through all numbers from ``start`` on, each once: the first batch is the first process's,
    the next one the second's, and after all have had theirs it is the first's turn again.

    Parameters
    ----------
    start
        The first number.
    batch
        Samples in a batch.
    rank, processes
        Which process this is, from 0, of how many.
    """

    start: int
    batch: int
    rank: int = 0
    processes: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        first = self.start + self.rank * self.batch
        while True:
            yield list(range(first, first + self.batch))
            first += self.processes * self.batch


def seed_step(seed: int, step: int, rank: int) -> np.random.Generator:
    """Make the chance of a step depend on the run's seed, the step and the process alone.

    Returns
    -------
    numpy.random.Generator
        For the step's clicks. PyTorch's own generators (dropout, stochastic depth) are seeded as well.
    """
    sequence = np.random.SeedSequence([seed, step, rank, _STEPS])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
    return np.random.default_rng(sequence)
