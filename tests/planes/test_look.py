"""How a method looks at a plane: a channel, and limits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import ImageError
from napari_iseg.planes import AS_IT_IS, PlaneLook, to_rgb


def test_as_it_is_is_what_to_rgb_gives() -> None:
    plane = np.arange(7 * 5, dtype=np.uint16).reshape(7, 5) * 100
    assert np.array_equal(AS_IT_IS.rgb(plane), to_rgb(plane))
    assert AS_IT_IS.facts() == {}
    assert PlaneLook.of_facts({"note": "x"}) == AS_IT_IS


def test_a_channel_is_shown_in_grey_and_limits_become_black_and_white() -> None:
    colours = np.random.default_rng(0).integers(0, 255, (7, 5, 4)).astype(np.uint8)
    seen = PlaneLook(channel=2).rgb(colours)
    assert np.array_equal(seen, np.repeat(colours[..., 2:3], 3, axis=2))
    grey = np.array([[0, 100, 150, 200, 300]] * 3, np.uint16)
    assert PlaneLook(limits=(100.0, 200.0)).rgb(grey)[0, :, 0].tolist() == [0, 0, 127, 255, 255]


def test_a_look_survives_a_session_file() -> None:
    for look in (PlaneLook(channel=1), PlaneLook(limits=(3.0, 7.5)), PlaneLook(channel=0, limits=(0.0, 1.0))):
        assert PlaneLook.of_facts(look.facts()) == look


@pytest.mark.parametrize("said", [3, {"limits": [1]}, {"limits": [2, 1]}, {"channel": 5}])
def test_what_cannot_be_is_said(said: object) -> None:
    with pytest.raises(ImageError):
        PlaneLook.of_facts({"look": said})
