"""The network of a recipe as a run starts with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block

from napari_iseg.errors import IsegError
from napari_iseg.models.simpleclick import SimpleClick
from napari_iseg.training.initialisation import mimetic_attention_, sinusoidal_positions

if TYPE_CHECKING:
    from torch import nn

    from napari_iseg.training.recipe import Recipe

__all__ = ["build_network"]


def build_network(recipe: Recipe) -> nn.Module:
    """Return the recipe's network at its random starting point; the caller has seeded torch."""
    network = recipe.family.build(recipe.network)
    if recipe.mimetic:
        if not isinstance(network, SimpleClick):
            raise IsegError("Only a plain vision transformer can start mimetic; leave 'mimetic' out of the recipe.")
        backbone = network.backbone
        with torch.no_grad():
            backbone.pos_embed.copy_(0.3 * sinusoidal_positions(backbone.grid, network.config.embed_dim)[None])
        for block in backbone.blocks:
            assert isinstance(block, Block)
            assert isinstance(block.attn, Attention)
            mimetic_attention_(block.attn.qkv, block.attn.proj, network.config.heads)
    return network
