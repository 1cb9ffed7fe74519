"""The table of released weights: what the authors of the methods published, where it lies and under which terms.

Nothing of it is bundled or mirrored. Backbones alone, from which networks are trained (MAE's and SAM's vision
transformers, SegFormer's MiT), are no method's weights and are not in it. FocalClick-XL and DISNet were never released.
Sizes and figures are those that the authors state; no checksum was published, so
that the first download records one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAE_TERMS", "RELEASED", "SEGFORMER_TERMS", "Clicks", "ReleasedWeights"]


@dataclass(frozen=True, slots=True)
class Clicks:
    """A published number of clicks (at most 20) that a data set took on average.

    Parameters
    ----------
    dataset
        The data set's name.
    noc85, noc90
        Until an IoU of 85 and 90 percent; None where it was not published.
    """

    dataset: str
    noc85: float | None
    noc90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedWeights:
    """Weights that somebody published.

    Parameters
    ----------
    name
        The name to ask for.
    methods
        Names of the methods that can use it, the one that it was trained for first.
    architecture
        The network, in the paper's words.
    trained_on
        The data.
    addresses
        Where the file lies, or the volumes that it was cut into; empty where no address can be fetched directly.
    page
        Where a person finds it.
    file
        The name of the checkpoint among the authors' files (SimpleClick's and AdaptiveClick's by the pattern of those
        that their pages name); empty where the page has to say.
    size
        As the authors state it; empty where they do not.
    licence
        Of the code and the weights.
    non_commercial
        Whether some part of the licence forbids commercial use.
    clicks
        What the papers report for it.
    sha256
        Of each of ``addresses``' files by its name, where it is known.
    """

    name: str
    methods: tuple[str, ...]
    architecture: str
    trained_on: str
    page: str
    licence: str
    addresses: tuple[str, ...] = ()
    file: str = ""
    size: str = ""
    non_commercial: bool = False
    clicks: tuple[Clicks, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)


_SBD, _COCO_LVIS, _COMBINED = "SBD", "COCO+LVIS", 'COCO+LVIS and further sets ("combined")'
_RITM = "https://github.com/saic-vul/ritm_interactive_segmentation"
_CFR = "https://github.com/TitorX/CFR-ICL-Interactive-Segmentation"
_SIMPLECLICK = "https://github.com/uncbiag/SimpleClick/tree/v1.0"
_ADAPTIVECLICK = "https://github.com/lab206/AdaptiveClick"
_FOCALCLICK = "https://github.com/XavierCHEN34/ClickSEG"
MAE_TERMS = "code: MIT; the backbone was pretrained by MAE, whose weights are CC BY-NC 4.0"
SEGFORMER_TERMS = "code: Apache-2.0; the SegFormer backbone is under NVIDIA's non-commercial terms"
_DATASETS = ("GrabCut", "Berkeley", "SBD", "DAVIS", "DAVIS-585", "DAVIS-585 (initial mask)", "Pascal VOC", "COCO MVal")


def _clicks(figures: str) -> tuple[Clicks, ...]:
    """Read figures in the order of the data sets, ``"1.54/1.68 -/2.60"``; ``-/-`` where there is none."""
    read = []
    for dataset, text in zip(_DATASETS, figures.split(), strict=False):
        noc85, noc90 = (None if part == "-" else float(part) for part in text.split("/"))
        if noc90 is not None:
            read.append(Clicks(dataset, noc85, noc90))
    return tuple(read)


def _ritm(name: str, architecture: str, trained_on: str, file: str, size: str, figures: str = "") -> ReleasedWeights:
    return ReleasedWeights(
        name=f"ritm-{name}",
        methods=("ritm",),
        architecture=architecture,
        trained_on=trained_on,
        addresses=(f"{_RITM}/releases/download/v1.0/{file}",),
        page=_RITM,
        file=file,
        size=size,
        licence="MIT",
        clicks=_clicks(figures),
    )


def _simpleclick(size: str, architecture: str, data: str, figures: str = "") -> ReleasedWeights:
    return ReleasedWeights(
        name=f"simpleclick-{size}-{data}",
        methods=("simpleclick", "cfr-icl"),
        architecture=architecture,
        trained_on={"sbd": _SBD, "cocolvis": _COCO_LVIS}[data],
        page=_SIMPLECLICK,
        file=f"{data}_{size.replace('-', '_')}.pth",
        licence=MAE_TERMS,
        non_commercial=True,
        clicks=_clicks(figures),
    )


def _adaptiveclick(size: str, architecture: str, data: str, figures: str = "") -> ReleasedWeights:
    return ReleasedWeights(
        name=f"adaptiveclick-vit-{size}-{data}",
        methods=("adaptiveclick",),
        architecture=architecture,
        trained_on={"sbd": _SBD, "cocolvis": _COCO_LVIS}[data],
        page=_ADAPTIVECLICK,
        file=f"adaptiveclick_{size}448_{data}.pth",
        licence=MAE_TERMS,
        non_commercial=True,
        clicks=_clicks(figures),
    )


def _focalclick(name: str, architecture: str, trained_on: str, size: str, figures: str = "") -> ReleasedWeights:
    segformer = "segformer" in name
    return ReleasedWeights(
        name=f"focalclick-{name}",
        methods=("focalclick",),
        architecture=architecture,
        trained_on=trained_on,
        page=_FOCALCLICK,
        size=size,
        licence=SEGFORMER_TERMS if segformer else "Apache-2.0",
        non_commercial=segformer,
        clicks=_clicks(figures),
    )


_TABLE = (
    _ritm(
        "hrnet18-sbd", "HRNet18 IT-M", _SBD, "sbd_h18_itermask.pth", "38.8 MB", "1.76/2.04 -/3.22 3.39/5.43 4.94/6.71"
    ),
    _ritm(
        "hrnet18-cocolvis-baseline",
        "HRNet18, without mask guidance",
        _COCO_LVIS,
        "coco_lvis_h18_baseline.pth",
        "38.8 MB",
    ),
    _ritm(
        "hrnet18s-cocolvis",
        "HRNet18s IT-M",
        _COCO_LVIS,
        "coco_lvis_h18s_itermask.pth",
        "16.5 MB",
        "1.54/1.68 -/2.60 4.04/6.48 4.70/5.98 5.34/7.57 3.71/5.96",
    ),
    _ritm(
        "hrnet18-cocolvis",
        "HRNet18 IT-M",
        _COCO_LVIS,
        "coco_lvis_h18_itermask.pth",
        "38.8 MB",
        "-/1.54 -/2.26 -/6.05 -/5.74",
    ),
    _ritm(
        "hrnet32-cocolvis",
        "HRNet32 IT-M",
        _COCO_LVIS,
        "coco_lvis_h32_itermask.pth",
        "119 MB",
        "1.46/1.56 -/2.10 3.59/5.71 4.11/5.34 4.74/6.74 3.68/5.57",
    ),
    ReleasedWeights(
        name="cfr-icl-vit-huge-cocolvis",
        methods=("cfr-icl", "simpleclick"),
        architecture="ViT-H/14 448",
        trained_on=_COCO_LVIS,
        addresses=tuple(
            f"{_CFR}/releases/download/v1.0/cocolvis_icl_vit_huge.pth.7z.{volume:03}" for volume in (1, 2, 3)
        ),
        page=_CFR,
        file="cocolvis_icl_vit_huge.pth",
        # From the number of parameters; the authors state none.
        size="about 2.6 GB",
        licence="CC BY-NC 4.0",
        non_commercial=True,
        # Table 4, CFR-1.
        clicks=_clicks("-/1.58 -/1.46 -/4.74 -/4.24 -/- -/- -/1.94"),
    ),
    _simpleclick("vit-base", "ViT-B/16 448", "sbd"),
    _simpleclick("vit-large", "ViT-L/16 448", "sbd"),
    _simpleclick("vit-huge", "ViT-H/14 448", "sbd", "1.32/1.44 -/2.09 2.51/4.15 4.20/5.34"),
    _simpleclick("vit-base", "ViT-B/16 448", "cocolvis", "1.38/1.48 -/1.97 3.43/5.62 3.66/5.06"),
    _simpleclick("vit-large", "ViT-L/16 448", "cocolvis"),
    _simpleclick("vit-huge", "ViT-H/14 448", "cocolvis", "1.38/1.50 -/1.75 2.85/4.70 3.41/4.78"),
    ReleasedWeights(
        name="simpleclick-xtiny",
        methods=("simpleclick", "cfr-icl"),
        architecture="ViT-xTiny 448",
        trained_on="as its page says",
        page=_SIMPLECLICK,
        licence=MAE_TERMS,
        non_commercial=True,
    ),
    _adaptiveclick("base", "ViT-B/16 448", "sbd", "1.38/1.46 1.38/2.18 3.22/5.22 4.00/5.14 -/- -/- 2.25/2.66"),
    _adaptiveclick("base", "ViT-B/16 448", "cocolvis"),
    _adaptiveclick("huge", "ViT-H/14 448", "sbd"),
    _adaptiveclick("huge", "ViT-H/14 448", "cocolvis", "-/- -/- 2.84/4.68 3.19/4.60 -/- -/- 1.74/1.96"),
    _focalclick(
        "hrnet18s-s1",
        "HRNet18s, S1 (128 x 128)",
        _COCO_LVIS,
        "16.6 MB",
        "1.64/1.88 1.84/2.89 4.74/7.29 4.77/6.56 5.62/8.08 2.72/3.82 3.24/3.91 2.89/4.00",
    ),
    _focalclick(
        "hrnet18s-s2",
        "HRNet18s, S2 (256 x 256)",
        _COCO_LVIS,
        "16.6 MB",
        "1.48/1.62 1.60/2.23 4.43/6.79 3.90/5.23 4.87/6.87 2.47/3.30 2.93/3.46 2.61/3.59",
    ),
    _focalclick(
        "hrnet32-s2",
        "HRNet32, S2 (256 x 256)",
        _COCO_LVIS,
        "119 MB",
        "1.64/1.80 1.70/2.36 4.24/6.51 4.01/5.39 4.77/6.84 2.32/3.09 2.80/3.35 2.62/3.65",
    ),
    _focalclick(
        "segformer-b0-s1",
        "SegFormer-B0, S1 (128 x 128)",
        _COCO_LVIS,
        "14.4 MB",
        "1.60/1.86 2.05/3.29 4.98/7.60 5.13/7.42 6.21/9.06 2.63/3.69 3.54/4.22 3.08/4.21",
    ),
    _focalclick(
        "segformer-b0-s2",
        "SegFormer-B0, S2 (256 x 256)",
        _COCO_LVIS,
        "14.4 MB",
        "1.40/1.66 1.59/2.27 4.56/6.86 4.04/5.49 5.01/7.22 2.21/3.08 2.97/3.52 2.65/3.59",
    ),
    _focalclick(
        "segformer-b3-s2",
        "SegFormer-B3, S2 (256 x 256)",
        _COCO_LVIS,
        "",
        "1.44/1.50 1.55/1.92 3.53/5.59 3.61/4.90 4.06/5.89 2.00/2.76 2.46/2.88 2.32/3.12",
    ),
    _focalclick(
        "hrnet32-s2-combined",
        "HRNet32, S2 (256 x 256)",
        _COMBINED,
        "119 MB",
        "1.30/1.34 1.49/1.85 4.35/6.61 3.19/4.81 4.80/6.63 2.37/3.26 2.84/3.38 2.80/3.85",
    ),
    _focalclick(
        "segformer-b3-s2-combined",
        "SegFormer-B3, S2 (256 x 256)",
        _COMBINED,
        "",
        "1.22/1.26 1.35/1.48 3.70/5.84 2.92/4.52 3.98/5.75 1.98/2.72 2.54/2.96 2.51/3.33",
    ),
    _focalclick("hrnet18s-s2-sbd", "HRNet18s, S2 (256 x 256)", _SBD, "16.6 MB", "1.86/2.06 -/3.14 4.30/6.52 4.92/6.48"),
    _focalclick(
        "segformer-b0-s2-sbd", "SegFormer-B0, S2 (256 x 256)", _SBD, "14.4 MB", "1.66/1.90 -/3.14 4.34/6.51 5.02/7.06"
    ),
)

RELEASED: MappingProxyType[str, ReleasedWeights] = MappingProxyType({known.name: known for known in _TABLE})
