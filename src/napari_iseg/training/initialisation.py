"""Starting points for transformers that are trained from nothing on little compute."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["mimetic_attention_", "sinusoidal_positions"]


def sinusoidal_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Return (rows * columns, width) two-dimensional sine and cosine positions, half the width for each axis."""
    quarter = width // 4
    rates = 1.0 / 10000 ** (torch.arange(quarter) / quarter)
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    waves = [torch.outer(axis.flatten().float(), rates) for axis in (rows, columns)]
    parts = [function(wave) for wave in waves for function in (torch.sin, torch.cos)]
    positions = torch.cat(parts, dim=1)
    return torch.nn.functional.pad(positions, (0, width - positions.shape[1]))


def mimetic_attention_(qkv: nn.Linear, projection: nn.Linear, heads: int) -> None:
    """Initialise an attention layer to look like a trained one, in place.

    Trockman and Kolter, Mimetic Initialization of Self-Attention Layers, ICML 2023: queries and keys start correlated
    (0.7 I + 0.7 Z), values times projection start as 0.4 Z - 0.4 I.

    Parameters
    ----------
    qkv
        (3 D, D) weights, rows ordered query, key, value, then head.
    projection
        (D, D).
    heads
        Attention heads; D must divide.
    """
    width = projection.in_features
    size = width // heads
    identity = torch.eye(width)
    queries, keys = [], []
    for _ in range(heads):
        mixed = 0.7 * torch.randn(width, width) / math.sqrt(size) + 0.7 * identity
        left, values, right = torch.linalg.svd(mixed)
        root = values[:size].sqrt()
        queries.append((left[:, :size] * root).T)
        keys.append(right[:size] * root[:, None])
    left, values, right = torch.linalg.svd(0.4 * torch.randn(width, width) / math.sqrt(width) - 0.4 * identity)
    with torch.no_grad():
        qkv.weight[:width] = torch.cat(queries)
        qkv.weight[width : 2 * width] = torch.cat(keys)
        qkv.weight[2 * width :] = values.sqrt()[:, None] * right
        projection.weight.copy_(left * values.sqrt())
