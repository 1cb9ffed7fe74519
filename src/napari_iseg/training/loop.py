"""The training loop: one step draws clicks, answers them a few times over, and learns from every answer."""

from __future__ import annotations

import logging
import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_iseg.errors import IsegError
from napari_iseg.training.batches import open_batches
from napari_iseg.training.data import Crops
from napari_iseg.training.device_crops import fits_device
from napari_iseg.training.devices import agreed, open_fabric
from napari_iseg.training.length import RunLength
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.progress import Progress, RunLog
from napari_iseg.training.rates import learning_rate, load_optimizer, parameter_groups, running_average
from napari_iseg.training.run_files import RunFiles
from napari_iseg.training.settling import settle_norms
from napari_iseg.training.starting import inherited, start_from, start_parts_from
from napari_iseg.training.starting_point import build_network
from napari_iseg.training.stopping import StoppedError, StopRequest
from napari_iseg.training.stream import SampleNumbers, seed_step
from napari_iseg.training.watching import Position, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from napari_iseg.training.card import RunCard
    from napari_iseg.training.data import Picture
    from napari_iseg.training.held_back import HeldBack
    from napari_iseg.training.recipe import Recipe, Stage

__all__ = ["Progress", "Trainer", "build_network"]

log = logging.getLogger(__name__)

_SAVE_EVERY = 120.0
_LOG_EVERY = 20
_CLIP = 1.0


