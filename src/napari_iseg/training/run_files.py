"""Files that a run keeps: its checkpoint, whole or not there, and the batch at which numbers ceased to be numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from napari_iseg.errors import IsegError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lightning_fabric import Fabric
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel

    from napari_iseg.training.card import RunCard
    from napari_iseg.training.recipe import Recipe
    from napari_iseg.training.watching import Position

__all__ = ["RunFiles", "read_checkpoint", "write_whole"]


class RunFiles:
    """The files of one run.

    Parameters
    ----------
    folder
        Where they are.
    recipe
        What is run.
    started_from
        Name or file of the weights that it starts from; None at random. A checkpoint that is read takes its place.

    Attributes
    ----------
    card
        What is written beside the weights whenever they are; None for nothing.
    """

    def __init__(self, folder: Path, recipe: Recipe, started_from: str | Path | None = None) -> None:
        self.folder = folder
        self.recipe = recipe
        self.started_from = None if started_from is None else Path(started_from).name
        self.card: RunCard | None = None

    @property
    def checkpoint(self) -> Path:
        """The file from which the run goes on."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The averaged weights."""
        return self.folder / f"{self.recipe.name}.safetensors"

    def save(
        self,
        network: nn.Module,
        average: AveragedModel,
        optimizer: Optimizer,
        position: Position,
        data: Sequence[str],
        inherited: Mapping[str, str],
    ) -> None:
        """Write the checkpoint and the averaged weights.

        Parameters
        ----------
        network, average, optimizer, position
            The run.
        data
            Names of what was trained on.
        inherited
            What the weights' head takes over from those that the run began with: terms and options; empty where
            there is nothing.

        Raises
        ------
        OSError
            If they cannot be written; those of before are still there.
        """
        # The chance and the order of samples are functions of the step and the samples done (``training.stream``).
        state = {
            "recipe": self.recipe.name,
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": position.step,
            "samples": position.samples,
            "elapsed": position.elapsed,
            "mean_loss": position.loss,
            "inherited": dict(inherited),
            "started_from": self.started_from,
        }
        write_whole(self.checkpoint, state)
        metadata = {
            "recipe": self.recipe.name,
            "method": self.recipe.method,
            "steps": str(position.step),
            "samples": str(position.samples),
            "seconds": f"{position.elapsed:.0f}",
            "data": ", ".join(data),
            **inherited,
        }
        try:
            self.recipe.family.save(self.weights, average.module, metadata)
        except (SafetensorError, OSError) as error:
            self.weights.with_name(self.weights.name + ".part").unlink(missing_ok=True)
            raise OSError(f"{self.weights.name} could not be written: {error}") from error
        if self.card is not None:
            self.card.write(
                self.weights, position, average.module, started_from=self.started_from, licence=inherited.get("licence")
            )

    def read_for_all(self, fabric: Fabric) -> dict[str, Any]:
        """Read the checkpoint in the first process and hand it to all: the other machines may not see the folder.

        Raises
        ------
        IsegError
            As :func:`read_checkpoint`, in all processes.
        """
        state: dict[str, Any] | IsegError | None = None
        if fabric.is_global_zero:
            try:
                state = read_checkpoint(self.checkpoint, self.recipe.name)
            except IsegError as error:
                state = error
        state = fabric.broadcast(state)
        if isinstance(state, dict):
            self.started_from = state.get("started_from", self.started_from)
            return state
        raise state or IsegError("The first process did not say what to resume from; start the run again.")

    def save_batches(
        self, batches: Sequence[Sequence[Tensor]], network: nn.Module, step: int, process: int | None
    ) -> str:
        """Write what a step could not learn from, with the weights it had; ``process`` is None for the only one.

        Returns
        -------
        str
            Where it is, as a part of a sentence.
        """
        of = "" if process is None else f"-process-{process}"
        file = self.folder / f"not-finite-step-{step}{of}.pt"
        content = {"step": step, "batches": [list(batch) for batch in batches], "network": network.state_dict()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
        except OSError as error:
            return f"the batch could not be saved ({error})"
        return f"the batch and the weights are in {file}"


def write_whole(path: Path, content: Any) -> None:
    """Write tensors and plain values so that the file is either the old one or the new one, whatever happens.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk; the old file is still there.
    """
    partial = path.with_suffix(".part")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            # Renamed before its content is on the disk, a power cut would leave an empty file under the good name.
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        # Half a file takes room that the next try needs.
        partial.unlink(missing_ok=True)
        # PyTorch's writer turns the system's error into one of its own.
        cause = error if isinstance(error, OSError) else error.__context__
        raise OSError(f"{path.name} could not be written: {cause or error}") from error


def read_checkpoint(path: Path, recipe: str) -> dict[str, Any]:
    """Read what a run goes on from.

    Parameters
    ----------
    path
        The file.
    recipe
        Name of the recipe that it must be of.

    Raises
    ------
    IsegError
        If there is no such file, it is damaged, or it is of another recipe.
    """
    if not path.is_file():
        raise IsegError(f"There is no checkpoint in {path.parent} to resume from; leave --resume out to start anew.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        named = state["recipe"]
    except Exception as error:
        raise IsegError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); leave --resume out to start anew."
        ) from error
    if named != recipe:
        raise IsegError(f"The checkpoint in {path.parent} is of the recipe {named!r}; choose another --output.")
    return state
