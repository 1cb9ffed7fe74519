"""FocalClick: a coarse mask of a crop around the target, then a fine one of a crop around what the click changes.

Chen et al., FocalClick: Towards Practical Interactive Image Segmentation, CVPR 2022. The coarse network is SegFormer
(B0, B3) or HRNet with a context head (18s, 32); "S1" networks see their input at half its size, "S2" as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align

from napari_iseg.models._blocks import click_disks, normalise_rgb
from napari_iseg.models.checkpoints import require_parameters
from napari_iseg.models.families import Family
from napari_iseg.models.guidance import GUIDANCE_CHANNELS, click_guidance
from napari_iseg.models.hrnet import ClickStem, HRNetOCR, fit, implied_sizes, without_dead_weights
from napari_iseg.models.segformer import MixTransformer, MLPHead, PatchEmbed, initialise_segformer, translate_mit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAMILY", "FocalClick", "FocalClickConfig", "Refiner", "from_upstream"]


@dataclass(frozen=True, slots=True)
class FocalClickConfig:
    """What makes one FocalClick network differ from another; by default SegFormer-B0-S2.

    Parameters
    ----------
    backbone
        ``"segformer"`` or ``"hrnet"``.
    half_size
        S1: the segmentor sees its input at half its size.
    disk_radius
        Of the segmentor's click disks, in pixels of its input before halving.
    focus_disk_radius
        Of the refiner's.
    dims, depths, heads, reductions
        SegFormer: channels, blocks, attention heads and reduction of keys and values of the four stages.
    head_width
        SegFormer: channels of the fused feature.
    width, ocr_width, small, stem_width
        HRNet: see :class:`napari_iseg.models.hrnet.HRNetOCR`.
    refiner_width
        Channels of the refiner.
    guidance
        Whether the segmentor is also shown what is like and near the clicks by the image's own colours
        (:mod:`napari_iseg.models.guidance`); no published one is.
    """

    backbone: str = "segformer"
    half_size: bool = False
    disk_radius: float = 5.0
    focus_disk_radius: float = 5.0
    dims: tuple[int, ...] = (32, 64, 160, 256)
    depths: tuple[int, ...] = (2, 2, 2, 2)
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    head_width: int = 256
    width: int = 18
    ocr_width: int = 48
    small: bool = True
    stem_width: int = 64
    refiner_width: int = 32
    guidance: bool = False

    @property
    def prompt_channels(self) -> int:
        """Maps that the segmentor sees beside the image: previous mask, disks, guidance."""
        return 3 + (GUIDANCE_CHANNELS if self.guidance else 0)

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether every level of an input of this size, (rows, columns), has whole pixels."""
        return all(side > 0 and side % (64 if self.half_size else 32) == 0 for side in size)


class _SegFormerSegmentor(nn.Module):
    """SegFormer with the clicks added between its first two stages."""

    def __init__(self, config: FocalClickConfig) -> None:
        super().__init__()
        self.backbone = MixTransformer(config.dims, config.depths, config.heads, config.reductions)
        self.patch_embed_side1 = PatchEmbed(
            nn.Conv2d(config.prompt_channels, config.dims[0], 7, stride=4, padding=3), config.dims[0]
        )
        self.decode_head = MLPHead(config.dims, config.head_width)
        self.feature_channels = config.head_width
        initialise_segformer(self.patch_embed_side1)

    def forward(self, rgb: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor, None]:
        first = self.backbone.stage(1, rgb)
        # The finest level goes to the head as it is, without the clicks.
        second = self.backbone.stage(2, first + self.patch_embed_side1(coordinates))
        third = self.backbone.stage(3, second)
        feature, logits = self.decode_head([first, second, third, self.backbone.stage(4, third)])
        return feature, logits, None


