"""The training loop: one step draws clicks, answers them a few times over, and learns from every answer."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from napari_iseg.errors import IsegError
from napari_iseg.models.simpleclick import SimpleClick
from napari_iseg.training.data import Crops
from napari_iseg.training.initialisation import mimetic_attention_, sinusoidal_positions
from napari_iseg.training.lessons import make_lesson
from napari_iseg.training.rates import learning_rate, parameter_groups
from napari_iseg.training.starting import inherited_terms, start_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_iseg.training.data import Picture
    from napari_iseg.training.recipe import Recipe, Stage

__all__ = ["Progress", "Trainer", "build_network"]

log = logging.getLogger(__name__)

_SAVE_EVERY = 120.0
_CLIP = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for whoever shows it.

    Parameters
    ----------
    step
        Steps done.
    fraction
        Of the run that has passed.
    loss
        Running mean.
    size
        Present crop size in pixels.
    samples_per_second
        Over the whole run.
    """

    step: int
    fraction: float
    loss: float
    size: int
    samples_per_second: float


def build_network(recipe: Recipe) -> nn.Module:
    """Return the recipe's network at its random starting point; the caller has seeded torch."""
    network = recipe.family.build(recipe.network)
    if recipe.mimetic:
        if not isinstance(network, SimpleClick):
            raise IsegError("Only a plain vision transformer can start mimetic; leave 'mimetic' out of the recipe.")
        backbone = network.backbone
        with torch.no_grad():
            backbone.pos_embed.copy_(0.3 * sinusoidal_positions(backbone.grid, network.config.embed_dim)[None])
        for block in backbone.blocks:
            assert isinstance(block, Block)
            assert isinstance(block.attn, Attention)
            mimetic_attention_(block.attn.qkv, block.attn.proj, network.config.heads)
    return network


