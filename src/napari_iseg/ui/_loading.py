"""Load a method and say where it computes; runs in a worker, and only here does the window meet torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from napari_iseg.inference.predictor import Predictor

__all__ = ["Loaded", "load_method"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A method that is ready: its predictor and the device it computes on, in words."""

    predictor: Predictor
    device: str


def load_method(name: str) -> Loaded:
    """Load a method with its own weights.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    WeightsError
        If its weights are missing or unreadable.
    """
    _keep_triton_away_from_mesa()
    from napari_iseg.inference.opening import choose_device, make_predictor

    predictor = make_predictor(name)
    if find_method(name).family is None:
        return Loaded(predictor, "CPU")
    _leave_a_core_for_the_window()
    words = {"cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "GPU (Apple)"}
    return Loaded(predictor, words[choose_device("auto")])


def _keep_triton_away_from_mesa() -> None:
    """Make ``import triton`` fail where it would end the process.

    torchvision imports triton, if it is there. triton brings an LLVM of its own, and loading it into a process in which
    Mesa's OpenGL (software, AMD) has already loaded another ends in a segmentation fault. Nothing here needs triton.
    """
    maps = Path("/proc/self/maps")
    if "triton" not in sys.modules and maps.is_file() and "libLLVM" in maps.read_text(errors="replace"):
        sys.modules["triton"] = None  # type: ignore[assignment]


def _leave_a_core_for_the_window() -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
