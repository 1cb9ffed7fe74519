"""FocalClick-XL: context, object and detail, one network each; clicks, scribbles, boxes and masks; alpha mattes.

Chen et al., FocalClick-XL: Towards Unified and High-quality Interactive Segmentation, 2025 (extends FocalClick, CVPR
2022). No code and no weights were published; sizes that the paper leaves open are chosen here and said so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_iseg.models._blocks import click_disks
from napari_iseg.models.context_net import Context, ContextNet, region_features
from napari_iseg.models.detail_net import DetailNet
from napari_iseg.models.families import Family
from napari_iseg.models.object_net import ConvEncoder, ObjectNet
from napari_iseg.models.simpleclick import SimpleClickConfig

if TYPE_CHECKING:
    from typing import Self

__all__ = ["FAMILY", "FocalClickXL", "FocalClickXLConfig"]


@dataclass(frozen=True, slots=True)
class FocalClickXLConfig:
    """Sizes of the three networks; the defaults are XL-B (SAM's ViT-B, SegFormer-B3).

    Parameters
    ----------
    context_size
        Side in pixels of the Context-Net's square input: the longest side of an image.
    context_patch, context_width, context_depth, context_heads, context_window, context_global
        SAM's vision transformer: pixels of a patch, channels, blocks, attention heads, patches along a window, and the
        numbers of the blocks that see the whole image.
    context_channels
        Of the context's features.
    adapter_rank
        Channels inside an adapter.
    object_size
        Side of the Object-Net's square input, a multiple of 32.
    object_dims, object_depths, object_heads
        The mix transformer's four stages.
    object_width
        Channels of the MLP head's feature.
    object_stem
        Channels of three convolutions at 1/2, 1/4 and 1/8 of the crop, with which a plain vision transformer takes the
        mix transformer's place (:class:`napari_iseg.models.object_net.ConvEncoder`); ``object_dims`` are then its
        pyramid's. Empty for the mix transformer.
    object_vit
        Width, blocks and attention heads of that transformer.
    object_guidance
        Whether the Object-Net also sees what is like and near the prompts (:mod:`napari_iseg.models.guidance`).
    region_size
        Cells along the context's region.
    detail_size
        Side of the Detail-Net's patches.
    detail_encoder
        timm's name of its MobileNetV2.
    detail_widths
        Channels of its decoder, coarsest first.
    disk_radius
        Of a click, in pixels of the Object-Net's input.
    """

    context_size: int = 1024
    context_patch: int = 16
    context_width: int = 768
    context_depth: int = 12
    context_heads: int = 12
    context_window: int = 14
    context_global: tuple[int, ...] = (2, 5, 8, 11)
    context_channels: int = 256
    adapter_rank: int = 32
    object_size: int = 512
    object_dims: tuple[int, int, int, int] = (64, 128, 320, 512)
    object_depths: tuple[int, int, int, int] = (3, 4, 18, 3)
    object_heads: tuple[int, int, int, int] = (1, 2, 5, 8)
    object_width: int = 512
    object_stem: tuple[int, ...] = ()
    object_vit: tuple[int, int, int] = (256, 6, 4)
    object_guidance: bool = False
    region_size: int = 32
    detail_size: int = 256
    detail_encoder: str = "mobilenetv2_100"
    detail_widths: tuple[int, int, int, int, int] = (128, 64, 48, 32, 16)
    disk_radius: float = 5.0

    @property
    def object_encoder(self) -> SimpleClickConfig:
        """The configuration of the click network whose encoder the Object-Net has with ``object_stem``."""
        width, depth, heads = self.object_vit
        return SimpleClickConfig(
            image_size=(self.object_size, self.object_size),
            embed_dim=width,
            depth=depth,
            heads=heads,
            neck_channels=self.object_dims,
            head_channels=self.object_width,
            stem=self.object_stem,
        )

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether images of ``size`` (rows, columns) work: every size does, all are resized."""
        return min(size) >= 1


class FocalClickXL(nn.Module):
    """The three networks.

    Parts that train nothing stay in evaluation mode, also after ``train()``: a batch norm that drifted would change
    the answers to prompts that are not being trained.

    Parameters
    ----------
    config
        Their sizes.
    """

    def __init__(self, config: FocalClickXLConfig) -> None:
        super().__init__()
        self.config = config
        self.context_net = ContextNet(
            size=config.context_size,
            patch=config.context_patch,
            width=config.context_width,
            depth=config.context_depth,
            heads=config.context_heads,
            window=config.context_window,
            global_blocks=config.context_global,
            channels=config.context_channels,
            adapter_rank=config.adapter_rank,
        )
        self.object_net = ObjectNet(
            dims=config.object_dims,
            depths=config.object_depths,
            heads=config.object_heads,
            width=config.object_width,
            context_channels=config.context_channels,
            guidance=config.object_guidance,
            encoder=ConvEncoder(config.object_encoder) if config.object_stem else None,
        )
        self.detail_net = DetailNet(encoder=config.detail_encoder, widths=config.detail_widths)
        self.train_objects()

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Answer clicks with the primitive mask, the whole image being the crop.

        Parameters
        ----------
        image
            (B, 4, H, W) float32: RGB in [0, 1], and the previous mask as probabilities (zeros at first).
        points
            (B, 2n, 3): n positive rows, then n negative, each (row, column, order) in pixels of ``image``, padded
            with -1.

        Returns
        -------
        Tensor
            (B, 1, H, W) logits.
        """
        rows, columns = image.shape[-2:]
        size = self.config.object_size
        crop = functional.interpolate(image, size=(size, size), mode="bilinear", align_corners=True)
        scaled = points * points.new_tensor([size / rows, size / columns, 1])
        disks = click_disks(scaled, (size, size), self.config.disk_radius).to(image)
        boxes = image.new_tensor([[0, rows, 0, columns]]).expand(len(image), 4)
        context = self.context_net(image[:, :3])
        logits = self.primitive(crop[:, :3], torch.cat([crop[:, 3:], disks], dim=1), "click", context, boxes)
        return functional.interpolate(logits, size=(rows, columns), mode="bilinear", align_corners=True)

    def primitive(self, rgb: Tensor, coordinates: Tensor, kind: str, context: Context, boxes: Tensor) -> Tensor:
        """Predict the primitive mask of crops.

        Parameters
        ----------
        rgb, coordinates, kind
            See :meth:`ObjectNet.forward`.
        context
            Of the images that the crops were cut from, or of one image for all of them.
        boxes
            (B, 4): where the crops lie, half-open (row start, row stop, column start, column stop) in image pixels.

        Returns
        -------
        Tensor
            (B, 1, S, S) logits.
        """
        region = region_features(context, boxes, self.config.region_size)
        return self.object_net(rgb, coordinates, kind, region)

    def train_objects(self, kind: str = "click", *, encoder: bool = False) -> None:
        """Make the Object-Net and the context's adapters trainable and nothing else (training stage 1).

        Parameters
        ----------
        kind
            The prompts that they are trained with.
        encoder
            Also train SAM's encoder: for small networks, for which there are no weights of SAM.
        """
        self.requires_grad_(False)
        self.context_net.requires_grad_(True)
        if not encoder:
            self.context_net.freeze_encoder()
        self.object_net.requires_grad_(True)
        for name, layer in self.object_net.prompting.items():
            layer.requires_grad_(name == kind)
        self.train(self.training)

    def train_details(self) -> None:
        """Make the Detail-Net trainable and nothing else (training stage 2)."""
        self.requires_grad_(False)
        self.detail_net.requires_grad_(True)
        self.train(self.training)

    def tune_prompt(self, *kinds: str) -> None:
        """Make the Prompting Layers of these kinds of prompt trainable and nothing else (training stage 3)."""
        self.requires_grad_(False)
        for kind in kinds:
            self.object_net.prompting[kind].requires_grad_(True)
        self.train(self.training)

    def train_together(self, *kinds: str, encoder: bool = False) -> None:
        """Make everything trainable at once, with the Prompting Layers of these kinds; no stage of the paper.

        Parameters
        ----------
        kinds
            The prompts that are trained with.
        encoder
            As in :meth:`train_objects`.
        """
        self.train_objects(encoder=encoder)
        for name, layer in self.object_net.prompting.items():
            layer.requires_grad_(name in kinds)
        self.detail_net.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode where something is trainable, evaluation mode everywhere else."""
        super().train(mode)
        for module in self.modules():
            parameters = list(module.parameters())
            if mode and parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()
        return self


_BASE = FocalClickXLConfig()

FAMILY = Family(
    name="FocalClick-XL",
    config_class=FocalClickXLConfig,
    build=FocalClickXL,
    configs={
        "base": _BASE,
        "huge": replace(_BASE, context_width=1280, context_depth=32, context_heads=16, context_global=(7, 15, 23, 31)),
        # For a CPU: nothing of it is the paper's but the design.
        "small": FocalClickXLConfig(
            context_size=512,
            context_width=192,
            context_heads=3,
            context_window=8,
            adapter_rank=16,
            object_size=256,
            object_dims=(32, 64, 160, 256),
            object_depths=(2, 2, 2, 2),
            object_width=256,
            region_size=16,
            detail_size=128,
            detail_encoder="mobilenetv2_050",
            detail_widths=(64, 48, 32, 24, 16),
        ),
        # What ships: weights of at most 16 MB, most of them where the object is seen, a tenth of a second per click.
        "compact": FocalClickXLConfig(
            context_size=256,
            context_width=128,
            context_depth=6,
            context_heads=4,
            context_window=8,
            context_global=(2, 5),
            context_channels=128,
            adapter_rank=16,
            object_size=192,
            object_dims=(64, 128, 192, 192),
            object_width=64,
            object_stem=(32, 64, 128),
            object_guidance=True,
            region_size=12,
            detail_size=128,
            detail_encoder="mobilenetv2_035",
            detail_widths=(32, 24, 16, 16, 16),
            disk_radius=3.0,
        ),
        "tiny": FocalClickXLConfig(
            context_size=128,
            context_width=24,
            context_depth=2,
            context_heads=2,
            context_window=3,
            context_global=(1,),
            context_channels=16,
            adapter_rank=4,
            object_size=64,
            object_dims=(8, 12, 16, 24),
            object_depths=(1, 1, 1, 1),
            object_heads=(1, 2, 2, 2),
            object_width=16,
            region_size=8,
            detail_size=64,
            detail_encoder="mobilenetv2_035",
            detail_widths=(16, 12, 8, 8, 8),
            disk_radius=3.0,
        ),
    },
    prompt_layers=("object_net.prompting.",),
    head=("object_net.head.", "object_net.mlp.", "object_net.context.", "context_net.adapters."),
)