class Trainer:
    """One run of a recipe; it can stop at any moment and go on from its last checkpoint.

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
    seconds
        Length of the run; None for the recipe's, which may be in samples instead.
    weights
        Name or file of the weights to start from; None starts at random. What is trained from weights that are not
        for commercial use says so in its own file.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: dict[str, list[Picture]],
        output: Path,
        *,
        device: str = "cpu",
        seconds: float | None = None,
        weights: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.pictures = pictures
        self.output = output
        self.seconds = recipe.seconds if seconds is None else seconds
        self.step = 0
        self.samples = 0
        self.elapsed = 0.0
        self.mean_loss = 0.0
        torch.manual_seed(recipe.seed)
        self._rng = np.random.default_rng(recipe.seed)
        precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if _computes_in_bf16(device) else "32-true"
        self._fabric = Fabric(accelerator=device, devices=1, precision=precision)
        self._network = build_network(recipe)
        self._terms = inherited_terms(weights)
        if weights is not None:
            start_from(self._network, recipe, weights)
        optimizer = torch.optim.AdamW(parameter_groups(self._network, recipe), lr=0.0, betas=recipe.betas)
        self._lesson, self._optimizer = self._fabric.setup(make_lesson(self._network, recipe), optimizer)
        self._average = AveragedModel(self._network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))
        output.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """The file from which a run goes on."""
        return self.output / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The file that a finished run leaves."""
        return self.output / f"{self.recipe.name}.safetensors"

    def resume(self) -> None:
        """Go on from the last checkpoint.

        Raises
        ------
        IsegError
            If there is none, or it is of another recipe.
        """
        if not self.checkpoint.is_file():
            raise IsegError(
                f"There is no checkpoint in {self.output} to resume from; leave --resume out to start anew."
            )
        state = torch.load(self.checkpoint, map_location=self._fabric.device, weights_only=True)
        if state["recipe"] != self.recipe.name:
            raise IsegError(
                f"The checkpoint in {self.output} is of the recipe {state['recipe']!r}; choose another --output."
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.samples, self.elapsed = state["step"], state["samples"], state["elapsed"]
        self.mean_loss = state["mean_loss"]
        # A run that was begun from weights stays under their terms, whoever goes on with it.
        self._terms = state.get("terms", self._terms)
        # The stream of samples starts afresh: another seed, so that nothing is seen twice in the same order.
        self._rng = np.random.default_rng([self.recipe.seed, self.step])

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Path:
        """Train until the time is up, then write the weights.

        Returns
        -------
        Path
            Of the safetensors file, the running average of the weights in float16.
        """
        starts = [0.0, *(stage.until for stage in self.recipe.stages)]
        for (start, stop), stage in zip(pairwise(starts), self.recipe.stages, strict=True):
            if start <= self.fraction < stop:
                self._run_stage(stage, report)
        self.save()
        return self.weights

    def save(self) -> None:
        """Write the checkpoint and the present weights."""
        state: dict[str, Any] = {
            "recipe": self.recipe.name,
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "elapsed": self.elapsed,
            "mean_loss": self.mean_loss,
            "terms": self._terms,
        }
        partial = self.checkpoint.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.checkpoint)
        metadata = {
            "recipe": self.recipe.name,
            "method": self.recipe.method,
            "steps": str(self.step),
            "samples": str(self.samples),
            "seconds": f"{self.elapsed:.0f}",
            "data": ", ".join(sorted(self.pictures)),
            **self._terms,
        }
        self.recipe.family.save(self.weights, self._average.module, metadata)

    @property
    def fraction(self) -> float:
        """How much of the run has passed, from 0 to 1: by time, or by samples where that is the run's length."""
        if self.seconds is not None:
            return min(self.elapsed / self.seconds, 1.0)
        assert self.recipe.samples is not None
        return min(self.samples / self.recipe.samples, 1.0)

    def _run_stage(self, stage: Stage, report: Callable[[Progress], None]) -> None:
        batches = self._batches(stage)
        saved = clock = time.monotonic()
        while self.fraction < stage.until:
            loss = self._step(next(batches))
            now = time.monotonic()
            self.elapsed += now - clock
            clock = now
            self.step += 1
            self.samples += stage.batch
            self.mean_loss += (loss - self.mean_loss) * max(0.02, 1 / self.step)
            progress = Progress(self.step, self.fraction, self.mean_loss, stage.size, self.samples / self.elapsed)
            report(progress)
            # The last step of a stage too, so that a short run leaves a trace.
            if self.step % 20 == 0 or self.fraction >= stage.until:
                self._log(progress)
            if now - saved > _SAVE_EVERY:
                self.save()
                saved = now

    def _batches(self, stage: Stage) -> Iterator[tuple[Tensor, ...]]:
        crops = Crops(self.pictures, self.recipe.data, size=stage.shape, seed=self.recipe.seed + self.step)
        # On a CPU the network keeps every core busy; a worker would only take one away.
        workers = 0 if self._fabric.device.type == "cpu" else max((os.cpu_count() or 2) - 2, 1)
        loader = self._fabric.setup_dataloaders(DataLoader(crops, batch_size=stage.batch, num_workers=workers))
        assert not isinstance(loader, list)
        return iter(loader)

    def _step(self, batch: tuple[Tensor, ...]) -> float:
        # Label maps or alpha, as the recipe has the data bring them.
        rgb, target, *further = batch
        for group in self._optimizer.param_groups:
            # Checkpoints from before there were rates do not have them.
            group["lr"] = group.get("rate", 1.0) * learning_rate(self.recipe, self.fraction)
        loss, shown = self._lesson(rgb, target, self._rng, *further)
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        self._fabric.clip_gradients(self._lesson, self._optimizer, max_norm=_CLIP)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        return float(shown)

    def _log(self, progress: Progress) -> None:
        entry = {
            "step": progress.step,
            "seconds": round(self.elapsed, 1),
            "loss": round(progress.loss, 5),
            "size": progress.size,
            "samples_per_second": round(progress.samples_per_second, 2),
            "learning_rate": learning_rate(self.recipe, self.fraction),
        }
        with (self.output / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _computes_in_bf16(device: str) -> bool:
    """Whether the device has fast arithmetic in bfloat16."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return device == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
