"""Published configurations have as many parameters as their authors' networks, less those that never had an effect."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest
import torch
from tests.methods import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iseg.models.families import Family

BY_NAME: dict[str, Family] = {family.name: family for family in FAMILIES.values()}


def vit(width: int) -> int:
    """Return what a pretrained ViT carries besides: class token, its position, last norm, the head of ImageNet."""
    return 2 * width + 2 * width + 1000 * width + 1000


def enlarging(channels: int = 256) -> int:
    """Return SimpleClick's two enlarging steps, of which upsample x1 uses neither: each halves the channels."""
    return sum(2 * c * c + c * c // 4 + 3 * c for c in (channels, channels // 2))


def attention(width: int) -> int:
    """Return OCR's queries and keys, without effect where one class leaves a softmax over one entry."""
    return 6 * width * width + 8 * width


# RITM's click stem in the SegFormers, and a gate of the refiner that nothing goes through.
SEGFORMER = (3 * 9 * 16 + 16) + (16 * 9 * 32 + 32) + 1 + (32 + 1)

# Family, configuration, parameters of the authors' network, those of them
# that are dead, the fixture.
TABLE = [
    ("SimpleClick", "vit-base", 98_025_513, vit(768) + enlarging(), "simpleclick_vit_base"),
    ("AdaptiveClick", "vit-base", 121_886_314, vit(768), "adaptiveclick_vit_base"),
    ("RITM", "hrnet18s", 4_220_047, attention(48), "ritm_hrnet18s"),
    ("RITM", "hrnet18", 10_032_019, attention(64), "ritm_hrnet18"),
    ("RITM", "hrnet32", 30_951_363, attention(128), "ritm_hrnet32"),
    ("FocalClick", "segformer-b0-s1", 3_740_773, SEGFORMER, "focalclick_segformer_b0"),
    ("FocalClick", "segformer-b0-s2", 3_740_773, SEGFORMER, "focalclick_segformer_b0"),
    ("FocalClick", "segformer-b3-s2", 45_687_941, SEGFORMER, "focalclick_segformer_b3"),
    ("FocalClick", "hrnet18s-s1", 4_231_377, attention(48), "focalclick_hrnet18s"),
    ("FocalClick", "hrnet18s-s2", 4_231_377, attention(48), "focalclick_hrnet18s"),
]
# What no fixture states is pinned as it is here, beside what the papers say in millions or gigabytes.
OURS = [
    ("SimpleClick", "vit-large", 322_991_809),
    ("SimpleClick", "vit-huge", 660_713_201),
    ("SimpleClick", "xtiny", 3_845_281),
    ("AdaptiveClick", "vit-huge", 706_771_586),
    ("FocalClick", "hrnet32-s2", 30_868_485),
    ("DISNet", "vit-base", 109_223_234),
    ("FocalClick-XL", "base", 138_916_242),
    ("FocalClick-XL", "huge", 688_341_778),
]


@cache
def sizes(family: str, name: str) -> dict[str, int]:
    """Return the number of values in each parameter."""
    with torch.device("meta"):
        network = BY_NAME[family].build(BY_NAME[family].configs[name])
    return {key: parameter.numel() for key, parameter in network.named_parameters()}


def count(family: str, name: str, part: str = "") -> int:
    return sum(number for key, number in sizes(family, name).items() if key.startswith(part))


@pytest.mark.parametrize(("family", "name", "upstream", "dead", "fixture"), TABLE)
def test_ours_and_the_dead_ones_are_the_authors(family: str, name: str, upstream: int, dead: int, fixture: str) -> None:
    assert count(family, name) + dead == upstream


@pytest.mark.parametrize(("family", "name", "upstream", "dead", "fixture"), TABLE)
def test_the_fixtures_say_the_same(
    shared: Path, family: str, name: str, upstream: int, dead: int, fixture: str
) -> None:
    manifest = json.loads((shared / "parity" / f"{fixture}.manifest.json").read_text())
    assert {**manifest["config"], **manifest}["num_parameters"] == upstream


@pytest.mark.parametrize(("family", "name", "expected"), OURS)
def test_other_published_configurations_keep_their_size(family: str, name: str, expected: int) -> None:
    assert count(family, name) == expected


def test_every_configuration_that_was_published_is_counted() -> None:
    counted = {row[:2] for row in TABLE} | {row[:2] for row in OURS}
    ours = {("FocalClick-XL", "small"), ("FocalClick-XL", "compact")}
    there = {(family.name, name) for family in BY_NAME.values() for name in family.configs if name != "tiny"}
    assert counted == there - ours


def test_what_papers_and_releases_state_in_round_numbers() -> None:
    # CFR-ICL's file, 4 bytes a number, is about 2.6 GB.
    huge = count("SimpleClick", "vit-huge") + vit(1280) + enlarging()
    assert 4 * huge == pytest.approx(2.6e9, rel=0.03)
    # FocalClick, table 1: the segmentors of HRNet32 (RITM's network), B0, B3 and HRNet18s, and three refiners.
    assert count("FocalClick", "hrnet32-s2", "segmentor") == count("RITM", "hrnet32")
    stem = SEGFORMER - 33
    assert count("FocalClick", "segformer-b0-s2", "segmentor") == pytest.approx(3.72e6, abs=5e3)
    assert count("FocalClick", "segformer-b3-s2", "segmentor") + stem == pytest.approx(45.6e6, rel=2e-3)
    assert count("FocalClick", "hrnet18s-s2", "segmentor") + attention(48) == pytest.approx(4.22e6, abs=5e3)
    for name, thousands in (("segformer-b0-s2", 16), ("segformer-b3-s2", 25), ("hrnet18s-s2", 11)):
        assert count("FocalClick", name, "refiner") / 1000 == pytest.approx(thousands, abs=0.5)
    # FocalClick-XL on SAM's encoders: 145 M and 693 M with what the paper leaves open.
    assert count("FocalClick-XL", "base") == pytest.approx(145e6, rel=0.05)
    assert count("FocalClick-XL", "huge") == pytest.approx(693e6, rel=0.01)
