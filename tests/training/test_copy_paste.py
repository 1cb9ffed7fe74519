"""SUEM against the released code's images, and the chances of its modes."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_iseg.training.copy_paste import (
    CopyPaste,
    LabelledImage,
    blend,
    copy_paste,
    exclusion,
    image_mix,
    region_mix,
    simple,
    union,
)

if TYPE_CHECKING:
    from pathlib import Path


class Golden:
    """The fixtures' source, extra and expected results."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location("seeded_vit", folder / "seeded_vit.py")
        assert spec is not None
        assert spec.loader is not None
        seeded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(seeded)
        self.arrays = np.load(folder / "suem.npz")
        rows, columns = int(self.arrays["height"]), int(self.arrays["width"])
        self.image = seeded.seeded_image(rows, columns, int(self.arrays["src_image_seed"]))
        self.extra = seeded.seeded_image(rows, columns, int(self.arrays["ext_image_seed"]))
        self.inside = self.arrays["src_mask"] == 1
        self.other = self.arrays["ext_mask"] == 1
        self.shares: dict[str, Any] = json.loads(str(self.arrays["alphas"]))

    def check(self, name: str, image: np.ndarray, target: np.ndarray) -> None:
        difference = np.abs(image.astype(int) - self.arrays[f"{name}_image"].astype(int))
        assert difference.max() <= 1, name
        np.testing.assert_array_equal(target, self.arrays[f"{name}_mask"] == 1)


@pytest.fixture
def golden(shared: Path) -> Golden:
    return Golden(shared / "parity")


def test_the_golden_images_are_the_seeded_ones(golden: Golden) -> None:
    golden.check("none", golden.image, golden.inside)


def test_simple_golden(golden: Golden) -> None:
    golden.check("simple", *simple(golden.image, golden.inside, golden.extra, golden.shares["simple"]))


def test_exclusion_and_union_golden(golden: Golden) -> None:
    golden.check("exclusion", *exclusion(golden.image, golden.inside, golden.extra, golden.other))
    golden.check("union", *union(golden.image, golden.inside, golden.extra, golden.other))


def test_region_mix_golden(golden: Golden) -> None:
    share = golden.shares["region_mix"]
    golden.check("region_mix", *region_mix(golden.image, golden.inside, golden.extra, golden.other, share))


def test_image_mix_golden(golden: Golden) -> None:
    golden.check("image_mix", image_mix(golden.image, golden.extra, golden.shares["image_mix"]), golden.inside)


def test_simple_then_union_then_mix_golden(golden: Golden) -> None:
    first, _, last = golden.shares["simple_union_mix"]
    image, target = simple(golden.image, golden.inside, golden.extra, first)
    image, target = union(image, target, golden.extra, golden.other)
    golden.check("simple_union_mix", image_mix(image, golden.extra, last), target)


@pytest.mark.parametrize("mode", ["none", "simple", "exclusion", "union", "region_mix", "image_mix", "all"])
def test_the_sampler_makes_the_golden_images_when_its_draws_are_forced(golden: Golden, mode: str) -> None:
    """Every draw is prepared, so that one more or one fewer, or another order, shows."""
    hit, miss = 0.0, 0.9

    def draw_for(share: float) -> float:
        return 2 * share - 1

    shares = golden.shares
    prepared: dict[str, list[float | int]] = {
        "none": [miss, miss, miss],
        "simple": [hit, draw_for(shares["simple"]), miss, miss],
        "exclusion": [miss, hit, 0, miss],
        "union": [miss, hit, 1, miss],
        "region_mix": [miss, hit, 2, draw_for(shares["region_mix"]), miss],
        "image_mix": [miss, miss, hit, draw_for(shares["image_mix"])],
        "all": [hit, draw_for(0.8), hit, 1, hit, draw_for(0.625)],
    }
    chance = Prepared(prepared[mode])
    sample = LabelledImage(golden.image, golden.inside.astype(np.int8))
    extra = LabelledImage(golden.extra, golden.other.astype(np.int8))
    made = copy_paste(sample, CopyPaste(), chance, draw=lambda: extra, pick=lambda one: one.labels == 1)  # type: ignore[arg-type]
    assert not chance.left
    golden.check("simple_union_mix" if mode == "all" else mode, made.image, made.labels == 1)


