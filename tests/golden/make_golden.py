"""Write this folder's golden files from the present code: ``python -m tests.golden.make_golden``.

To be run only when ``tests/models`` and ``tests/inference`` have just passed against the goldens of the released
networks in ``../shared/parity``, so that these files carry that parity to machines without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iseg.inference.click_predictor import ClickPredictor
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click
from napari_iseg.zoo import ClickOptions
from tests.seeded import TINY, WINDOWED, seeded_clicks, seeded_image, seeded_network

if TYPE_CHECKING:
    from napari_iseg.models.simpleclick import SimpleClickConfig

FOLDER = Path(__file__).parent
NETWORKS = {"tiny": TINY, "windowed": WINDOWED}
PREDICTORS = {
    "plain": ClickOptions(min_crop=30),
    "no_flip": ClickOptions(min_crop=30, flip=False, target_size=(64, 96)),
    "cfr2_all": ClickOptions(min_crop=30, cascade_steps=2, cascade_clicks=20),
    "acfr4_first": ClickOptions(min_crop=30, cascade_steps=4, cascade_adaptive=True),
}
PLANE = (75, 110)


def network_output(config: SimpleClickConfig) -> np.ndarray:
    """Return logits (H, W) for two positive clicks, one negative and a previous mask."""
    rows, columns = config.image_size
    image = torch.from_numpy(seeded_image(rows, columns).transpose(2, 0, 1) / 255.0)[None].float()
    mask = (image.mean(dim=1, keepdim=True) > 0.4).float() * 0.8
    clicks = seeded_clicks(rows, columns)[:3]
    points = torch.tensor([[(*clicks[0][:2], 0), (*clicks[1][:2], 1), (*clicks[2][:2], 2), (-1, -1, -1)]])
    with torch.no_grad():
        return np.asarray(seeded_network(config)(torch.cat([image, mask], dim=1), points.float())[0, 0])


def predictor_output(options: ClickOptions) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (5, H, W) after each click, and (5, 5) window corners and number of passes."""
    session = Session(seeded_image(*PLANE), ClickPredictor(seeded_network(TINY, seed=4), options=options))
    maps, windows = [], []
    for row, column, positive in seeded_clicks(*PLANE):
        session.add(Click(row, column, positive))
        answer = session.prediction
        assert answer is not None
        window = answer.window
        maps.append(session.probability)
        windows.append((window.row_start, window.row_stop, window.column_start, window.column_stop, answer.forwards))
    return np.stack(maps), np.array(windows)


def main() -> None:
    """Write the files."""
    outputs = {name: network_output(config)[::4, ::4] for name, config in NETWORKS.items()}
    np.savez_compressed(FOLDER / "simpleclick.npz", **outputs)
    arrays = {}
    for name, options in PREDICTORS.items():
        maps, windows = predictor_output(options)
        arrays[f"{name}_probability"], arrays[f"{name}_windows"] = maps[:, ::3, ::3], windows
    np.savez_compressed(FOLDER / "click_predictor.npz", **arrays)


if __name__ == "__main__":
    main()