class Trainer:
    """One run of a recipe; it can stop, or be killed, at any moment and go on from its last checkpoint.

    A run whose length is in steps or samples gives the same weights then, bit for bit on a CPU, as one that was not
    interrupted, with the same number of processes.

    Parameters
    ----------
    recipe
        What to do.
    pictures
        What :func:`napari_iseg.training.data.load_pictures` returned.
    output
        Folder for ``checkpoint.pt``, ``log.jsonl`` and ``<name>.safetensors``.
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    seconds, steps, samples
        Length of the run; one of them at most, all None for the recipe's.
    fabric
        What :func:`napari_iseg.training.devices.open_fabric` returned, instead of ``device``; for many devices.
    held_back
        Held-back objects to look at during the run; None looks at none.
    save_every
        Seconds between checkpoints.
    device_data
        Whether images live on the device, where crops are cut and changed for a whole batch at once; None for wherever
        that is faster, on CUDA. Recipes that want more of a crop than that can do have it done on the host.
    weights
        Name or file of the weights to start from; None starts at random. What is trained from weights that are not
        for commercial use says so in its own file. Where a run goes on, its checkpoint takes their place.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: dict[str, list[Picture]],
        output: Path,
        *,
        device: str = "cpu",
        seconds: float | None = None,
        steps: int | None = None,
        samples: int | None = None,
        fabric: Fabric | None = None,
        held_back: HeldBack | None = None,
        save_every: float = _SAVE_EVERY,
        device_data: bool | None = None,
        weights: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.pictures = pictures
        self._files = RunFiles(output, recipe, weights or recipe.parts_from)
        self.length = RunLength.of({"seconds": seconds, "steps": steps, "samples": samples}) or recipe.length
        self.save_every = save_every
        self.step = self.samples = 0
        self.elapsed = self.mean_loss = 0.0
        torch.manual_seed(recipe.seed)
        self._fabric = fabric or open_fabric(device)
        self._on_device = fits_device(self._fabric.device, device_data)
        self._network = build_network(recipe)
        self._inherited = inherited(weights, recipe.parts_from)
        if weights is not None:
            start_from(self._network, recipe, weights)
        elif recipe.parts_from is not None:
            start_parts_from(self._network, recipe.parts_from)
        if self._fabric.device.type in ("cpu", "cuda"):
            # Convolutions are up to twice as fast with a pixel's channels side by side; on MPS that gave wrong results.
            self._network.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(parameter_groups(self._network, recipe), lr=0.0, betas=recipe.betas)
        self._lesson, self._optimizer = self._fabric.setup(make_lesson(self._network, recipe), optimizer)
        # Buffers too: statistics of norms that are those of the present weights make nothing of averaged ones.
        average = running_average(recipe.ema)
        self._average = AveragedModel(self._network, multi_avg_fn=average, use_buffers=True)
        if self._fabric.is_global_zero:
            output.mkdir(parents=True, exist_ok=True)
        self._watch = Watch(held_back, RunLog(output) if self._fabric.is_global_zero else None)
        self._start_clocks()

    @property
    def checkpoint(self) -> Path:
        """The file from which a run goes on."""
        return self._files.checkpoint

    @property
    def weights(self) -> Path:
        """The file that a finished run leaves."""
        return self._files.weights

    @property
    def fraction(self) -> float:
        """How much of the run has passed, in [0, 1]."""
        return self.length.fraction(seconds=self.elapsed, steps=self.step, samples=self.samples)

    @property
    def _position(self) -> Position:
        return Position(self.step, self.samples, self.elapsed, self.fraction, self.mean_loss)

    def keep_card(self, card: RunCard) -> None:
        """Have a card written beside the weights, whenever these are."""
        self._files.card = card

    def resume(self) -> None:
        """Go on from the last checkpoint.

        Raises
        ------
        IsegError
            If there is none, or it is of another recipe.
        """
        state = self._files.read_for_all(self._fabric)
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        load_optimizer(self._optimizer, state["optimizer"])
        self.step, self.samples, self.elapsed = state["step"], state["samples"], state["elapsed"]
        self.mean_loss = state["mean_loss"]
        self._watch.forget_after(self.step)
        # A run that was begun from weights stays under their terms, whoever goes on with it.
        self._inherited = state["inherited"] if "inherited" in state else state.get("terms", {})

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Path:
        """Train to the end of the run, then write the weights.

        Returns
        -------
        Path
            Of the safetensors file, the running average of the weights in float16.

        Raises
        ------
        StoppedError
            If Ctrl-C or SIGTERM came; what was done is saved.
        IsegError
            If the loss is no number any more, or the weights cannot be written at the end.
        """
        starts = [0.0, *(stage.until for stage in self.recipe.stages)]
        self._start_clocks()
        try:
            with StopRequest() as request:
                for (start, stop), stage in zip(pairwise(starts), self.recipe.stages, strict=True):
                    if start <= self.fraction < stop:
                        self._run_stage(stage, report, request)
        finally:
            self._watch.close()
        if self._fabric.is_global_zero:
            settle_norms(
                self._average.module, self.recipe, self._batches(self.recipe.stages[-1]), self._fabric, step=self.step
            )
            try:
                self.save()
            except OSError as error:
                raise IsegError(
                    f"The run is done, but {error}; make room for it, then run the same command with "
                    "--resume, which repeats what came after the last checkpoint."
                ) from error
        self._fabric.barrier()
        return self.weights

    def save(self) -> None:
        """Write the checkpoint and the present weights.

        Raises
        ------
        OSError
            If they cannot be written; those of before are still there.
        """
        data = sorted(self.pictures)
        self._files.save(self._network, self._average, self._optimizer, self._position, data, self._inherited)

    def _start_clocks(self) -> None:
        self._clock = self._saved = time.monotonic()
        self._watch.start(self.elapsed, self.fraction)

    def _run_stage(self, stage: Stage, report: Callable[[Progress], None], request: StopRequest) -> None:
        batches = self._batches(stage)
        while self.fraction < stage.until:
            loss, stopping = self._step(batches, request)
            self.step += 1
            self.samples += stage.batch * self.recipe.accumulate * self._fabric.world_size
            self.mean_loss += (loss - self.mean_loss) * max(0.02, 1 / self.step)
            if self._fabric.is_global_zero:
                self._tell(stage, report, request)
            if stopping:
                self._stop(request)
            if self._fabric.is_global_zero and time.monotonic() - self._saved > self.save_every:
                self._save_or_warn()

    def _batches(self, stage: Stage) -> Iterator[tuple[Tensor, ...]]:
        fabric = self._fabric
        crops = Crops(self.pictures, self.recipe.data, size=stage.shape, seed=self.recipe.seed)
        numbers = SampleNumbers(
            start=self.samples, batch=stage.batch, rank=fabric.global_rank, processes=fabric.world_size
        )
        return open_batches(crops, numbers, fabric, on_device=self._on_device)

    def _step(self, batches: Iterator[tuple[Tensor, ...]], request: StopRequest) -> tuple[float, bool]:
        """Learn from one batch, or several, and return the loss as it compares and whether to stop."""
        rate, parts = learning_rate(self.recipe, self.fraction), self.recipe.accumulate
        for group in self._optimizer.param_groups:
            group["lr"] = group["rate"] * rate
        self._optimizer.zero_grad()
        seen, losses = [self._watch.waiting_for(batches) for _ in range(parts)], []
        # After the batches are there: a data loader draws from PyTorch's chance where it begins, as after a resume.
        rng = seed_step(self.recipe.seed, self.step, self._fabric.global_rank)
        for part, (rgb, target, *rest) in enumerate(seen):
            with self._fabric.no_backward_sync(self._lesson, enabled=part + 1 < parts):
                loss, shown = self._lesson(rgb, target, rng, *rest)
                self._fabric.backward(loss / parts)
            losses.append(shown.detach().double())
        norm = self._fabric.clip_gradients(self._lesson, self._optimizer, max_norm=_CLIP, error_if_nonfinite=False)
        mean = torch.stack(losses).mean()
        finite = bool(mean.isfinite()) and (norm is None or bool(norm.isfinite()))
        everyone = self._agree(float(mean), finite, request)
        if not everyone[1]:
            self._give_up(seen, rate)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        return everyone[0], everyone[2]

    def _agree(self, loss: float, finite: bool, request: StopRequest) -> tuple[float, bool, bool]:
        """Return (mean loss, whether all are finite, whether to stop) of all processes, and agree on the time."""
        now = time.monotonic()
        self.elapsed += now - self._clock
        self._clock = now
        stopping = request.number is not None
        mean, finite, stopping, self.elapsed = agreed(self._fabric, loss, finite, stopping, self.elapsed)
        return mean, finite, stopping

    def _give_up(self, batches: list[tuple[Tensor, ...]], rate: float) -> NoReturn:
        """Save what the step was about to learn from, with the weights it had, and end the run."""
        process = self._fabric.global_rank if self._fabric.world_size > 1 else None
        told = self._files.save_batches(batches, self._network, self.step, process)
        raise IsegError(
            f"The loss or its gradient is no finite number at step {self.step}, at a learning rate of {rate:.3g}; "
            f"{told}. Look at its images, or lower the recipe's learning_rate, then go on with --resume."
        )

    def _tell(self, stage: Stage, report: Callable[[Progress], None], request: StopRequest) -> None:
        """Look at held-back objects where it is time to, report and log."""
        looked = self._watch.look(self.elapsed, self._average.module, lambda: request.number is not None)
        progress = self._watch.progress(self._position, stage.size)
        report(progress)
        # The last step of a stage too, so that a short run leaves a trace.
        if looked or self.step % _LOG_EVERY == 0 or self.fraction >= stage.until:
            self._watch.write(self._position, progress, learning_rate(self.recipe, self.fraction), looked=looked)

    def _save_or_warn(self) -> bool:
        """Save; on a full disk go on with the last good checkpoint."""
        try:
            self.save()
            return True
        except OSError as error:
            log.warning("%s; the run goes on, and the last good checkpoint stays.", error)
            return False
        finally:
            self._saved = time.monotonic()

    def _stop(self, request: StopRequest) -> NoReturn:
        saved = self._save_or_warn() if self._fabric.is_global_zero else True
        self._fabric.barrier()
        told = "saved" if saved else "but not saved: the last good checkpoint is older"
        raise StoppedError(
            f"Stopped at step {self.step}, {self.fraction:.0%} of the run, {told}. The same command with --resume goes "
            f"on from {self.checkpoint}.",
            request.number or int(signal.SIGTERM),
        )
