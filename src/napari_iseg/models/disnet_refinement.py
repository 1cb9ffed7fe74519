"""DISNet's second stage: the chosen proposal corrected by every click (Dual-attentional Mask Correction, section 3.3).

Interactive Segmentation by Considering First-Click Intentional Ambiguity (DISNet), draft for ACM Multimedia 2024. No
code was released: equations are the paper's, everything that they leave open is our choice.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models.deformable import sine_encoding, sine_positions
from napari_iseg.models.disnet_guidance import ClickedFeatures

if TYPE_CHECKING:
    from napari_iseg.models.disnet import DISNetConfig

__all__ = [
    "ClickEncoder",
    "ClickSet",
    "FirstClickGuidance",
    "MaskedClickAttention",
    "Perceptron",
    "Refinement",
    "decay_maps",
    "first_positive",
]

# Keeps log(M) and log(1 - M) finite where a proposal is certain.
_CERTAIN = 1e-6


class ClickSet(NamedTuple):
    """Clicks of a batch, split by their part in the guidance.

    Parameters
    ----------
    places
        (B, 2n, 2) row and column in pixels of the network's input.
    first, positive, negative
        (B, 2n) bool: the first positive click, the other positive clicks, the negative clicks. Unused rows are in none.
    """

    places: Tensor
    first: Tensor
    positive: Tensor
    negative: Tensor


def first_positive(points: Tensor) -> ClickSet:
    """Split clicks into the first positive one, the other positive ones and the negative ones.

    Parameters
    ----------
    points
        (B, 2n, 3): n positive rows, then n negative, each (row, column, order); a row with both coordinates negative
        is unused. The first click is the positive one of the lowest order, among equals the one that stands first.
    """
    batch, doubled, _ = points.shape
    used = torch.maximum(points[..., 0], points[..., 1]) >= 0
    is_positive = torch.arange(doubled, device=points.device) < doubled // 2
    rank = points[..., 2] * doubled + torch.arange(doubled, device=points.device)
    rank = rank.masked_fill(~(used & is_positive), float("inf"))
    first = torch.zeros(batch, doubled, dtype=torch.bool, device=points.device)
    first = first.scatter(1, rank.argmin(dim=1, keepdim=True), True) & used & is_positive
    return ClickSet(points[..., :2], first, used & is_positive & ~first, used & ~is_positive)


def decay_maps(
    clicks: ClickSet, shape: tuple[int, int], stride: tuple[float, float], *, first_radius: float, other_radius: float
) -> tuple[Tensor, Tensor]:
    """Return G of the positive and of the negative clicks (equation 5).

    Parameters
    ----------
    clicks
        The clicks.
    shape
        (h, w) of the maps.
    stride
        Input pixels to a cell, down and across; a cell's centre is where its pixels' centres have theirs.
    first_radius, other_radius
        r0 in input pixels of the first click and of all others. Where radii differ, a cell takes the largest value that
        any click gives it, which for equal radii is equation 5.

    Returns
    -------
    tuple of Tensor
        Two (B, h, w): 1 at a click, falling linearly to 0 at r0, 0 everywhere without a click.
    """
    rows = (torch.arange(shape[0], device=clicks.places.device, dtype=clicks.places.dtype) + 0.5) * stride[0] - 0.5
    columns = (torch.arange(shape[1], device=clicks.places.device, dtype=clicks.places.dtype) + 0.5) * stride[1] - 0.5
    down = (rows - clicks.places[..., :1]).square()
    across = (columns - clicks.places[..., 1:]).square()
    distance = (down[..., :, None] + across[..., None, :]).sqrt()
    radius = torch.where(clicks.first, first_radius, other_radius)[..., None, None]
    nearness = (1 - distance / radius).clamp(min=0)
    positive = (clicks.first | clicks.positive)[..., None, None]
    negative = clicks.negative[..., None, None]
    return (nearness * positive).amax(dim=1), (nearness * negative).amax(dim=1)


class Perceptron(nn.Sequential):
    """Linear layers with ReLU between them, all hidden ones of one width."""

    def __init__(self, *widths: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        super().__init__(*layers[:-1])


class ClickEncoder(nn.Module):
    """Enc1D: what a click is and where, as a vector (section 3.3, first-click guidance).

    The sine features of its place (as of pixels counted from 1) plus one learned vector for its sign.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.sign = nn.Parameter(torch.randn(2, width) * 0.02)

    def forward(self, clicks: ClickSet, size: tuple[int, int]) -> Tensor:
        """Return (B, 2n, D) for clicks in an input of ``size`` (rows, columns); 0 in unused rows."""
        unit = (clicks.places + 1) / clicks.places.new_tensor(size)
        positive = (clicks.first | clicks.positive)[..., None]
        used = positive | clicks.negative[..., None]
        return (sine_encoding(unit, self.width) + torch.where(positive, self.sign[0], self.sign[1])) * used


