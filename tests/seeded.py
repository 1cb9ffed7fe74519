"""Networks and images that are the same everywhere: made from seeds by numpy, so that no file has to be shipped."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from napari_iseg.models.simpleclick import SimpleClick, SimpleClickConfig

TINY = SimpleClickConfig(
    image_size=(64, 64),
    patch_size=(8, 8),
    embed_dim=24,
    depth=4,
    heads=2,
    neck_channels=(8, 12, 16, 20),
    head_channels=12,
)
WINDOWED = SimpleClickConfig(
    image_size=(448, 448),
    patch_size=(16, 16),
    embed_dim=24,
    depth=12,
    heads=2,
    neck_channels=(8, 12, 16, 20),
    head_channels=6,
    upsample=4,
)


def seeded_network(config: SimpleClickConfig, seed: int = 0) -> SimpleClick:
    """Return a network whose every weight depends on its name, its shape and the seed alone."""
    network = SimpleClick(config)
    state = {}
    for name, tensor in network.state_dict().items():
        rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
        values = rng.standard_normal(tuple(tensor.shape))
        if tensor.ndim > 1:
            values *= 1.3 / np.sqrt(np.prod(tensor.shape[1:]))
        else:
            values = 0.1 * values + (1.0 if name.endswith("weight") else 0.0)
        state[name] = torch.from_numpy(values.astype(np.float32))
    network.load_state_dict(state)
    return network.eval()


def seeded_image(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return (rows, columns, 3) uint8: a bright textured disc on a dark ground, off centre."""
    rng = np.random.Generator(np.random.PCG64([seed, 7]))
    row, column = np.mgrid[:rows, :columns]
    disc = np.hypot(row - 0.45 * rows, column - 0.55 * columns) < 0.25 * min(rows, columns)
    image = np.where(disc[..., None], (200, 150, 90), (40, 60, 50)) + rng.normal(0, 12, (rows, columns, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def seeded_clicks(rows: int, columns: int) -> list[tuple[float, float, bool]]:
    """Return five (row, column, positive) clicks, some fractional."""
    places = [(0.45, 0.55, True), (0.3, 0.52, True), (0.1, 0.1, False), (0.52, 0.61, True), (0.8, 0.4, False)]
    return [(round(a * rows, 2), round(b * columns, 2), positive) for a, b, positive in places]