class _HRNetSegmentor(nn.Module):
    """RITM's network."""

    def __init__(self, config: FocalClickConfig) -> None:
        super().__init__()
        self.maps_transform = ClickStem(config.prompt_channels, config.stem_width)
        self.feature_extractor = HRNetOCR(
            config.width, config.ocr_width, small=config.small, stem_width=config.stem_width
        )
        self.feature_channels = 2 * config.ocr_width

    def forward(self, rgb: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answer = self.feature_extractor(rgb, self.maps_transform(coordinates))
        return answer.feature, answer.logits, answer.auxiliary


class _ConvNormReLU(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(maps)))


class _FeatureCrop(nn.Module):
    """The segmentor's feature where the focus crop lies, at few channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, feature: Tensor, boxes: Tensor, scale: float) -> Tensor:
        # The paper crops first. A crop is a weighted mean of pixels, so the order makes no difference as long as the
        # box lies inside, and this way an eighth of the channels has to be cropped.
        mapped = _crop(self.conv(feature), boxes, (feature.shape[-2], feature.shape[-1]), scale)
        return functional.relu(self.norm(mapped))


class _XceptionUnit(nn.Module):
    """Depthwise 3 x 3, pointwise, norm, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv3x3 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.conv1x1 = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv1x1(self.conv3x3(maps))))