class MaskedClickAttention(nn.Module):
    """The mask token gathers features near the clicks, within the proposal and outside it (equations 4 to 8).

    There is one query, so the query is projected into the space of the features instead of 12,544 keys and values into
    the space of the query: the same numbers for a thirtieth of the work.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.ffn = Perceptron(width, hidden, width)
        self.ffn_norm = nn.LayerNorm(width)

    def forward(self, token: Tensor, features: Tensor, mask: Tensor, near: tuple[Tensor, Tensor]) -> Tensor:
        """Return the token after attention and feed-forward network.

        Parameters
        ----------
        token
            (B, 1, D).
        features
            (B, D, h, w).
        mask
            (B, 1, h, w) probabilities strictly between 0 and 1.
        near
            G of the positive and of the negative clicks, each (B, h, w).
        """
        scores = self.scores(token, features)
        gathered = self.gather(scores, features, mask, near[0]) + self.gather(scores, features, 1 - mask, near[1])
        token = self.norm(token + self.out(gathered))
        return self.ffn_norm(token + self.ffn(token))

    def gather(self, scores: Tensor, features: Tensor, mask: Tensor, near: Tensor) -> Tensor:
        """Return Z of one sign, (B, 1, D): equation 7, or with ``1 - mask`` equation 8."""
        weights = torch.softmax(scores * near.flatten(1)[:, None] + mask.flatten(2).log(), dim=-1)
        pooled = weights @ features.flatten(2).transpose(1, 2)
        matrix = self.value.weight.unflatten(0, (self.heads, -1))
        values = torch.einsum("bhd,hed->bhe", pooled, matrix).flatten(1)[:, None]
        return values + self.value.bias

    def scores(self, token: Tensor, features: Tensor) -> Tensor:
        """Return Q K^T / sqrt(d_h): (B, heads, h w)."""
        batch, width, rows, columns = features.shape
        query = self.query(token).reshape(batch, self.heads, -1) / math.sqrt(width // self.heads)
        matrix = self.key.weight.unflatten(0, (self.heads, -1))
        direction = torch.einsum("bhe,hed->bhd", query, matrix)
        places = sine_positions((rows, columns), width, like=features)
        offset = (query * self.key.bias.unflatten(0, (self.heads, -1))).sum(-1, keepdim=True)
        return direction @ features.flatten(2) + direction @ places.T + offset


class PlainAttention(nn.Module):
    """What stands in place of masked click attention in the ablation without it: SAM's, our reading.

    The token attends to the clicks' vectors and then to the whole map, without the proposal and without decay maps.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.clicks = nn.MultiheadAttention(width, heads, batch_first=True)
        self.clicks_norm = nn.LayerNorm(width)
        self.image = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.ffn = Perceptron(width, hidden, width)
        self.ffn_norm = nn.LayerNorm(width)

    def forward(self, token: Tensor, features: Tensor, vectors: Tensor, unused: Tensor) -> Tensor:
        """Return the (B, 1, D) token; ``vectors`` (B, 2n, D) of the clicks, ``unused`` (B, 2n) rows to leave out."""
        tokens = torch.cat([token, vectors], dim=1)
        unused = torch.cat([torch.zeros_like(unused[:, :1]), unused], dim=1)
        token = self.clicks_norm(token + self.clicks(token, tokens, tokens, key_padding_mask=unused)[0])
        values = features.flatten(2).transpose(1, 2)
        shape = (features.shape[-2], features.shape[-1])
        keys = values + sine_positions(shape, features.shape[1], like=features)
        token = self.norm(token + self.image(token, keys, values)[0])
        return self.ffn_norm(token + self.ffn(token))


class _Excitation(nn.Module):
    """The gate of a squeeze-and-excitation block whose squeezed vector is given: (B, D) to (B, D) in (0, 1)."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.layers = Perceptron(width, width // reduction, width)

    def forward(self, vector: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(vector))


class FirstClickGuidance(nn.Module):
    """The features' channels are gated by how the other clicks relate to the first (equations 9 to 13).

    Parameters
    ----------
    width, heads
        Of the features and of the attention between clicks.
    reduction
        Of the gates' hidden layers.
    use_click_feature
        Off: every click takes the mean feature of the image instead of the feature under it.
    """

    def __init__(self, width: int, heads: int, reduction: int, *, use_click_feature: bool) -> None:
        super().__init__()
        self.use_click_feature = use_click_feature
        self.project = nn.Linear(2 * width, width)
        # An empty set of clicks still has something to attend to.
        self.nothing = nn.Parameter(torch.randn(2, width) * 0.02)
        self.relate = nn.ModuleList(nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(2))
        self.excite = nn.ModuleList(_Excitation(width, reduction) for _ in range(2))

    def forward(
        self, features: Tensor, mask: Tensor, clicks: ClickSet, vectors: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Return Z (equation 11), (B, D, h, w).

        Parameters
        ----------
        features
            (B, D, h, w).
        mask
            (B, 1, h, w) probabilities of the proposal.
        clicks, vectors
            The clicks in an input of ``size`` (rows, columns) and what :class:`ClickEncoder` makes of them.
        """
        rows = self.rows(features, clicks, vectors, size)
        first = (rows * clicks.first[..., None]).sum(dim=1, keepdim=True)
        gates = [
            self.excite[sign](self._related(sign, first, rows, members)[:, 0])[..., None, None]
            for sign, members in enumerate((clicks.positive, clicks.negative))
        ]
        return features * (gates[0] * mask + gates[1] * (1 - mask))

    def rows(self, features: Tensor, clicks: ClickSet, vectors: Tensor, size: tuple[int, int]) -> Tensor:
        """Return F' (equation 9): one row (B, 2n, D) a click, of the feature under it and its vector."""
        if self.use_click_feature:
            grid = (2 * clicks.places + 1) / clicks.places.new_tensor(size) - 1
            under = functional.grid_sample(
                features, grid.flip(-1)[:, :, None], mode="bilinear", padding_mode="border", align_corners=False
            )
            under = under[..., 0].transpose(1, 2)
        else:
            under = features.mean(dim=(-2, -1))[:, None].expand(-1, vectors.shape[1], -1)
        return self.project(torch.cat([under, vectors], dim=-1))

    def _related(self, sign: int, first: Tensor, rows: Tensor, members: Tensor) -> Tensor:
        """Return V (equation 10) of one sign: the first click attends to the clicks that are ``members``."""
        nothing = self.nothing[sign].expand(rows.shape[0], 1, -1)
        keys = torch.cat([nothing, rows], dim=1)
        blocked = torch.cat([torch.zeros_like(members[:, :1]), ~members], dim=1)
        return self.relate[sign](first, keys, keys, key_padding_mask=blocked, need_weights=False)[0]


