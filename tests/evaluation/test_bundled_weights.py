"""The weights that ship answer clicks on a real photograph: a coin, as somebody would click it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from napari_iseg.evaluation import evaluate_object
from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.session import Session
from napari_iseg.zoo import METHODS

COINS = data.coins()
# Of the coins in the lower right, which a threshold finds whole.
PLACE = (264, 300)


def coin() -> np.ndarray:
    parts, _ = ndimage.label(ndimage.binary_opening(ndimage.binary_fill_holes(COINS > 120), iterations=2))
    return parts == parts[PLACE]


def test_the_reference_is_one_coin() -> None:
    rows, columns = np.nonzero(coin())
    assert np.ptp(rows) == 47
    assert np.ptp(columns) == 49


@pytest.mark.parametrize("method", [spec.name for spec in METHODS.values() if spec.weights])
def test_bundled_weights_find_a_coin(method: str) -> None:
    image = np.repeat(COINS[..., None], 3, axis=2)
    result = evaluate_object(
        Session(image, make_predictor(method)), coin().astype(np.int8), max_clicks=6, target_iou=0.85
    )
    assert max(result.ious) >= 0.85, result.ious
