"""From a device's name and a number of processes to Lightning Fabric: one CPU, or many GPUs on many machines."""

from __future__ import annotations

import os
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from napari_iseg.errors import OptionError

__all__ = ["agreed", "computes_in_bf16", "loader_workers", "open_fabric"]


def open_fabric(
    device: str = "cpu", *, devices: int | None = None, nodes: int | None = None, parts_at_rest: bool = False
) -> Fabric:
    """Open the devices that a run computes on, and join its other processes.

    A run on many machines is started by ``torchrun``, whose numbers are taken where none are given. Without it, the
    other processes of one machine are started here: each runs the same command.

    Parameters
    ----------
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    devices
        Processes on each machine, one to a GPU; None for as many as torchrun started, else 1.
    nodes
        Machines; None for torchrun's number, else 1.
    parts_at_rest
        Whether a step may leave parameters out; looking for them takes time.

    Raises
    ------
    OptionError
        If a number is not above 0, differs from torchrun's, or there are fewer GPUs.
    """
    launched = _launched()
    here = devices if devices is not None else (launched[0] if launched else 1)
    machines = nodes if nodes is not None else (launched[1] if launched else 1)
    if here < 1 or machines < 1:
        raise OptionError(f"A run needs at least one device on one machine; {here} on {machines} were given.")
    if launched and launched != (here, machines):
        raise OptionError(
            f"torchrun started {launched[0]} processes on each of {launched[1]} machines, but {here} devices on "
            f"{machines} were asked for; leave --devices and --nodes out."
        )
    if machines > 1 and not launched:
        raise OptionError(
            f"A run on {machines} machines is started by torchrun on each of them, as in: torchrun --nnodes={machines} "
            f"--nproc-per-node={here} --rdzv-backend=c10d --rdzv-endpoint=HOST:29500 -m napari_iseg train ..."
        )
    if device == "cuda" and here > torch.cuda.device_count():
        raise OptionError(f"{here} GPUs were asked for, but this machine has {torch.cuda.device_count()}.")
    many = here * machines > 1
    strategy: Any = DDPStrategy(find_unused_parameters=parts_at_rest) if many else "auto"
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if computes_in_bf16(device) else "32-true"
    fabric = Fabric(accelerator=device, devices=here, num_nodes=machines, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def loader_workers(processes: int) -> int:
    """Return how many workers of a data loader this process gets, of so many processes of the run altogether."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    return max((cores - 2) // here, 1)


def agreed(
    fabric: Fabric, loss: float, finite: bool, stopping: bool, elapsed: float
) -> tuple[float, bool, bool, float]:
    """Have all processes know the same of a step: one that left the loop alone would leave the others waiting for it.

    Returns
    -------
    tuple
        The mean loss, whether all are finite, whether any is stopping, and the first process's seconds.
    """
    if fabric.world_size == 1:
        return loss, finite, stopping, elapsed
    # One exchange a step.
    own = [loss, float(not finite), float(stopping), elapsed if fabric.is_global_zero else 0.0]
    total = fabric.all_reduce(torch.tensor(own, dtype=torch.float64, device=fabric.device), reduce_op="sum")
    summed, unfinite, stops, seconds = torch.as_tensor(total).tolist()
    return summed / fabric.world_size, not unfinite, bool(stops), seconds


def _launched() -> tuple[int, int] | None:
    """Return torchrun's processes on each machine and machines, None where this process is not of its making."""
    if not (torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()):
        return None
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here


def computes_in_bf16(device: str) -> bool:
    """Whether the device has fast arithmetic in bfloat16."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return device == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
