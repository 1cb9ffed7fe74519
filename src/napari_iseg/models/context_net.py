"""Context-Net of FocalClick-XL: SAM's image encoder with adapters, run once per image.

Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, section 4.1.
Kirillov et al., Segment Anything, ICCV 2023: the encoder (a plain vision transformer, here timm's) and its input.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from timm.layers.pos_embed import resample_abs_pos_embed_nhwc
from timm.models.vision_transformer_sam import VisionTransformerSAM
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align

from napari_iseg.models._blocks import normalise_rgb

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Adapter", "Context", "ContextNet", "region_features", "translate_sam"]


class Context(NamedTuple):
    """What the Context-Net knows of a batch of equally large images.

    Parameters
    ----------
    features
        (B, C, gh, gw): one vector per cell of the square, padded input.
    scale
        (rows, columns): input pixels per image pixel. They differ by rounding only.
    stride
        Input pixels per cell.
    shape
        (H, W) of the images in their own pixels.
    """

    features: Tensor
    scale: tuple[float, float]
    stride: int
    shape: tuple[int, int]


class Adapter(nn.Module):
    """A bottleneck after a transformer block: convolution, GELU, convolutions, added to its input.

    The paper says "Conv-GeLU-Conv" and not more. Here 1 x 1 to ``rank`` channels, GELU, 3 x 3 per channel, 1 x 1 back.
    The last one starts at zero, so that the adapted encoder starts as the encoder it was.

    Parameters
    ----------
    channels
        Of the tokens.
    rank
        Channels of the bottleneck.
    """

    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, rank, 1)
        self.spread = nn.Conv2d(rank, rank, 3, padding=1, groups=rank)
        self.up = nn.Conv2d(rank, channels, 1)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the adapted tokens, (B, gh, gw, C) like those given."""
        maps = self.up(self.spread(functional.gelu(self.down(tokens.permute(0, 3, 1, 2)))))
        return tokens + maps.permute(0, 2, 3, 1)


class ContextNet(nn.Module):
    """SAM's image encoder with an adapter after every block.

    Parameters
    ----------
    size
        Side in pixels of the square input, the longest side of an image (SAM: 1024).
    patch
        Side of a patch.
    width, depth, heads
        Of the transformer.
    window
        Side in patches of the attention windows.
    global_blocks
        Numbers, from 0, of the blocks that attend to the whole image.
    channels
        Of the features.
    adapter_rank
        Channels inside an adapter.
    """

    def __init__(
        self,
        *,
        size: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        window: int,
        global_blocks: tuple[int, ...],
        channels: int,
        adapter_rank: int,
    ) -> None:
        super().__init__()
        self.size = size
        self.patch = patch
        # timm's default norm has epsilon 1e-5; SAM was trained with 1e-6.
        self.encoder = VisionTransformerSAM(
            img_size=size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            window_size=window,
            global_attn_indexes=global_blocks,
            neck_chans=channels,
            use_rel_pos=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_classes=0,
            global_pool="",
        )
        self.adapters = nn.ModuleList(Adapter(width, adapter_rank) for _ in range(depth))
        nn.init.trunc_normal_(self.encoder.pos_embed, std=0.02)

    def forward(self, rgb: Tensor) -> Context:
        """Encode images.

        Parameters
        ----------
        rgb
            (B, 3, H, W) RGB in [0, 1], any size.

        Returns
        -------
        Context
            With (B, ``channels``, ``size / patch``, ``size / patch``) features.
        """
        shape = (rgb.shape[-2], rgb.shape[-1])
        padded, valid = self.prepare(rgb)
        scale = (valid[0] / shape[0], valid[1] / shape[1])
        return Context(self.features(padded), scale, self.patch, shape)

    def prepare(self, rgb: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Fit images into the square as SAM does.

        The longest side becomes ``size``; then the normalisation; then zeros at the bottom or at the right.

        Parameters
        ----------
        rgb
            (B, 3, H, W) RGB in [0, 1].

        Returns
        -------
        tuple
            (B, 3, size, size), and the (rows, columns) of it that the image fills.
        """
        rows, columns = rgb.shape[-2:]
        factor = self.size / max(rows, columns)
        valid = (max(int(rows * factor + 0.5), 1), max(int(columns * factor + 0.5), 1))
        resized = functional.interpolate(rgb, size=valid, mode="bilinear", align_corners=False, antialias=True)
        padding = (0, self.size - valid[1], 0, self.size - valid[0])
        return functional.pad(normalise_rgb(resized), padding), valid

    def features(self, padded: Tensor) -> Tensor:
        """Return the (B, channels, gh, gw) features of prepared input, (B, 3, size, size)."""
        encoder = self.encoder
        tokens = encoder.patch_embed(padded)
        tokens = tokens + resample_abs_pos_embed_nhwc(encoder.pos_embed, list(tokens.shape[1:3]))
        for block, adapter in zip(encoder.blocks, self.adapters, strict=True):
            tokens = adapter(block(tokens))
        return encoder.neck(tokens.permute(0, 3, 1, 2))

    def freeze_encoder(self) -> None:
        """Leave only the adapters trainable, as the paper trains them."""
        self.encoder.requires_grad_(False)
        self.adapters.requires_grad_(True)


def region_features(context: Context, boxes: Tensor, size: int) -> Tensor:
    """Cut regions out of the features (RoIAlign; paper, section 4.1).

    Parameters
    ----------
    context
        Of n images, or of one image for any number of boxes.
    boxes
        (n, 4) half-open boxes in pixels of the image: (row start, row stop, column start, column stop). Box i lies in
        image i.
    size
        Rows and columns of each answer.

    Returns
    -------
    Tensor
        (n, C, size, size).
    """
    # In float32 also under autocast: half precision places a box on a large image whole pixels off.
    features = context.features.float()
    rows, columns = context.scale
    # RoIAlign wants (image, x1, y1, x2, y2): here, at the last moment, columns come first.
    scaled = boxes.to(features) * features.new_tensor([rows, rows, columns, columns])
    image = torch.arange(len(boxes), dtype=features.dtype, device=features.device)
    if len(features) == 1:
        image = torch.zeros_like(image)
    rois = torch.stack([image, scaled[:, 2], scaled[:, 0], scaled[:, 3], scaled[:, 1]], dim=1)
    return roi_align(features, rois, size, spatial_scale=1 / context.stride, sampling_ratio=2, aligned=True)


def translate_sam(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of ``ContextNet.encoder`` in released SAM weights (``sam_vit_*.pth``), under our names.

    Training starts from them: ``network.context_net.encoder.load_state_dict(translate_sam(released))``.
    """
    prefix = "image_encoder."
    return {
        name.removeprefix(prefix).replace(".mlp.lin", ".mlp.fc"): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
