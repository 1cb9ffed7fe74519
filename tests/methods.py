"""Every method of the table, ready to answer: with its own weights, else its tiny network with seeded weights."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_iseg.inference.opening import make_predictor, resolve
from napari_iseg.zoo import METHODS, make_options

if TYPE_CHECKING:
    from torch import nn

    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.models.families import Family

NETWORK_METHODS = [name for name, spec in METHODS.items() if spec.family is not None]
FAMILIES: dict[str, Family] = {spec.family: resolve(spec.family) for spec in METHODS.values() if spec.family}
# Each family's smallest configuration, and FocalClick's other backbone.
SMALL: list[tuple[str, Family, Any]] = [(family.name, family, family.configs["tiny"]) for family in FAMILIES.values()]
SMALL += [
    (
        "FocalClick-HRNet",
        family,
        replace(family.configs["tiny"], backbone="hrnet", width=4, ocr_width=8, small=True, stem_width=16),
    )
    for family in FAMILIES.values()
    if family.name == "FocalClick"
]
SIZES = ((64, 64), (64, 96), (128, 128), (128, 96), (128, 192), (224, 224), (224, 448), (256, 256), (256, 320))


def seed_weights(network: nn.Module, seed: int = 0) -> None:
    """Give a network weights that depend on their names, their shapes and the seed alone."""
    state = {}
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
        values = rng.standard_normal(tuple(tensor.shape))
        if name.endswith("running_var"):
            values = 1 + 0.1 * np.abs(values)
        elif tensor.ndim > 1:
            values *= 1.3 / np.sqrt(np.prod(tensor.shape[1:]))
        else:
            values = 0.1 * values + (1.0 if name.endswith("weight") else 0.0)
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape)
    network.load_state_dict(state, strict=False)


def tiny_network(family: Family, seed: int = 0, config: Any = None) -> Any:
    """Return a family's smallest network, or a given one, with seeded weights, in evaluation mode."""
    network = family.build(config or family.configs["tiny"])
    seed_weights(network, seed)
    return network.eval()


def tiny_predictor(method: str, **options: Any) -> Predictor:
    """Return a method on its smallest network with seeded weights, at its own options but for those given."""
    spec = METHODS[method]
    chosen = make_options(spec.options, options)
    if spec.family is None:
        return resolve(spec.predictor)(options=chosen)  # type: ignore[no-any-return]
    fitting = {"target_size": 0} if hasattr(chosen, "target_size") and "target_size" not in options else {}
    network = tiny_network(FAMILIES[spec.family])
    return resolve(spec.predictor)(network, options=make_options(chosen, fitting))  # type: ignore[no-any-return]


def any_predictor(method: str, **options: Any) -> Predictor:
    """Return a method with its own weights where it has some, else on its smallest network."""
    if method == "graph-cut":
        pytest.importorskip("maxflow", reason="PyMaxflow, the extra graph-cut, is not installed")
    if METHODS[method].family is None or METHODS[method].weights is not None:
        return make_predictor(method, options=options)
    return tiny_predictor(method, **options)


def sizes_of(config: Any) -> list[tuple[int, int]]:
    """Return two sizes that a configuration accepts: a square and one that is not."""
    accepts = getattr(config, "accepts", lambda size: all(side % 32 == 0 for side in size))
    fitting = [size for size in SIZES if accepts(size)]
    square = next(size for size in fitting if size[0] == size[1])
    oblong = next(size for size in fitting if size[0] != size[1])
    return [square, oblong]
