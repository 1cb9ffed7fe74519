"""Dark planes are brightened, others are not touched."""

import numpy as np
import pytest

from napari_iseg import Click, make_predictor, open_session
from napari_iseg.inference.encoded_image import EncodedImage
from napari_iseg.planes.brightening import brightened

SHAPE = (96, 120)


def nucleus(ground=4, core=240):
    """Return a nucleus whose light fades towards its rim, on a ground of one grey value, and its distance map."""
    away = np.hypot(*(np.ogrid[: SHAPE[0], : SHAPE[1]][n] - (48, 60)[n] for n in (0, 1)))
    grey = np.clip(np.interp(away, (8, 20), (core, ground)), ground, core).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2), away


def test_a_dark_plane_has_the_square_root_of_its_values():
    image, _ = nucleus()
    before = image.copy()
    seen = brightened(image)
    assert seen.dtype == np.uint8
    assert seen.shape == image.shape
    np.testing.assert_array_equal(image, before)
    values = {int(value) for value in np.unique(image)}
    for value in values:
        assert set(np.unique(seen[image == value])) == {round(255 * (value / 240) ** 0.5)}
    # What is brighter stays brighter.
    order = [int(seen[image == value][0]) for value in sorted(values)]
    assert order == sorted(order)


@pytest.mark.parametrize("ground", [61, 128, 255])
def test_other_planes_stay_as_they_are(ground):
    image, _ = nucleus(ground=ground, core=240)
    assert brightened(image) is image


def test_planes_without_any_light_stay_as_they_are():
    image = np.zeros((*SHAPE, 3), np.uint8)
    assert brightened(image) is image


def test_a_few_bright_pixels_on_black_are_no_reason_to_divide_by_zero():
    image = np.zeros((*SHAPE, 3), np.uint8)
    image[3, 4] = 200
    assert brightened(image) is image


def test_each_colour_is_brightened_by_itself():
    image = np.zeros((*SHAPE, 3), np.uint8)
    image[30:60, 30:60] = (0, 100, 25)
    seen = brightened(image)
    assert tuple(seen[40, 40]) == (0, 255, 128)
    assert not seen[0, 0].any()


@pytest.mark.parametrize("brighten", [True, False])
def test_a_method_sees_it_where_its_option_says_so(brighten):
    image, _ = nucleus()
    predictor = make_predictor("focalclick", options={"brighten": brighten}, device="cpu")
    encoded = EncodedImage(image, predictor)
    wanted = brightened(image) if brighten else image
    np.testing.assert_array_equal(encoded.seen, wanted)
    np.testing.assert_array_equal(encoded.encoding().cpu().numpy()[0].transpose(1, 2, 0), wanted)
    assert encoded.fits(image, predictor)


def test_bundled_weights_go_on_to_where_the_light_ends():
    """A real network, on what a nucleus in fluorescence looks like."""
    image, away = nucleus()
    truth = away <= 18
    reached = {}
    for brighten in (False, True):
        session = open_session(image, "focalclick", options={"brighten": brighten}, device="cpu")
        mask = session.add(Click(row=48, column=60))
        reached[brighten] = np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)
    assert reached[True] > reached[False]
