"""The parts of a Mask2Former decoder: queries that look where their own masks are, and the head that reads them.

Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation, CVPR 2022, section 3.2.
AdaptiveClick and DISNet build their decoders from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["QueryAnswer", "QueryHead", "QueryLayer", "blocked_by_masks", "open_blocked_rows"]


class QueryAnswer(NamedTuple):
    """What the head reads from the queries.

    Attributes
    ----------
    class_logits
        (B, Q, classes).
    mask_logits
        (B, Q, h, w) at the mask features' resolution.
    """

    class_logits: Tensor
    mask_logits: Tensor


class QueryLayer(nn.Module):
    """Masked cross-attention, self-attention, feed-forward with ReLU; each added, then normed (post-norm).

    Parameters
    ----------
    width, heads, feedforward
        Channels, attention heads and hidden channels.
    """

    def __init__(self, width: int = 256, *, heads: int = 8, feedforward: int = 2048) -> None:
        super().__init__()
        self.heads = heads
        self.cross_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.cross_norm = nn.LayerNorm(width)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.self_norm = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, feedforward)
        self.linear2 = nn.Linear(feedforward, width)
        self.feedforward_norm = nn.LayerNorm(width)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.xavier_uniform_(weight)

    def forward(
        self, queries: Tensor, query_positions: Tensor, keys: Tensor, values: Tensor, blocked: Tensor | None
    ) -> Tensor:
        """Return the queries after one layer.

        Parameters
        ----------
        queries
            (B, Q, width).
        query_positions
            (Q, width) or (B, Q, width), added wherever queries are compared.
        keys, values
            (B, N, width): what is looked at, with and without its positions.
        blocked
            (B, Q, N) bool: True where a query must not look, the same for every head; no row may be all True.
            None blocks nothing.
        """
        mask = None if blocked is None else blocked.repeat_interleave(self.heads, dim=0)
        found, _ = self.cross_attention(queries + query_positions, keys, values, attn_mask=mask, need_weights=False)
        queries = self.cross_norm(queries + found)
        placed = queries + query_positions
        found, _ = self.self_attention(placed, placed, queries, need_weights=False)
        queries = self.self_norm(queries + found)
        return self.feedforward_norm(queries + self.linear2(torch.relu(self.linear1(queries))))


class QueryHead(nn.Module):
    """Reads a class and a mask from every query; one head serves all layers.

    Parameters
    ----------
    width
        Channels of the queries.
    mask_channels
        Of the mask features; None means ``width``.
    classes
        Logits per query.
    """

    def __init__(self, width: int = 256, *, mask_channels: int | None = None, classes: int = 2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.class_embed = nn.Linear(width, classes)
        self.mask_embed = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, mask_channels or width),
        )

    def forward(self, queries: Tensor, mask_features: Tensor) -> QueryAnswer:
        """Read (B, Q, width) queries against (B, mask_channels, h, w) features."""
        normed = self.norm(queries)
        masks = torch.einsum("bqc,bchw->bqhw", self.mask_embed(normed), mask_features)
        return QueryAnswer(self.class_embed(normed), masks)


def blocked_by_masks(mask_logits: Tensor, size: Sequence[int]) -> Tensor:
    """Return where queries must not look: outside their own masks.

    Parameters
    ----------
    mask_logits
        (B, Q, h, w).
    size
        (rows, columns) of the level that is looked at.

    Returns
    -------
    Tensor
        (B, Q, rows, columns) bool, without gradient; True where the resized mask's probability is below 0.5.
    """
    resized = functional.interpolate(mask_logits.detach(), size=list(size), mode="bilinear", align_corners=False)
    return torch.sigmoid(resized) < 0.5


def open_blocked_rows(blocked: Tensor) -> Tensor:
    """Return (B, Q, N) ``blocked`` with the rows that block everything opened: attention to nothing is undefined."""
    return blocked & ~blocked.all(dim=-1, keepdim=True)