class Prepared:
    """A source of chance that says what it was told to."""

    def __init__(self, left: list[float | int]) -> None:
        self.left = left

    def random(self) -> float:
        value = self.left.pop(0)
        assert isinstance(value, float)
        return value

    def integers(self, high: int) -> int:
        value = self.left.pop(0)
        assert isinstance(value, int)
        assert value < high
        return value


def flat(value: int, *objects: tuple[slice, slice]) -> LabelledImage:
    """Return (30, 40) of one grey with objects at some places."""
    labels = np.zeros((30, 40), np.int8)
    for number, place in enumerate(objects, 1):
        labels[place] = number
    return LabelledImage(np.full((30, 40, 3), value, np.uint8), labels)


def test_modes_come_as_often_as_published() -> None:
    source = flat(0, np.s_[5:20, 5:20])
    extra = flat(200, np.s_[10:25, 15:35])
    inside, other = source.labels == 1, extra.labels == 1
    rng = np.random.default_rng(0)
    kinds: Counter[str] = Counter()
    count = 6000
    for _ in range(count):
        made = copy_paste(source, CopyPaste(), rng, draw=lambda: extra, pick=lambda one: one.labels == 1)
        target = made.labels == 1
        kinds["exclusion"] += np.array_equal(target, inside & ~other)
        kinds["union"] += np.array_equal(target, inside | other)
        kinds["touched"] += not np.array_equal(made.image, source.image)
        # Far from both objects only the simple mode shows the other image whole, and mixing shows half of it or less.
        corner = made.image[0, 0, 0]
        kinds["simple"] += corner == 200
        kinds["mixed"] += 0 < corner < 200
    share = {name: number / count for name, number in kinds.items()}
    for name, expected in {
        "exclusion": 0.5 / 3,
        "union": 0.5 / 3,
        "touched": 7 / 8,
        "simple": 0.5,
        "mixed": 0.25,
    }.items():
        assert share[name] == pytest.approx(expected, abs=0.025), name


def test_shares_are_uniform_over_the_upper_half() -> None:
    source, extra = flat(200, np.s_[5:20, 5:20]), flat(0)
    rng = np.random.default_rng(1)
    always = CopyPaste(paste=0.0, mix=1.0)
    values = [
        copy_paste(source, always, rng, draw=lambda: extra, pick=lambda one: one.labels == 1).image[0, 0, 0] / 200
        for _ in range(2000)
    ]
    assert min(values) >= 0.5
    assert np.histogram(values, bins=5, range=(0.5, 1))[0] == pytest.approx(400, rel=0.25)


def test_an_object_that_would_hide_the_sample_is_refused_after_five_tries() -> None:
    source = flat(10, np.s_[5:10, 5:10])
    covering = flat(200, np.s_[0:9, 0:30])
    drawn: list[LabelledImage] = []

    def draw() -> LabelledImage:
        drawn.append(covering)
        return covering

    chance = Prepared([0.9, 0.0, 0.9])
    made = copy_paste(source, CopyPaste(), chance, draw=draw, pick=lambda one: one.labels == 1)  # type: ignore[arg-type]
    assert made is source
    assert len(drawn) == 5


def test_ignored_pixels_stay_ignored_where_they_still_show() -> None:
    source = flat(10, np.s_[5:20, 5:20])
    source.labels[:, 30:] = -1
    extra = flat(200, np.s_[0:30, 35:40])
    for mode in (0, 1, 2):
        chance = Prepared([0.9, 0.0, mode, *([0.5] if mode == 2 else []), 0.9])
        made = copy_paste(source, CopyPaste(), chance, draw=lambda: extra, pick=lambda one: one.labels == 1)  # type: ignore[arg-type]
        assert (made.labels[:, 30:35] == -1).all()
        assert (made.labels[:, 35:] == (0, 1, -1)[mode]).all()


def test_blending_rounds_whole_numbers_only() -> None:
    first, second = np.array([255, 3, 0], np.uint8), np.array([254, 0, 255], np.uint8)
    assert blend(first, 0.75, second).tolist() == [255, 2, 64]
    np.testing.assert_allclose(blend(first / 255, 0.75, second / 255) * 255, [254.75, 2.25, 63.75])
