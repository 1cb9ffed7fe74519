"""What a run computes on, in words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from napari_iseg.evaluation.machine import processor_name
from napari_iseg.training.devices import computes_in_bf16

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["hardware_in_words"]


def hardware_in_words(fabric: Fabric) -> str:
    """Return the processors, how many cores and threads are used, the GPUs, and the arithmetic.

    Parameters
    ----------
    fabric
        The devices of the run.
    """
    there = os.cpu_count() or 1
    used = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    threads = torch.get_num_threads()
    parts = [f"{processor_name()}, {used} of {there} cores, {threads} {'thread' if threads == 1 else 'threads'}"]
    kind, processes = fabric.device.type, fabric.world_size
    if kind == "cuda":
        parts.append(f"{processes} x {torch.cuda.get_device_name(fabric.device)}")
    elif kind == "mps":
        parts.append("its GPU by Metal")
    elif processes > 1:
        parts.append(f"{processes} processes")
    parts.append("bfloat16" if computes_in_bf16(kind) else "float32, no bfloat16")
    return "; ".join(parts)
