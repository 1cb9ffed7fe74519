"""RITM as its users meet it: from a weights file to a session, against its description step by step."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.seeded import seeded_image
from torch.nn.functional import interpolate

import napari_iseg
from napari_iseg.errors import WeightsError
from napari_iseg.inference.prediction import Window
from napari_iseg.inference.zoom import choose_window, object_window
from napari_iseg.interactions import Click, MaskPrompt
from napari_iseg.models.ritm import FAMILY, RITM
from napari_iseg.zoo import METHODS, make_options
from napari_iseg.zoo.weights import find_weights

if TYPE_CHECKING:
    from pathlib import Path

PLANE = (151, 203)
CLICKS = [
    Click(70, 110),
    Click(90, 131),
    Click(20, 30, positive=False),
    Click(60.5, 101.25),
    Click(110, 160),
    Click(100, 10, positive=False),
]
# Crops smaller than the published 200 pixels, so that they differ from the whole of a small image.
OPTIONS = {"min_crop": 40, "target_size": 64}


def decided_network() -> RITM:
    """Return a tiny network that finds a small object about its positive clicks, so that there is a crop to look at."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = RITM(FAMILY.configs["tiny"]).eval()
    head = network.feature_extractor.cls_head
    image = torch.from_numpy(seeded_image(*PLANE)).permute(2, 0, 1)[None] / 255
    image = torch.cat([image, torch.zeros(1, 1, *PLANE)], dim=1)
    with torch.no_grad():
        network.maps_transform[3].scale.fill_(20.0)
        points = torch.tensor([[[CLICKS[0].row, CLICKS[0].column, 0.0], [-1.0, -1.0, -1.0]]])
        logits = network(image, points)
        near = logits[0, 0, 70, 110]
        sign = torch.sign(near - logits.median())
        head.weight *= sign / logits.std()
        head.bias.zero_()
        head.bias -= network(image, points).quantile(0.99)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weights file of a tiny network."""
    path = tmp_path_factory.mktemp("ritm") / "tiny.safetensors"
    FAMILY.save(path, decided_network(), {})
    return path


def described_answers(network: RITM, image: np.ndarray, clicks: list[Click], options: Any) -> list[np.ndarray]:
    """Return the probabilities after each click, written down as the method is described, with inclusive crops."""
    rows, columns = image.shape[:2]
    rgb = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    mask = torch.zeros(1, 1, rows, columns)
    kept: tuple[int, int, int, int] | None = None
    answers = []
    for count in range(1, len(clicks) + 1):
        given = clicks[:count]
        roi = None
        if count > 1 and (mask > 0.5).any():
            roi = kept = _described_roi(mask[0, 0].numpy(), given, kept, options)
        else:
            kept = None
        r0, r1, c0, c1 = roi or (0, rows - 1, 0, columns - 1)
        crop = torch.cat([rgb, mask], dim=1)[..., r0 : r1 + 1, c0 : c1 + 1]
        height, width = crop.shape[-2:]
        if roi:
            scale = options.target_size / max(height, width)
            size = (round(height * scale), round(width * scale))
            crop = interpolate(crop, size, mode="bilinear", align_corners=True)
        net_rows, net_columns = crop.shape[-2:]
        points = _described_points(given, (r0, c0), (net_rows / height, net_columns / width))
        flipped = points.clone()
        flipped[points[..., 2] >= 0, 1] = net_columns - points[points[..., 2] >= 0, 1] - 1
        with torch.no_grad():
            logits = 0.5 * (network(crop, points) + network(crop.flip(-1), flipped).flip(-1))
        part = interpolate(torch.sigmoid(logits), (height, width), mode="bilinear", align_corners=True)
        mask = torch.zeros(1, 1, rows, columns)
        mask[..., r0 : r1 + 1, c0 : c1 + 1] = part
        answers.append(mask[0, 0].numpy())
    return answers


def _described_points(clicks: list[Click], origin: tuple[int, int], scale: tuple[float, float]) -> torch.Tensor:
    halves: list[list[list[float]]] = [[], []]
    for order, click in enumerate(clicks):
        place = [scale[0] * (click.row - origin[0]), scale[1] * (click.column - origin[1]), float(order)]
        halves[0 if click.positive else 1].append(place)
    most = max(len(half) for half in halves)
    return torch.tensor([[place for half in halves for place in half + [[-1.0] * 3] * (most - len(half))]])


def _described_roi(
    mask: np.ndarray, clicks: list[Click], kept: tuple[int, int, int, int] | None, options: Any
) -> tuple[int, int, int, int]:
    marked = mask > 0.5
    positive = [click for click in clicks if click.positive]
    for click in positive:
        marked[int(click.row), int(click.column)] = True
    found: list[int] = []
    for axis, side in ((1, mask.shape[0]), (0, mask.shape[1])):
        where = np.flatnonzero(marked.any(axis=axis))
        middle = 0.5 * (where[0] + where[-1])
        span = max(options.expansion_ratio * (where[-1] - where[0] + 1), options.min_crop)
        found += [max(0, round(middle - 0.5 * span)), min(side - 1, round(middle + 0.5 * span))]
    new = (found[0], found[1], found[2], found[3])
    if kept is None:
        return new
    outside = any(not (kept[0] <= click.row < kept[1] and kept[2] <= click.column < kept[3]) for click in positive)
    overlap = 1.0
    for axis in (0, 2):
        shared = max(min(new[axis + 1], kept[axis + 1]) - max(new[axis], kept[axis]) + 1, 0)
        overlap *= shared / (max(new[axis + 1], kept[axis + 1]) - min(new[axis], kept[axis]) + 1)
    return new if outside or overlap < options.recompute_iou else kept


def test_answers_are_the_described_ones_click_by_click(weights: Path) -> None:
    image = seeded_image(*PLANE)
    session = napari_iseg.open_session(image, "ritm", weights=weights, device="cpu", options=OPTIONS)
    network = FAMILY.load(weights)
    assert isinstance(network, RITM)
    expected = described_answers(network, image, CLICKS, session.predictor.options)
    windows = []
    for click, probability in zip(CLICKS, expected, strict=True):
        session.add(click)
        assert session.prediction is not None
        windows.append(session.prediction.window)
        np.testing.assert_allclose(session.probability, probability, atol=1e-4)
    # The first click sees everything; of the later ones at least one looks closer, and one keeps the crop it had.
    assert windows[0] == Window.whole(PLANE)
    assert any(window != windows[0] for window in windows[1:])
    assert any(one == other != windows[0] for one, other in pairwise(windows))


def test_the_first_click_sees_the_image_in_its_own_pixels_and_later_ones_a_crop_at_its_own_shape(
    weights: Path,
) -> None:
    session = napari_iseg.open_session(seeded_image(*PLANE), "ritm", weights=weights, device="cpu", options=OPTIONS)
    session.add(CLICKS[0])
    assert session.prediction is not None
    assert session.prediction.patches[0].values.shape == PLANE
    session.add(CLICKS[1])
    patch = session.prediction.patches[0]
    assert patch.window != Window.whole(PLANE)
    assert max(patch.values.shape) == 64
    rows, columns = patch.window.shape
    assert patch.values.shape[0] / patch.values.shape[1] == pytest.approx(rows / columns, rel=0.05)


def test_large_images_are_reduced_for_the_first_click(weights: Path) -> None:
    options = {"max_side": 100, "flip": False}
    session = napari_iseg.open_session(seeded_image(*PLANE), "ritm", weights=weights, device="cpu", options=options)
    session.add(CLICKS[0])
    assert session.prediction is not None
    assert session.prediction.patches[0].values.shape == (74, 100)
    assert session.probability.shape == PLANE


def test_where_nothing_is_found_the_crop_is_let_go(weights: Path) -> None:
    session = napari_iseg.open_session(seeded_image(*PLANE), "ritm", weights=weights, device="cpu", options=OPTIONS)
    for click in CLICKS[:2]:
        session.add(click)
    assert session.prediction is not None
    assert session.prediction.zoom is not None
    session.add(MaskPrompt(np.zeros(PLANE, bool)))
    session.add(CLICKS[2])
    # The released code sees the whole image here but pastes the answer into the crop of two clicks ago.
    assert session.prediction.window == Window.whole(PLANE)
    assert session.prediction.zoom is None


def test_a_mask_to_start_from_guides_the_first_click(weights: Path) -> None:
    image = seeded_image(*PLANE)
    mask = np.zeros(PLANE, bool)
    mask[50:90, 90:130] = True
    answers = []
    for given in ([], [MaskPrompt(mask)]):
        session = napari_iseg.open_session(image, "ritm", weights=weights, device="cpu", options=OPTIONS)
        for prompt in [*given, CLICKS[0]]:
            session.add(prompt)
        answers.append(session.probability)
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_undo_restores_the_exact_mask(weights: Path) -> None:
    session = napari_iseg.open_session(seeded_image(*PLANE), "ritm", weights=weights, device="cpu", options=OPTIONS)
    seen = []
    for click in CLICKS:
        session.add(click)
        seen.append(session.probability.copy())
    for before in reversed(seen[:-1]):
        session.undo()
        assert np.array_equal(session.probability, before)


def test_a_released_file_opens_with_its_parameters(tmp_path: Path) -> None:
    network = decided_network()
    block = "feature_extractor.ocr_distri_head.object_context_block."
    dead = {f"{block}{name}.0.weight": torch.ones(8, 16, 1, 1) for name in ("f_pixel", "f_object")}
    parameters = {"norm_radius": 5, "use_disks": True, "with_prev_mask": True, "clicks_groups": None}
    config = {
        "class": "isegm.model.is_hrnet_model.HRNetModel",
        "params": {name: {"type": "builtin", "value": value} for name, value in parameters.items()},
    }
    path = tmp_path / "released.pth"
    torch.save({"state_dict": {**network.state_dict(), **dead}, "config": config}, path)
    session = napari_iseg.open_session(seeded_image(*PLANE), "ritm", weights=path, device="cpu", options=OPTIONS)
    session.add(CLICKS[0])
    expected = described_answers(network, seeded_image(*PLANE), CLICKS[:1], session.predictor.options)[0]
    np.testing.assert_allclose(session.probability, expected, atol=1e-5)


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    with pytest.raises(WeightsError, match="another network"):
        napari_iseg.make_predictor("simpleclick", weights=weights)
    with pytest.raises(WeightsError, match="another network"):
        napari_iseg.make_predictor("ritm", weights=find_weights("cfr-icl-small", "cfr-icl"))


def test_crops_of_at_least_200_pixels_are_the_released_ones(shared: Path) -> None:
    arrays = np.load(shared / "parity" / "geometry.npz")
    cases = json.loads((shared / "parity" / "geometry.json").read_text())["cases"]
    rows, columns = (int(side) for side in arrays["hw"])
    options = make_options(METHODS["ritm"].options, {})
    assert options.min_crop == 200
    for case, packed in zip(cases, arrays["new"], strict=True):
        mask = np.unpackbits(packed, count=rows * columns).reshape(rows, columns).astype(np.float32)
        clicks = [Click(row, column, bool(positive)) for row, column, positive in case["roi_clicks"]]
        if not mask.any():
            # The released measure is taken with the clicks marked; its predictor never takes it of an empty mask.
            mask[int(clicks[0].row), int(clicks[0].column)] = 1
        window = object_window(mask, clicks, options.expansion_ratio, options.min_crop)
        inclusive = (window.row_start, window.row_stop - 1, window.column_start, window.column_stop - 1)
        assert inclusive == tuple(case["object_roi_rmin_rmax_cmin_cmax"]["min200"]), case["case"]
        # A crop that overlaps the wanted one by less than half is given up, as the released measure has it.
        r0, r1, c0, c1 = case["object_roi_rmin_rmax_cmin_cmax"]["min10"]
        stored = Window(r0, r1 + 1, c0, c1 + 1)
        kept = choose_window(mask, [], stored, options) == stored
        unclicked = object_window(mask, [], options.expansion_ratio, options.min_crop)
        assert kept == (_overlap(unclicked, stored) >= 0.5)


def _overlap(one: Window, other: Window) -> float:
    """Return the share of each axis that two windows have in common, multiplied."""
    product = 1.0
    for axis in ("row", "column"):
        spans = [set(range(getattr(w, f"{axis}_start"), getattr(w, f"{axis}_stop"))) for w in (one, other)]
        product *= len(spans[0] & spans[1]) / (max(spans[0] | spans[1]) - min(spans[0] | spans[1]) + 1)
    return product
