"""Load a method and say where it computes; runs in a worker, and only here does the window meet torch."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.ui._method_choice import MethodChoice
    from napari_iseg.zoo import Options

__all__ = ["ONE_AT_A_TIME", "Loaded", "load_method", "prepare_for_torch", "with_options"]


ONE_AT_A_TIME = threading.RLock()
"""Held while modules of torch, timm and our networks load: threads that load them at once meet half of them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A method that is ready: its predictor and the device it computes on, in words."""

    predictor: Predictor
    device: str


def load_method(choice: MethodChoice) -> Loaded:
    """Load a method with the weights and options that were chosen.

    Raises
    ------
    WeightsError
        If its weights are missing or unreadable.
    OptionError
        If an option does not fit the weights.
    """
    with ONE_AT_A_TIME:
        _keep_triton_away_from_mesa()
        from napari_iseg.inference.opening import choose_device, make_predictor

        predictor = make_predictor(choice.method, weights=choice.weights, options=dict(choice.changes))
        if find_method(choice.method).family is None:
            return Loaded(predictor, "CPU")
        prepare_for_torch()
        words = {"cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "GPU (Apple)"}
        return Loaded(predictor, words[choose_device("auto")])


def with_options(loaded: Loaded, options: Options) -> Loaded:
    """Return the same method at other options; the network is shared, not loaded again.

    Raises
    ------
    OptionError
        If an option does not fit the weights.
    """
    from napari_iseg.inference.opening import change_options

    return Loaded(change_options(loaded.predictor, options), loaded.device)


def prepare_for_torch() -> None:
    """Make torch ready in the way that does not harm the window, which keeps a core; to be called in a worker."""
    with ONE_AT_A_TIME:
        _keep_triton_away_from_mesa()
        # What every network is made of is loaded here, so that whoever goes on without the lock meets it whole.
        import timm  # noqa: F401
        import torch

        torch.set_num_threads(_cores_to_use())


@cache
def _cores_to_use() -> int:
    # Asked once: afterwards torch names the number that was set here.
    import torch

    return max(1, torch.get_num_threads() - 1)


def _keep_triton_away_from_mesa() -> None:
    """Make ``import triton`` fail where it would end the process.

    torchvision imports triton, if it is there. triton brings an LLVM of its own, and loading it into a process in which
    Mesa's OpenGL (software, AMD) has already loaded another ends in a segmentation fault. Nothing here needs triton.
    """
    maps = Path("/proc/self/maps")
    if "triton" not in sys.modules and maps.is_file() and "libLLVM" in maps.read_text(errors="replace"):
        sys.modules["triton"] = None  # type: ignore[assignment]
