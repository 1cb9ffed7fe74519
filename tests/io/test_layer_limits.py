"""The contrast that the window begins with is known without it: napari's own layers say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Layer

from napari_iseg.io import read_image
from napari_iseg.io.layer_limits import layer_limits, napari_range
from napari_iseg.io.readers import layers_of
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64, np.int32, bool])
@pytest.mark.parametrize("shape", [(17, 23), (5, 17, 23), (2, 3, 17, 23), (6, 1300, 1301)])
def test_napari_begins_with_the_same_range(dtype: Any, shape: tuple[int, ...]) -> None:
    data = (RNG.normal(200, 60, shape) > 200) if dtype is bool else RNG.normal(200, 60, shape).astype(dtype)
    if len(shape) > 2:
        data[1] = data[1] * (0 if dtype is bool else 2)
    if np.dtype(dtype).kind == "f":
        data[..., 0, 0] = np.nan
    assert napari_range(data) == tuple(Image(data).contrast_limits)


def test_planes_that_are_very_large_are_looked_at_in_their_middle() -> None:
    data = RNG.integers(0, 50000, (1, 3400, 3001), dtype=np.uint16)
    assert napari_range(data) == tuple(Image(data).contrast_limits)
    assert napari_range(data) != (data.min(), data.max())


def test_limits_of_the_file_and_of_each_channel(tmp_path: Path) -> None:
    data = RNG.integers(10, 900, (2, 4, 33, 41), dtype=np.uint16)
    data[1] += 5000
    path = tmp_path / "two.ome.tif"
    tifffile.imwrite(path, data, metadata={"axes": "CZYX", "Channel": {"Name": ["a", "b"]}})
    loaded = read_image(path, lazy=True)
    layers = [Layer.create(*one) for one in layers_of(loaded, str(path))]
    assert len(layers) == 2
    for channel, layer in enumerate(layers):
        address = PlaneAddress.shown((2, 3), (channel, 1, 0, 0))
        assert layer_limits(loaded, address) == tuple(layer.contrast_limits)
    assert layer_limits(loaded, PlaneAddress.shown((2, 3), (1, 1, 0, 0)))[0] > 5000


def test_what_has_no_limits_to_set(tmp_path: Path) -> None:
    for name, data in (("flat", np.full((21, 23), 7, np.uint16)), ("bytes", RNG.integers(0, 99, (21, 23), np.uint8))):
        tifffile.imwrite(tmp_path / f"{name}.tif", data)
        assert layer_limits(read_image(tmp_path / f"{name}.tif"), PlaneAddress()) is None