class _ConvFFN(nn.Sequential):
    """Two 1 x 1 convolutions around a depth-wise 3 x 3 one; width, order, norm and GELU are our choice."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(
            nn.GroupNorm(math.gcd(32, width // 4), width),
            nn.Conv2d(width, hidden, 1),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
            nn.GELU(),
            nn.Conv2d(hidden, width, 1),
        )


class _Block(nn.Module):
    """One block of Dual-attentional Mask Correction: first the token learns from the map, then the map is gated."""

    def __init__(self, config: DISNetConfig) -> None:
        super().__init__()
        width, heads, hidden = config.width, config.attention_heads, config.refine_ffn
        self.attention = (MaskedClickAttention if config.use_mca else PlainAttention)(width, heads, hidden)
        self.guidance = (
            FirstClickGuidance(width, heads, config.excite_reduction, use_click_feature=config.use_click_feature)
            if config.use_fcg
            else None
        )
        self.mix = _ConvFFN(width, config.mix_width) if config.use_fcg and config.use_convffn else None


class Refinement(nn.Module):
    """The refinement network R (equation 3).

    Parameters
    ----------
    config
        Of the whole of DISNet.
    """

    def __init__(self, config: DISNetConfig) -> None:
        super().__init__()
        self.config = config
        # Masked click attention without guidance needs decay maps only.
        self.clicks = ClickEncoder(config.width) if config.use_fcg or not config.use_mca else None
        self.guided = ClickedFeatures(config.width, config.disk_radius) if config.guidance else None
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.refine_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.mask = Perceptron(*[config.width] * 4)

    def forward(
        self, features: Tensor, query: Tensor, mask: Tensor, points: Tensor, image: Tensor | None = None
    ) -> Tensor:
        """Return the corrected mask's logits at the features' resolution.

        Parameters
        ----------
        features
            (B, D, h, w) F of the first stage.
        query
            (B, D) Q_s, which made the chosen proposal.
        mask
            (B, h, w) M_s, the chosen proposal's probabilities; gets no gradient.
        points
            (B, 2n, 3) every click so far, the first one included, in pixels of the network's input.
        image
            (B, 3, H, W) RGB in [0, 1], which only networks with ``guidance`` look at.

        Returns
        -------
        Tensor
            (B, 1, h, w) logits.

        Raises
        ------
        ValueError
            If the network has ``guidance`` and there is no image.
        """
        shape = (features.shape[-2], features.shape[-1])
        size = self.config.input_size(shape)
        clicks = first_positive(points)
        vectors = points.new_zeros(0) if self.clicks is None else self.clicks(clicks, size)
        template = mask.detach()[:, None].clamp(_CERTAIN, 1 - _CERTAIN)
        near = decay_maps(
            clicks,
            shape,
            (size[0] / shape[0], size[1] / shape[1]),
            first_radius=self.config.first_radius,
            other_radius=self.config.other_radius,
        )
        unused = ~(clicks.first | clicks.positive | clicks.negative)
        if self.guided is not None:
            if image is None:
                raise ValueError("This refinement looks at the image, too; none was given.")
            features = self.guided(features, template, image, points)
        token = query[:, None]
        for block in self.blocks:
            if self.config.use_mca:
                token = block.attention(token, features, template, near)
            else:
                token = block.attention(token, features, vectors, unused)
            if block.guidance is not None:
                features = features + block.guidance(features, template, clicks, vectors, size)
            if block.mix is not None:
                features = features + block.mix(features)
        embedding = self.mask(self.norm(token))
        return (embedding @ features.flatten(2)).unflatten(-1, shape)
