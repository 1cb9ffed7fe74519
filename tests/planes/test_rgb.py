"""Any plane becomes 8-bit RGB, or one sentence says why not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_iseg.errors import ImageError
from napari_iseg.planes import to_rgb

SHAPE = (21, 34)


def ramp(dtype: str, high: float) -> np.ndarray:
    return np.linspace(0, high, SHAPE[0] * SHAPE[1]).reshape(SHAPE).astype(dtype)


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3), (*SHAPE, 4)])
def test_eight_bit_passes_unchanged(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(3).integers(40, 90, shape, dtype=np.uint8)
    image[..., -1] = 7
    rgb = to_rgb(image)
    assert rgb.shape == (*SHAPE, 3)
    assert rgb.dtype == np.uint8
    expected = image[..., None] if image.ndim == 2 else image[..., :3]
    np.testing.assert_array_equal(rgb, np.broadcast_to(expected, rgb.shape))
    assert not np.shares_memory(rgb, image)


@pytest.mark.parametrize(
    ("dtype", "high"),
    [("uint16", 4000), ("int16", 900), ("int64", 2**40), ("float16", 300), ("float32", 1e-6), ("float64", 1e300)],
)
def test_stretch_fills_the_range(dtype: str, high: float) -> None:
    image = ramp(dtype, high)
    rgb = to_rgb(image)
    assert rgb.min() == 0
    assert rgb.max() == 255
    order = np.argsort(image, axis=None, kind="stable")
    assert (np.diff(rgb[..., 0].ravel()[order].astype(int)) >= 0).all()
    assert abs(float(rgb.mean()) - 127.5) < 3


def test_outliers_do_not_darken_the_rest() -> None:
    image = np.tile(ramp("float32", 100), (3, 3))
    image[5, 5] = 1e9
    assert to_rgb(image)[..., 0].std() > 60


def test_given_limits_rule_even_for_eight_bit() -> None:
    image = np.array([[0, 10, 20], [30, 40, 50]], dtype=np.uint8)
    np.testing.assert_array_equal(to_rgb(image, (10, 40))[..., 1], [[0, 0, 85], [170, 255, 255]])


def test_colour_shares_one_stretch_and_unit_floats_are_kept() -> None:
    unit = np.random.default_rng(0).uniform(0.2, 0.4, (*SHAPE, 3)).astype(np.float32)
    np.testing.assert_array_equal(to_rgb(unit), np.rint(unit * 255.0).astype(np.uint8))
    deep = np.zeros((*SHAPE, 3), dtype=np.uint16)
    deep[..., 0] = ramp("uint16", 4000)
    deep[..., 1] = deep[..., 0] // 2
    rgb = to_rgb(deep)
    assert abs(int(rgb[-1, -1, 1]) - 127) <= 1
    assert (rgb[..., 2] == 0).all()


def test_bool_and_lone_bright_pixels_stay_visible() -> None:
    mask = np.zeros((101, 103), dtype=bool)
    mask[4, 6] = True
    rgb = to_rgb(mask)
    assert rgb[4, 6].tolist() == [255, 255, 255]
    assert int(rgb.sum()) == 3 * 255


@pytest.mark.parametrize("image", [np.full(SHAPE, 900, np.uint16), np.full((*SHAPE, 3), 0.3), np.zeros(SHAPE, bool)])
def test_constant_is_mid_grey(image: np.ndarray) -> None:
    assert (to_rgb(image) == 128).all()


def test_some_nan_becomes_the_lowest_value() -> None:
    image = ramp("float32", 10) + 5
    image[3, :] = np.nan
    rgb = to_rgb(image)
    assert (rgb[3] == 0).all()
    assert rgb.max() == 255


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 5)), "empty"),
        (np.full(SHAPE, np.nan), "NaN"),
        (np.where(np.arange(34) == 3, np.inf, np.zeros(SHAPE)), "infinite"),
        (np.zeros((1, 1), np.uint8), "1 x 1"),
        (np.zeros((1, 30)), "1 x 30"),
        (np.zeros((4, 5, 6, 7)), "(4, 5, 6, 7)"),
        (np.zeros((9, 9, 2), np.uint8), "(9, 9, 2)"),
        (np.zeros(5), "(5,)"),
        (np.full(SHAPE, "a"), "<U1"),
        (np.zeros(SHAPE, complex), "complex128"),
    ],
)
def test_bad_images_are_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        to_rgb(image)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limits", [(5.0, 5.0), (9.0, 2.0), (0.0, float("nan"))])
def test_bad_limits_are_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ImageError, match="contrast limits"):
        to_rgb(ramp("uint16", 100), limits)
