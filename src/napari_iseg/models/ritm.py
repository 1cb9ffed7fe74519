"""RITM: HRNet with click disks and the previous mask as input.

Sofiiuk, Petrov, Konushin, Reviving Iterative Training with Mask Guidance for Interactive Segmentation, ICIP 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_iseg.models._blocks import click_disks, normalise_rgb
from napari_iseg.models.checkpoints import require_parameters
from napari_iseg.models.families import Family
from napari_iseg.models.hrnet import ClickStem, HRNetOCR, fit, implied_sizes, without_dead_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAMILY", "RITM", "RITMConfig", "from_upstream"]


@dataclass(frozen=True, slots=True)
class RITMConfig:
    """What makes one RITM network differ from another.

    Parameters
    ----------
    width
        Channels of HRNet's finest branch.
    ocr_width
        Key channels of the context head.
    small
        Half the blocks.
    stem_width
        Channels of the stem, 64 in every published network.
    disk_radius
        Of click disks, in input pixels.
    previous_mask
        Whether the previous mask is an input; the paper's baseline has none.
    leaky_relu
        Whether the click stem has LeakyReLU(0.2) rather than ReLU.
    """

    width: int = 18
    ocr_width: int = 64
    small: bool = False
    stem_width: int = 64
    disk_radius: float = 5.0
    previous_mask: bool = True
    leaky_relu: bool = True

    @property
    def image_size(self) -> tuple[int, int]:
        """(rows, columns) that zoomed crops are fitted into unless another size is asked for; the paper's."""
        return 400, 400

    def accepts(self, size: tuple[int, int]) -> bool:
        """Whether inputs of ``size`` (rows, columns) work; every size does."""
        return min(size) >= 1


class RITM(nn.Module):
    """Clicks and a previous mask to logits.

    Parameters
    ----------
    config
        See :class:`RITMConfig`.
    """

    def __init__(self, config: RITMConfig) -> None:
        super().__init__()
        self.config = config
        self.maps_transform = ClickStem(3 if config.previous_mask else 2, config.stem_width, leaky=config.leaky_relu)
        self.feature_extractor = HRNetOCR(
            config.width, config.ocr_width, small=config.small, stem_width=config.stem_width
        )

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        """Segment.

        Parameters
        ----------
        image
            (B, 4, H, W): RGB in [0, 1], then the previous mask's probability. Any H and W.
        points
            (B, 2n, 3) clicks, see :func:`napari_iseg.models._blocks.click_disks`.

        Returns
        -------
        Tensor
            (B, 1, H, W) logits.
        """
        return self.with_auxiliary(image, points)[0]

    def with_auxiliary(self, image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and the auxiliary logits, which training supervises too: both (B, 1, H, W)."""
        size = image.shape[-2:]
        maps = click_disks(points, tuple(size), self.config.disk_radius).to(image.dtype)
        if self.config.previous_mask:
            maps = torch.cat([image[:, 3:], maps], dim=1)
        answer = self.feature_extractor(normalise_rgb(image[:, :3]), self.maps_transform(maps))
        return fit(answer.logits, size), fit(answer.auxiliary, size)


# Constructor parameters of released files that would make another network; no published model has other values.
_ONLY = {
    "use_rgb_conv": False,
    "use_disks": True,
    "clicks_groups": None,
    "binary_prev_mask": False,
    "conv_extend": False,
}


def from_upstream(state: Mapping[str, Tensor], params: Mapping[str, Any]) -> tuple[RITMConfig, dict[str, Tensor]]:
    """Return the configuration and our state dict of a released one.

    Parameters
    ----------
    state
        Upstream's names to tensors.
    params
        The constructor parameters saved beside it, for what shapes cannot say: ``norm_radius``, ``use_leaky_relu``.
        Empty for a bare state dict.

    Raises
    ------
    WeightsError
        If a parameter makes another network than any published one.
    """
    require_parameters("RITM", params, _ONLY)
    config = RITMConfig(
        **implied_sizes(state),
        disk_radius=float(params.get("norm_radius", 5)),
        previous_mask=state["maps_transform.0.weight"].shape[1] == 3,
        leaky_relu=bool(params.get("use_leaky_relu", True)),
    )
    return config, without_dead_weights(state)


FAMILY = Family(
    name="RITM",
    config_class=RITMConfig,
    build=RITM,
    configs={
        "hrnet18": RITMConfig(),
        "hrnet18s": RITMConfig(ocr_width=48, small=True),
        "hrnet32": RITMConfig(width=32, ocr_width=128),
        "tiny": RITMConfig(width=4, ocr_width=8, small=True, stem_width=16),
    },
    marks=(
        "maps_transform.3.scale",
        "feature_extractor.transition1.0.0.weight",
        "feature_extractor.ocr_distri_head.object_context_block.f_down.0.weight",
        "feature_extractor.cls_head.weight",
    ),
    from_upstream=from_upstream,
    prompt_layers=("maps_transform.",),
    head=(
        "feature_extractor.aux_head.",
        "feature_extractor.cls_head.",
        "feature_extractor.conv3x3_ocr.",
        "feature_extractor.ocr_distri_head.",
    ),
)
