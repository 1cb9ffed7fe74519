"""From names to things: a method's name to its predictor, an image to a session."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import OptionError, WeightsError
from napari_iseg.inference.session import Session
from napari_iseg.inference.square_predictor import on_square_pixels
from napari_iseg.planes import SquarePixels, to_rgb
from napari_iseg.zoo import DEFAULT_METHOD, find_method, make_options
from napari_iseg.zoo.weights import best_options, find_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.models.families import Family
    from napari_iseg.zoo import Options

__all__ = ["change_options", "choose_device", "make_predictor", "open_session", "options_for", "resolve"]


def make_predictor(
    method: str = DEFAULT_METHOD,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> Predictor:
    """Load a method.

    Parameters
    ----------
    method
        A name of ``napari_iseg.METHODS``.
    weights
        A known name, a safetensors file of ours or a released ``.pth`` of this method; None for the method's own.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    options
        Predictor options to change, by name; the others are those that the weights are best at.

    Raises
    ------
    UnknownNameError
        If there is no such method or option.
    OptionError
        If an option or the device cannot be used.
    WeightsError
        If the weights cannot be read, or belong to another network.
    """
    spec = find_method(method)
    if spec.family is None and weights:
        raise WeightsError(f"The method {spec.name!r} has no weights; leave them out.")
    build: Callable[..., Predictor] = resolve(spec.predictor)
    chosen = options_for(method, weights, options)
    weights = weights or spec.weights
    if spec.family is None:
        return build(options=chosen)
    if weights is None:
        raise WeightsError(
            f"The method {spec.name!r} comes without weights of its own; give it some: Weights in the window, "
            "--weights on the command line, weights= in Python. 'napari-iseg weights list' says which there are."
        )
    family: Family = resolve(spec.family)
    path = find_weights(weights, spec.name)
    try:
        network = family.load(path)
    except WeightsError as error:
        raise WeightsError(f"{error}{_right_method(path, spec.name)}") from error
    return build(network.to(choose_device(device)), options=chosen)


def options_for(method: str, weights: str | Path | None = None, options: Mapping[str, Any] | None = None) -> Options:
    """Return the options that :func:`make_predictor` would use, without loading anything; raises what it does."""
    spec = find_method(method)
    weights = weights or spec.weights
    best = best_options(weights) if weights else {}
    return make_options(spec.options, {**best, **(options or {})})


def open_session(
    image: np.ndarray,
    method: str = DEFAULT_METHOD,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    pixel_size: Sequence[float] | None = None,
) -> Session:
    """Open a session on one image plane.

    Parameters
    ----------
    image
        (H, W) or (H, W, 3) array of any numeric dtype. Grey images are stretched between their 0.1st and 99.9th
        percentile unless they are uint8.
    method, weights, device, options
        As for :func:`make_predictor`.
    pixel_size
        Height and width of a pixel in one unit. Where they differ the method sees the plane resampled to square
        pixels; prompts and masks stay on the plane's own grid. None shows it as it is.

    Raises
    ------
    ImageError
        If the image is empty, one pixel small, not finite or of another shape.

    Examples
    --------
    >>> session = open_session(image)
    >>> session.add(Click(row=120, column=88))
    """
    pixels = to_rgb(image)
    square = SquarePixels.of((pixels.shape[0], pixels.shape[1]), pixel_size)
    predictor = make_predictor(method, weights=weights, device=device, options=options)
    return Session(pixels, on_square_pixels(predictor, square))


def change_options(predictor: Predictor, options: Options) -> Predictor:
    """Return a predictor of the same kind on the same network with other options.

    Raises
    ------
    OptionError
        If an option does not fit the network.
    """
    build: Callable[..., Predictor] = type(predictor)
    network = getattr(predictor, "network", None)
    return build(options=options) if network is None else build(network, options=options)


def choose_device(name: str = "auto") -> str:
    """Return the torch device for a name: ``"auto"`` takes CUDA, else MPS, else the CPU.

    Raises
    ------
    OptionError
        If the device asked for is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there.get(name, False):
        have = ", ".join(device for device, is_there in there.items() if is_there)
        raise OptionError(f"The device {name!r} is not available; this machine has {have}. Use --device auto.")
    return name


def _right_method(path: Path, method: str) -> str:
    """Return a sentence that names the method whose weights a file holds; empty if it is this one or none is known."""
    # Imported here: it opens sessions itself.
    from napari_iseg.inference.importing import methods_in

    try:
        methods = methods_in(path)
    except WeightsError:
        return ""
    return "" if method in methods else f" They are weights of {methods[0]}: use --method {methods[0]}."


def resolve(reference: str) -> Any:
    """Return the object that ``"module:name"`` names in the table of methods."""
    module, name = reference.split(":")
    return getattr(import_module(module), name)
