"""Pasting into a whole batch at once is what the host's functions do one by one; here the device is the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.training.running import RECIPE, make_folder

from napari_iseg.training.copy_paste import CopyPaste, exclusion, image_mix, region_mix, simple, union
from napari_iseg.training.data import Crops, load_pictures
from napari_iseg.training.device_crops import DeviceCrops
from napari_iseg.training.device_pasting import Pasted, PastePlan, paste_batch, plan_pasting

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTHING = np.zeros(0, np.int64)
CPU = torch.device("cpu")


def crops(count: int, seed: int) -> Pasted:
    """Return noisy crops with a disc at a random place and a band that is not known."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:31, :45]
    centres = rng.uniform(8, 24, (count, 2, 1, 1))
    inside = np.hypot(rows - centres[:, 0], columns - centres[:, 1]) < 8
    ignored = np.zeros_like(inside)
    ignored[:, 2:5] = True
    rgb = rng.random((count, 3, 31, 45), np.float32)
    return Pasted(torch.from_numpy(rgb), torch.from_numpy(inside), torch.from_numpy(ignored))


def hosts(one: Pasted, number: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    return one.rgb[number].permute(1, 2, 0).numpy(), one.inside[number].numpy()


def plan(**parts: list[int]) -> PastePlan:
    given = {name: np.array(parts.get(name, []), np.int64) for name in ("simple", "combined", "mixed", "modes")}
    count = sum(len(given[name]) for name in ("simple", "combined", "mixed"))
    return PastePlan(shares=np.linspace(0.5, 0.9, count, dtype=np.float32), **given)


def check(found: Pasted, number: int, wanted: tuple[NDArray[np.float32], NDArray[np.bool_]]) -> None:
    np.testing.assert_allclose(found.rgb[number].permute(1, 2, 0).numpy(), wanted[0], atol=1e-6)
    np.testing.assert_array_equal(found.inside[number].numpy(), wanted[1])


def test_objects_move_into_other_images_as_on_the_host() -> None:
    samples, further = crops(4, 0), crops(2, 1)
    chosen = plan(simple=[1, 3])
    found = paste_batch(samples, further, chosen)
    for place, number in enumerate((1, 3)):
        image, inside = hosts(samples, number)
        check(found, number, simple(image, inside, hosts(further, place)[0], float(chosen.shares[place])))
        assert not found.ignored[number].any()
    for number in (0, 2):
        check(found, number, hosts(samples, number))
        assert torch.equal(found.ignored[number], samples.ignored[number])


def test_other_objects_are_pasted_over_and_beside_as_on_the_host() -> None:
    samples, further = crops(4, 0), crops(3, 1)
    chosen = plan(combined=[0, 1, 3], modes=[0, 1, 2])
    found = paste_batch(samples, further, chosen)
    (image, inside), (extra, other) = hosts(samples, 0), hosts(further, 0)
    check(found, 0, exclusion(image, inside, extra, other))
    (image, inside), (extra, other) = hosts(samples, 1), hosts(further, 1)
    check(found, 1, union(image, inside, extra, other))
    (image, inside), (extra, other) = hosts(samples, 3), hosts(further, 2)
    check(found, 3, region_mix(image, inside, extra, other, float(chosen.shares[2])))
    assert torch.equal(found.ignored[0], samples.ignored[0] & ~further.inside[0])
    assert torch.equal(found.ignored[3], samples.ignored[3])


def test_an_object_is_never_pasted_over_to_nothing() -> None:
    samples, further = crops(2, 0), crops(2, 1)
    covering = replace(further, inside=torch.ones_like(further.inside))
    both = plan(combined=[0, 1], modes=[0, 0])
    left = paste_batch(samples, covering, both)
    # Nothing else to try: the samples stay.
    assert torch.equal(left.rgb, samples.rgb)
    assert torch.equal(left.inside, samples.inside)
    covering.inside[1] = further.inside[1]
    left = paste_batch(samples, covering, both)
    # The first takes what was meant for the second.
    check(left, 0, exclusion(*hosts(samples, 0), *hosts(covering, 1)))
    assert bool((left.inside.sum((1, 2)) > 20).all())


def test_whole_images_are_mixed_as_on_the_host() -> None:
    samples, further = crops(3, 0), crops(1, 1)
    chosen = plan(mixed=[2])
    found = paste_batch(samples, further, chosen)
    image, inside = hosts(samples, 2)
    check(found, 2, (image_mix(image, hosts(further, 0)[0], float(chosen.shares[0])), inside))
    assert torch.equal(found.ignored, samples.ignored)


def test_as_many_samples_are_changed_as_on_the_host() -> None:
    chances = [np.random.default_rng([0, number]) for number in range(2000)]
    drawn = plan_pasting(CopyPaste(paste=0.5, mix=0.25), chances)
    assert len(drawn.simple) == pytest.approx(1000, abs=100)
    assert len(drawn.combined) == pytest.approx(1000, abs=100)
    assert len(drawn.mixed) == pytest.approx(500, abs=80)
    assert 0.5 <= drawn.shares.min() <= drawn.shares.max() <= 1
    assert set(drawn.modes.tolist()) == {0, 1, 2}
    assert not len(plan_pasting(CopyPaste(paste=0, mix=0), chances).owners)


def test_pasted_batches_are_functions_of_their_numbers_and_have_the_hosts_objects(tmp_path) -> None:
    recipe = replace(RECIPE.data, copy_paste=0.5, image_mix=0.5)
    pictures = load_pictures([make_folder(tmp_path / "cells")], recipe)
    device = DeviceCrops(Crops(pictures, recipe, size=48, seed=3), [], CPU)
    rgb, target = device.draw(range(200))
    again = DeviceCrops(Crops(pictures, recipe, size=48, seed=3), [], CPU).draw(range(200))
    assert torch.equal(rgb, again[0])
    assert torch.equal(target, again[1])
    assert rgb.shape == (200, 3, 48, 48)
    assert 0 <= rgb.min() <= rgb.max() <= 1
    host = Crops(pictures, recipe, size=48, seed=4)
    theirs = [(host[number][1] == 1).float().mean() for number in range(200)]
    own = (target == 1).float().mean((1, 2))
    assert float(own.mean()) == pytest.approx(float(np.mean(theirs)), rel=0.35)
    assert bool((own > 0).all())