class Refiner(nn.Module):
    """The network of the focus crop (paper, section 3.3).

    Parameters
    ----------
    feature_channels
        Of the segmentor's feature.
    width
        Channels inside.
    """

    def __init__(self, feature_channels: int, width: int = 32) -> None:
        super().__init__()
        # RGB, positive and negative clicks, coarse probability.
        self.image_conv1 = _ConvNormReLU(6, width, stride=2)
        self.image_conv2 = _XceptionUnit(width)
        self.image_conv3 = _XceptionUnit(width)
        self.refine_fusion = _FeatureCrop(feature_channels, width)
        self.refine_fusion2 = _XceptionUnit(width)
        self.refine_fusion3 = _XceptionUnit(width)
        self.refine_pred = nn.Conv2d(width, 1, 3, padding=1)
        self.refine_trimap = nn.Conv2d(width, 1, 3, padding=1)

    def forward(
        self, rgb: Tensor, maps: Tensor, feature: Tensor, logits: Tensor, boxes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine the crops ``boxes`` of a coarse answer.

        Parameters
        ----------
        rgb
            (B, 3, h, w): the focus crops in [0, 1], not normalised.
        maps
            (B, 2, h, w): their positive and negative click disks.
        feature
            (B, D, H', W'): the segmentor's feature.
        logits
            (B, 1, H, W): the segmentor's logits.
        boxes
            (B, 4): (row start, row stop, column start, column stop) of the focus crops in pixels of ``logits``, inside
            it. May be fractional.

        Returns
        -------
        tuple
            The refined logits, the logits of the boundary, and the coarse logits, all (B, 1, h, w) over the crops.
        """
        size = (rgb.shape[-2], rgb.shape[-1])
        coarse = _crop(logits, boxes, size, 1.0)
        seen = self.image_conv1(torch.cat([rgb, maps, coarse.sigmoid()], dim=1))
        seen = self.image_conv3(self.image_conv2(seen))
        known = self.refine_fusion(feature, boxes, feature.shape[-1] / logits.shape[-1])
        fused = self.refine_fusion3(self.refine_fusion2(fit(known, seen.shape[-2:]) + seen))
        detail = fit(self.refine_pred(fused), size)
        boundary = fit(self.refine_trimap(fused), size)
        # Equation 1: the detail near the boundary, the coarse answer elsewhere.
        return torch.lerp(coarse, detail, boundary.sigmoid()), boundary, coarse


class FocalClick(nn.Module):
    """Both networks: the segmentor of the target crop and the refiner of the focus crop.

    Parameters
    ----------
    config
        See :class:`FocalClickConfig`.
    """

    def __init__(self, config: FocalClickConfig) -> None:
        super().__init__()
        self.config = config
        self.segmentor = _HRNetSegmentor(config) if config.backbone == "hrnet" else _SegFormerSegmentor(config)
        self.refiner = Refiner(self.segmentor.feature_channels, config.refiner_width)

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Return the segmentor's logits, (B, 1, H, W); see :meth:`segment`."""
        return self.segment(image, points)[0]

    def segment(self, image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Segment the target crop.

        Parameters
        ----------
        image
            (B, 4, H, W): RGB in [0, 1], then the previous mask's probability. 256 x 256 as published.
        points
            (B, 2n, 3) clicks, see :func:`napari_iseg.models._blocks.click_disks`.

        Returns
        -------
        tuple
            Logits (B, 1, H, W), and the feature that :meth:`refine` takes, (B, D, H / 4, W / 4), or an eighth with S1.
        """
        logits, feature, _ = self.segment_with_auxiliary(image, points)
        return logits, feature

    def segment_with_auxiliary(self, image: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what :meth:`segment` does and HRNet's auxiliary logits, (B, 1, H, W), None with SegFormer."""
        size = (image.shape[-2], image.shape[-1])
        disks = click_disks(points, size, self.config.disk_radius).to(image.dtype)
        maps = [image[:, 3:], disks, *([click_guidance(image[:, :3], points)] if self.config.guidance else [])]
        rgb, coordinates = normalise_rgb(image[:, :3]), torch.cat(maps, dim=1)
        if self.config.half_size:
            half = (size[0] // 2, size[1] // 2)
            rgb, coordinates = fit(rgb, half), fit(coordinates, half)
        feature, logits, auxiliary = self.segmentor(rgb, coordinates)
        return fit(logits, size), feature, None if auxiliary is None else fit(auxiliary, size)

    def refine(
        self, rgb: Tensor, points: Tensor, feature: Tensor, logits: Tensor, boxes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine focus crops.

        Parameters
        ----------
        rgb
            (B, 3, h, w): the focus crops, RGB in [0, 1]. 256 x 256 as published.
        points
            (B, 2n, 3) clicks in pixels of the focus crops; those outside make no disk, or a part of one.
        feature, logits
            What :meth:`segment` returned.
        boxes
            (B, 4): where the focus crops lie in the target crop, see :meth:`Refiner.forward`.

        Returns
        -------
        tuple
            Refined logits, boundary logits, coarse logits, each (B, 1, h, w).
        """
        maps = click_disks(points, (rgb.shape[-2], rgb.shape[-1]), self.config.focus_disk_radius).to(rgb.dtype)
        return self.refiner(rgb, maps, feature, logits, boxes)


# Constructor parameters of released files that would make another network; no published model has other values.
_ONLY = {
    "use_leaky_relu": True,
    "use_rgb_conv": False,
    "use_disks": True,
    "with_prev_mask": True,
    "binary_prev_mask": False,
    "clicks_groups": None,
    "conv_extend": False,
}


def from_upstream(state: Mapping[str, Tensor], params: Mapping[str, Any]) -> tuple[FocalClickConfig, dict[str, Tensor]]:
    """Return the configuration and our state dict of a released one.

    Parameters
    ----------
    state
        Upstream's names to tensors.
    params
        The constructor parameters saved beside it; ``pipeline_version`` says whether it is an S1 or an S2 network,
        which have the same weights' names and shapes. Empty for a bare state dict: S2.

    Raises
    ------
    WeightsError
        If a parameter makes another network than any published one.
    """
    require_parameters("FocalClick", params, _ONLY)
    half = params.get("pipeline_version", "s2") == "s1"
    refiner_width = state["refiner.image_conv1.conv.weight"].shape[0]
    if "feature_extractor.backbone.patch_embed1.proj.weight" in state:
        config = FocalClickConfig(
            half_size=half, refiner_width=refiner_width, disk_radius=3.0 if half else 5.0, **_implied_segformer(state)
        )
        # Left over upstream from RITM: weights that nothing goes through.
        kept = {name: value for name, value in state.items() if not name.startswith("maps_transform.")}
        names = {
            "feature_extractor.backbone.patch_embed_side1.": "segmentor.patch_embed_side1.",
            "feature_extractor.": "segmentor.",
        }
    else:
        sizes: Any = implied_sizes(state)
        config = FocalClickConfig(
            backbone="hrnet", half_size=half, refiner_width=refiner_width, disk_radius=2.0 if half else 5.0, **sizes
        )
        kept = without_dead_weights(state)
        names = {"feature_extractor.": "segmentor.feature_extractor.", "maps_transform.": "segmentor.maps_transform."}
    kept = {name: value for name, value in kept.items() if not name.startswith("refiner.feature_gate.")}
    return config, translate_mit({_renamed(name, names): value for name, value in kept.items()})


def _implied_segformer(state: Mapping[str, Tensor]) -> dict[str, Any]:
    stem = "feature_extractor.backbone."
    first = [f"{stem}block{number}.0" for number in range(1, 5)]
    reductions = [state.get(f"{name}.attn.sr.weight", torch.zeros(1, 1, 1, 1)).shape[-1] for name in first]
    dims = [state[f"{name}.attn.q.weight"].shape[0] for name in first]
    depths = [len({key.split(".")[3] for key in state if key.startswith(name[:-1])}) for name in first]
    width = state["feature_extractor.decode_head.linear_pred.weight"].shape[1]
    return {"dims": tuple(dims), "depths": tuple(depths), "reductions": tuple(reductions), "head_width": width}


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    for theirs, ours in prefixes.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _crop(maps: Tensor, boxes: Tensor, size: tuple[int, int], scale: float) -> Tensor:
    """Return the crops of (B, C, H, W) maps, one box a map, resampled to ``size`` by RoIAlign."""
    numbers = torch.arange(len(boxes), dtype=maps.dtype, device=maps.device)[:, None]
    corners = boxes[:, [2, 0, 3, 1]].to(maps.dtype)  # torchvision's order: x, y of both corners
    return roi_align(maps, torch.cat([numbers, corners], dim=1), size, spatial_scale=scale, aligned=True)


_B3: dict[str, Any] = {"dims": (64, 128, 320, 512), "depths": (3, 4, 18, 3), "head_width": 512}
_HRNET18S: dict[str, Any] = {"backbone": "hrnet"}
_HRNET32: dict[str, Any] = {"backbone": "hrnet", "width": 32, "ocr_width": 128, "small": False}

FAMILY = Family(
    name="FocalClick",
    config_class=FocalClickConfig,
    build=FocalClick,
    configs={
        "segformer-b0-s1": FocalClickConfig(half_size=True, disk_radius=3.0),
        "segformer-b0-s2": FocalClickConfig(),
        "segformer-b3-s2": FocalClickConfig(**_B3),
        "hrnet18s-s1": FocalClickConfig(half_size=True, disk_radius=2.0, **_HRNET18S),
        "hrnet18s-s2": FocalClickConfig(**_HRNET18S),
        "hrnet32-s2": FocalClickConfig(**_HRNET32),
        "tiny": FocalClickConfig(
            dims=(8, 16, 20, 32), depths=(1, 1, 1, 1), reductions=(8, 4, 2, 1), head_width=24, refiner_width=8
        ),
    },
    marks=("refiner.image_conv1.conv.weight", "refiner.refine_trimap.weight"),
    from_upstream=from_upstream,
    # It answers with the segmentor alone; the refiner needs a crop besides.
    at_rest=("refiner.",),
    prompt_layers=("segmentor.patch_embed_side1.", "segmentor.maps_transform."),
    head=(
        "segmentor.decode_head.",
        "segmentor.feature_extractor.aux_head.",
        "segmentor.feature_extractor.cls_head.",
        "segmentor.feature_extractor.conv3x3_ocr.",
        "segmentor.feature_extractor.ocr_distri_head.",
        "refiner.",
    ),
)
