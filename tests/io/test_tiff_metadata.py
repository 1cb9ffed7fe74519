"""ImageJ's and OME's TIFFs: channels with names and colours, limits, time, colours in planes, and large stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_iseg.errors import ImageError
from napari_iseg.io import read_image
from napari_iseg.io.readers import open_layers

if TYPE_CHECKING:
    from pathlib import Path

FILM = np.random.default_rng(4).integers(0, 4000, (3, 4, 2, 25, 31)).astype(np.uint16)
ZYX = {"metadata": {"axes": "ZYX"}}


def test_an_imagej_hyperstack_becomes_a_layer_for_each_channel(tmp_path: Path) -> None:
    tables = [np.stack([np.arange(256) * (channel == on) for channel in range(3)]).astype(np.uint8) for on in (1, 0)]
    metadata = {"axes": "TZCYX", "spacing": 2.5, "unit": "um", "finterval": 30.0, "Ranges": (10.0, 900.0, 20.0, 800.0)}
    tifffile.imwrite(
        tmp_path / "cells.tif",
        FILM,
        imagej=True,
        resolution=(4, 2),
        metadata={**metadata, "LUTs": tables, "mode": "composite"},
    )
    first, second = open_layers(tmp_path / "cells.tif")
    np.testing.assert_array_equal(second[0], FILM[:, :, 1])
    attributes = second[1]
    assert attributes["name"] == "cells channel 2"
    assert attributes["scale"] == (30, 2.5, 0.5, 0.25)
    assert attributes["units"] == ("s", "um", "um", "um")
    assert attributes["axis_labels"] == ("t", "z", "y", "x")
    assert (first[1]["contrast_limits"], attributes["contrast_limits"]) == ((10, 900), (20, 800))
    assert attributes["colormap"][1].tolist() == [1, 0, 0, 1]
    assert attributes["metadata"]["napari_iseg"]["image"].header == "TZYX"


def test_ome_tiff_names_its_channels_and_sizes(tmp_path: Path) -> None:
    metadata = {
        "axes": "TZCYX",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 2.0,
        "PhysicalSizeZUnit": "µm",
        "TimeIncrement": 500,
        "TimeIncrementUnit": "ms",
        "Channel": {"Name": ["DAPI", "actin"], "Color": [255 << 8 | 255, -16776961]},
    }
    tifffile.imwrite(tmp_path / "cells.ome.tif", FILM, metadata=metadata)
    first, second = open_layers(tmp_path / "cells.ome.tif")
    assert [layer[1]["name"] for layer in (first, second)] == ["cells.ome DAPI", "cells.ome actin"]
    assert first[1]["scale"] == (500, 2, 0.5, 0.25)
    assert first[1]["units"] == ("ms", "um", "um", "um")
    assert first[1]["colormap"][1].tolist() == [0, 0, 1, 1]
    assert second[1]["colormap"][1].tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(second[0], FILM[:, :, 1])


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("large", [False, True])
def test_colours_in_pixels_or_in_planes(
    planar: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = np.random.default_rng(2).integers(0, 255, (4, 25, 31, 3)).astype(np.uint8)
    written = colours if planar == "contig" else np.moveaxis(colours, -1, 1)
    tifffile.imwrite(tmp_path / "rgb.tif", written, photometric="rgb", planarconfig=planar)
    if large:
        monkeypatch.setattr("napari_iseg.io.tiff_files.SMALL", 0)
    ((data, attributes, _),) = open_layers(tmp_path / "rgb.tif")
    assert attributes["rgb"] is True
    assert isinstance(data, da.Array) == large
    np.testing.assert_array_equal(np.asarray(data), colours)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, ZYX | {"imagej": True}, ZYX | {"ome": True}]
)
def test_large_stacks_are_read_plane_by_plane(options: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.tiff_files.SMALL", 0)
    file = tmp_path / "stack.tif"
    tifffile.imwrite(file, FILM[0, :, 0], photometric="minisblack", **options)
    ((data, attributes, _),) = open_layers(file)
    assert data.numblocks == (4, 1, 1)
    np.testing.assert_array_equal(data[2].compute(), FILM[0, 2, 0])
    assert attributes["contrast_limits"] == (FILM[0, 1, 0].min(), FILM[0, 1, 0].max())
    away = file.rename(tmp_path / "away.tif")
    with pytest.raises(ImageError, match=r"stack\.tif cannot be read any more"):
        data[3].compute()
    away.rename(file)
    np.testing.assert_array_equal(data[3].compute(), FILM[0, 3, 0])


def test_a_pyramid_is_a_multiscale_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.tiff_files.SMALL", 0)
    page = FILM[0, 0, 0]
    with tifffile.TiffWriter(tmp_path / "slide.tif") as writer:
        writer.write(page, tile=(16, 16), subifds=1)
        writer.write(page[::2, ::2], tile=(16, 16), subfiletype=1)
    ((levels, attributes, _),) = open_layers(tmp_path / "slide.tif")
    assert attributes["multiscale"] is True
    assert [level.shape for level in levels] == [(25, 31), (13, 16)]
    assert read_image(tmp_path / "slide.tif").data.shape == (25, 31)


@pytest.mark.parametrize("dtype", [">u2", ">f4", "bool", "int64", "float16", "complex64"])
def test_values_of_every_type(dtype: str, tmp_path: Path) -> None:
    values = (np.arange(5 * 25 * 31).reshape(5, 25, 31) % 90).astype(dtype)
    if dtype == "complex64":
        values = (values * (3 + 4j)).astype(dtype)
    # tifffile writes in the byte order that it is told, not in that of the values.
    tifffile.imwrite(
        tmp_path / "values.tif", values, byteorder=">" if dtype[0] == ">" else "<", photometric="minisblack"
    )
    loaded = read_image(tmp_path / "values.tif")
    assert loaded.data.dtype.isnative
    if dtype == "complex64":
        np.testing.assert_allclose(loaded.data, np.abs(values))
        assert "magnitude" in loaded.shown.notes[0]
    else:
        np.testing.assert_array_equal(loaded.data, values)
    assert loaded.data.dtype != np.float16
