"""PNG and TIFF: read as they are, written so that other programs open them with the right ids and spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iseg.errors import ExportError
from napari_iseg.io import read_image, write_labels, write_probability

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 255, (21, 34), dtype=np.uint8)
COLOUR = RNG.integers(0, 255, (21, 34, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "mode", "shape", "dtype"),
    [
        ("grey.png", "L", (21, 34), np.uint8),
        ("deep.png", "I;16", (21, 34), np.uint16),
        ("bits.png", "1", (21, 34), np.bool_),
        ("colour.png", "RGB", (21, 34, 3), np.uint8),
        ("alpha.png", "RGBA", (21, 34, 4), np.uint8),
        ("greyalpha.png", "LA", (21, 34), np.uint8),
        ("palette.png", "P", (21, 34, 3), np.uint8),
        ("colour.jpg", "RGB", (21, 34, 3), np.uint8),
        ("print.JPEG", "CMYK", (21, 34, 3), np.uint8),
        ("grey.bmp", "L", (21, 34), np.uint8),
    ],
)
def test_pictures(name: str, mode: str, shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    source = Image.fromarray(GREY.astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
    source.save(tmp_path / name)
    loaded = read_image(tmp_path / name)
    assert (loaded.data.shape, loaded.data.dtype, loaded.rgb) == (shape, dtype, len(shape) == 3)
    assert loaded.grid_shape == (21, 34)
    assert loaded.spacing == (1.0, 1.0)
    if mode not in ("CMYK", "LA", "P") and not name.endswith(".jpg"):
        np.testing.assert_array_equal(loaded.data, iio.imread(tmp_path / name))


def test_palettes_become_their_colours(tmp_path: Path) -> None:
    palette = Image.fromarray(GREY % 2).convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "palette.png").data, np.array([[10, 20, 30], [200, 100, 50]])[GREY % 2]
    )


@pytest.mark.parametrize(
    ("axes", "shape", "rgb", "grid"),
    [
        ("YX", (21, 34), False, "YX"),
        ("YXS", (21, 34, 3), True, "YX"),
        ("ZYX", (5, 21, 34), False, "ZYX"),
        ("TZYX", (2, 5, 21, 34), False, "TZYX"),
        ("ZYXS", (5, 21, 34, 4), True, "ZYX"),
        ("ZCYX", (5, 2, 21, 34), False, "ZCYX"),
        ("CYX", (3, 21, 34), False, "CYX"),
    ],
)
@pytest.mark.parametrize("ome", [False, True])
def test_tiff_axes(axes: str, shape: tuple[int, ...], rgb: bool, grid: str, ome: bool, tmp_path: Path) -> None:
    data = RNG.integers(0, 255, shape, dtype=np.uint8)
    photometric = "rgb" if "S" in axes else "minisblack"
    file = tmp_path / ("image.ome.tif" if ome else "image.tif")
    tifffile.imwrite(file, data, metadata={"axes": axes}, photometric=photometric)
    loaded = read_image(file)
    np.testing.assert_array_equal(loaded.data, data)
    assert (loaded.rgb, loaded.header) == (rgb, grid)
    assert len(loaded.spacing) == len(grid)
    labels = RNG.integers(0, 9, loaded.grid_shape)
    np.testing.assert_array_equal(tifffile.imread(write_labels(tmp_path / "labels.tif", labels, loaded)), labels)


def test_planar_colours_are_moved_to_the_end(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "planar.tif", np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate")
    loaded = read_image(tmp_path / "planar.tif")
    np.testing.assert_array_equal(loaded.data, COLOUR)
    assert loaded.rgb


def test_pages_written_by_pillow_with_lzw(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.roll(GREY, shift)) for shift in range(4)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "pages.tif").data, [np.roll(GREY, shift) for shift in range(4)])


def test_spacing_of_imagej_and_ome(tmp_path: Path) -> None:
    stack = RNG.integers(0, 60000, (5, 21, 34), dtype=np.uint16)
    metadata = {"axes": "ZYX", "spacing": 2.5, "unit": "micron"}
    tifffile.imwrite(tmp_path / "imagej.tif", stack, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    loaded = read_image(tmp_path / "imagej.tif")
    assert (loaded.spacing, loaded.units) == ((2.5, 0.5, 0.25), "um")
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.5}
    metadata |= {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    tifffile.imwrite(tmp_path / "image.ome.tif", stack, metadata=metadata)
    loaded = read_image(tmp_path / "image.ome.tif")
    assert (loaded.spacing, loaded.units) == ((2.5, 0.5, 0.25), "nm")


def test_dots_per_inch_are_no_spacing(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "scan.tif", dpi=(300, 300))
    assert read_image(tmp_path / "scan.tif").spacing == (1.0, 1.0)


@pytest.mark.parametrize(("highest", "dtype"), [(255, np.uint8), (65535, np.uint16), (65536, np.uint32)])
@pytest.mark.parametrize("shape", [(21, 34), (5, 21, 34), (2, 5, 21, 34)])
def test_tiff_labels_are_small_and_keep_their_spacing(
    highest: int, dtype: type, shape: tuple[int, ...], tmp_path: Path
) -> None:
    labels = np.zeros(shape, np.int64)
    labels[..., 3:9, 4:20] = highest
    spacing = (30.0, 2.5, 0.5, 0.25)[-len(shape) :]
    file = write_labels(tmp_path / "labels.tif", labels, spacing=spacing)
    again = tifffile.imread(file)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, labels)
    assert file.stat().st_size < labels.astype(dtype).nbytes or labels.size < 2000
    loaded = read_image(file)
    np.testing.assert_allclose(loaded.spacing, spacing, rtol=1e-6)
    with tifffile.TiffFile(file) as tiff:
        assert tiff.is_imagej == (dtype != np.uint32)
    with Image.open(file) as pages:
        for page in range(pages.n_frames):
            pages.seek(page)
            np.testing.assert_array_equal(np.array(pages), labels.reshape(-1, 21, 34)[page])


@pytest.mark.parametrize(("highest", "dtype"), [(1, np.uint8), (300, np.uint16)])
def test_png_labels(highest: int, dtype: type, tmp_path: Path) -> None:
    labels = (GREY > 100) * highest
    again = iio.imread(write_labels(tmp_path / "labels.png", labels))
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_array_equal(iio.imread(write_labels(tmp_path / "mask.png", GREY > 100)), GREY > 100)


def test_probability(tmp_path: Path) -> None:
    values = RNG.random((21, 34))
    again = np.load(write_probability(tmp_path / "p.npy", values), allow_pickle=False)
    np.testing.assert_array_equal(again, values.astype(np.float32))
    with pytest.raises(ExportError, match=r"\.npy"):
        write_probability(tmp_path / "p.png", values)
