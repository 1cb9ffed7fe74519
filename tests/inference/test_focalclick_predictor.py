"""FocalClick's predictor against a plain recomputation on whole planes, and its treatment of masks and boxes."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from scipy import ndimage
from tests.seeded import seeded_image
from torch.nn import functional

from napari_iseg.inference.focalclick_predictor import FocalClickPredictor
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.session import Session
from napari_iseg.inference.zoom import box_window
from napari_iseg.interactions import Box, Click, MaskPrompt, Scribble
from napari_iseg.models.focalclick import FAMILY, FocalClick
from napari_iseg.zoo import FocalClickOptions

PLANE = (97, 141)


class ClickSeeking(FocalClick):
    """The tiny network, with hills of logits about the clicks, which only training would teach it."""

    def segment(self, image: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, feature = super().segment(image, points)
        row, column = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
        hills = torch.full((256, 256), -4.0)
        for number, (y, x, _) in enumerate(points[0].tolist()):
            if max(y, x) >= 0:
                sign = 1 if number < points.shape[1] // 2 else -1
                hills += sign * 9 * torch.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * 30**2))
        return 0.3 * logits + hills, feature


def seeded_network() -> FocalClick:
    """Return a network with seeded weights."""
    network = ClickSeeking(FAMILY.configs["tiny"])
    state = {}
    for name, tensor in network.state_dict().items():
        rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        values = rng.standard_normal(tuple(tensor.shape))
        if tensor.ndim > 1:
            values *= 1.5 / np.sqrt(np.prod(tensor.shape[1:]))
        elif name.endswith("running_var"):
            values = 0.5 + np.abs(values)
        else:
            values = 0.1 * values + float(name.endswith("weight"))
        state[name] = torch.from_numpy(values.astype(np.float32)) if tensor.ndim else tensor
    network.load_state_dict(state)
    return network.eval()


@dataclass
class Plain:
    """The specification's steps on whole planes, one click after the other (released code: one click per call)."""

    network: FocalClick
    image: np.ndarray
    given: np.ndarray | None = None
    safe: bool = True
    clicks: list[Click] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rgb = torch.from_numpy(self.image).permute(2, 0, 1)[None].float() / 255
        self.shape = self.image.shape[:2]
        start = np.zeros(self.shape) if self.given is None else self.given
        self.probability = torch.from_numpy(start.astype(np.float32))
        self.mask = None if self.given is None else self.given.copy()
        self.followed: np.ndarray | None = None

    def click(self, click: Click) -> np.ndarray:
        """Return the probability after one more click, (H, W)."""
        self.clicks.append(click)
        top, bottom, left, right = self.target()
        seen = torch.cat(
            [self.rgb[..., top:bottom, left:right], self.probability[None, None, top:bottom, left:right]], 1
        )
        with torch.no_grad():
            logits, feature = self.network.segment(resized(seen, (256, 256)), self.points(top, bottom, left, right))
        coarse = torch.zeros(self.shape)
        coarse[top:bottom, left:right] = resized(logits.sigmoid(), (bottom - top, right - left))[0, 0]
        coarse = torch.log(coarse / (1 - coarse))
        y1, y2, x1, x2 = self.focus((coarse > 0.49).numpy(), click, (top, bottom, left, right))
        box = [(y1 - top) * 256 / (bottom - top), (y2 - top) * 256 / (bottom - top)]
        box += [(x1 - left) * 256 / (right - left), (x2 - left) * 256 / (right - left)]
        with torch.no_grad():
            crop = resized(self.rgb[..., y1:y2, x1:x2], (256, 256))
            points = self.points(y1, y2, x1, x2)
            refined = self.network.refine(crop, points, feature, logits, torch.tensor([box]).clamp(0, 256))[0]
        base = torch.log(self.probability / (1 - self.probability)) if len(self.clicks) > 10 else coarse
        base[y1:y2, x1:x2] = resized(refined, (y2 - y1, x2 - x1))[0, 0]
        self.probability = base.sigmoid()
        self.followed = self.probability.numpy() > 0.49
        self.merge(click)
        return self.probability.numpy()

    def target(self) -> tuple[int, int, int, int]:
        """Return the target crop, half-open."""
        if self.followed is None or not self.followed.any():
            return 0, self.shape[0], 0, self.shape[1]
        marked = self.followed.copy()
        for click in self.clicks:
            if click.positive:
                marked[int(click.row), int(click.column)] = True
        ends: list[int] = []
        for axis in (0, 1):
            places = np.nonzero(marked)[axis]
            first, last = places.min(), places.max()
            side = max(1.4 * (last - first + 1), 10)
            ends.append(max(0, round((first + last) / 2 - side / 2)))
            ends.append(min(self.shape[axis] - 1, round((first + last) / 2 + side / 2)) + 1)
        return tuple(ends)  # type: ignore[return-value]

    def focus(self, coarse: np.ndarray, click: Click, target: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Return the focus crop, half-open."""
        previous = self.probability.numpy() > 0.49
        ends = extent(coarse)
        if previous.any():
            labels, _ = ndimage.label(coarse ^ previous, np.ones((3, 3)))
            changed = extent(labels == labels[int(click.row), int(click.column)])
            height, width = ends[1] - ends[0], ends[3] - ends[2]
            if changed[1] - changed[0] < height / 3 or changed[3] - changed[2] < width / 3:
                reach = 0.2 * max(height, width)
                changed = (click.row - reach, click.row + reach, click.column - reach, click.column + reach)
            ends = changed
        result = []
        for axis in (0, 1):
            start, stop = ends[2 * axis], ends[2 * axis + 1]
            middle, side = (start + stop) / 2, 1.4 * (stop - start + 1)
            for end in (middle - side / 2, middle + side / 2):
                inside = np.clip(math.trunc(end), 0, self.shape[axis])
                result.append(int(np.clip(inside, target[2 * axis], target[2 * axis + 1])))
        return tuple(result)  # type: ignore[return-value]

    def merge(self, click: Click) -> None:
        """Merge the new mask into the old one where there was a mask at the start."""
        if self.mask is None:
            return
        labels, _ = ndimage.label((self.probability.numpy() > 0.5) ^ self.mask, np.ones((3, 3)))
        at = int(click.row), int(click.column)
        if labels[at] or not self.safe:
            component = labels == labels[at]
            self.mask = self.mask & ~component if self.mask[at] else self.mask | component
        self.followed = self.mask

    def points(self, y1: int, y2: int, x1: int, x2: int) -> torch.Tensor:
        """Return every click so far in pixels of a crop that is seen at 256 x 256."""
        halves = [
            [
                ((c.row - y1) * 256 / (y2 - y1), (c.column - x1) * 256 / (x2 - x1), 0)
                for c in self.clicks
                if c.positive is s
            ]
            for s in (True, False)
        ]
        count = max(map(len, halves))
        return torch.tensor([[row for half in halves for row in half + [(-1, -1, -1)] * (count - len(half))]]).float()


def resized(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=True)


def extent(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return (first row, last row, first column, last column)."""
    if mask.sum() < 10:
        return 0, mask.shape[0], 0, mask.shape[1]
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max(), columns.min(), columns.max()


def twelve_clicks() -> list[Click]:
    rng = np.random.Generator(np.random.PCG64(3))
    places = zip(rng.integers(5, PLANE[0] - 5, 12), rng.integers(5, PLANE[1] - 5, 12), rng.random(12), strict=True)
    return [Click(int(row), int(column), bool(u < 0.6)) for row, column, u in places]


def disc() -> np.ndarray:
    row, column = np.mgrid[: PLANE[0], : PLANE[1]]
    return np.hypot(row - 40, column - 70) < 25


def test_twelve_clicks_are_the_plain_recomputation() -> None:
    network, image = seeded_network(), seeded_image(*PLANE)
    session = Session(image, FocalClickPredictor(network, options=FocalClickOptions()))
    plain = Plain(network, image)
    windows = set()
    for click in twelve_clicks():
        session.add(click)
        np.testing.assert_allclose(session.probability, plain.click(click), atol=1e-5, rtol=0)
        assert session.prediction is not None
        windows |= {patch.window for patch in session.prediction.patches}
    # The crops moved, and the answer had something to say.
    assert len(windows) > 6
    assert 0.02 < session.mask.mean() < 0.98


@pytest.mark.parametrize("merge", ["safe", "exact"])
def test_clicks_on_a_given_mask_are_the_plain_recomputation(merge: str) -> None:
    network, image, mask = seeded_network(), seeded_image(*PLANE), disc()
    options = FocalClickOptions(progressive_merge=merge, mask_click=False)
    session = Session(image, FocalClickPredictor(network, options=options))
    assert np.array_equal(session.add(MaskPrompt(mask)), mask)
    plain = Plain(network, image, given=mask, safe=merge == "safe")
    steps = 0
    for click in twelve_clicks():
        before = session.mask.copy()
        plain.click(click)
        assert plain.mask is not None
        assert np.array_equal(session.add(click), plain.mask)
        steps += not np.array_equal(before, plain.mask)
    assert steps > 3


def test_a_merged_click_changes_one_piece_only() -> None:
    session = Session(seeded_image(*PLANE), FocalClickPredictor(seeded_network(), options=FocalClickOptions()))
    before = session.add(MaskPrompt(disc()))
    for click in twelve_clicks()[:4]:
        after = session.add(click)
        change = before ^ after
        _, pieces = ndimage.label(change, np.ones((3, 3)))
        assert pieces <= 1
        assert not pieces or change[int(click.row), int(click.column)]
        before = after


def test_a_scribble_on_a_mask_changes_every_piece_that_it_crosses() -> None:
    mask = np.zeros(PLANE, bool)
    mask[:, 60:75] = True
    network = seeded_network()
    predictor = FocalClickPredictor(network, options=FocalClickOptions())
    session = Session(seeded_image(*PLANE), predictor)
    session.add(MaskPrompt(mask))
    # Across the bar, which stays: what the stroke adds to its left and to its right are two pieces.
    stroke = Scribble(tuple((48.0, float(column)) for column in range(30, 106)), width=3.0)
    after = session.add(stroke)
    _, pieces = ndimage.label(after ^ mask, np.ones((3, 3)))
    assert pieces == 2
    assert after[48, 40]
    assert after[48, 95]


def test_without_the_merge_a_mask_only_guides() -> None:
    options = FocalClickOptions(progressive_merge="off")
    network = seeded_network()
    session = Session(seeded_image(*PLANE), FocalClickPredictor(network, options=options))
    session.add(MaskPrompt(disc()))
    session.add(Click(40, 70))
    plain = Plain(network, seeded_image(*PLANE), given=disc())
    np.testing.assert_allclose(session.probability, plain.click(Click(40, 70)), atol=1e-5, rtol=0)


def test_undo_gives_the_very_mask_back_and_steps_stay_small() -> None:
    image = seeded_image(400, 600)
    session = Session(image, FocalClickPredictor(seeded_network(), options=FocalClickOptions()))
    answers = []
    for column in (300, 320, 340):
        session.add(Click(180, column))
        answers.append(session.probability.copy())
        assert session.prediction is not None
        assert session.prediction.nbytes <= 2 * 256 * 256 * 4
    for answer in answers[-2::-1]:
        session.undo()
        assert np.array_equal(session.probability, answer)


def test_a_box_is_a_click_and_the_target_crop() -> None:
    session = Session(seeded_image(*PLANE), FocalClickPredictor(seeded_network(), options=FocalClickOptions()))
    box = Box((20, 30), (50, 80))
    session.add(box)
    assert session.prediction is not None
    assert session.prediction.zoom == box_window(box, PLANE, 1.4, 10)
    assert session.prediction.window == session.prediction.zoom


def test_scribbles_are_clicks_along_them() -> None:
    session = Session(seeded_image(*PLANE), FocalClickPredictor(seeded_network(), options=FocalClickOptions()))
    first = session.add(Scribble(((30.0, 30.0), (60.0, 90.0)))).copy()
    second = session.add(Scribble(((5.0, 5.0), (6.0, 60.0)), positive=False))
    assert first.shape == PLANE
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(9, 200), (300, 2), (2, 2)])
def test_thin_planes_and_clicks_on_the_rim_are_answered(shape: tuple[int, int]) -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    image = rng.integers(0, 255, (*shape, 3)).astype(np.uint8)
    session = Session(image, FocalClickPredictor(seeded_network(), options=FocalClickOptions()))
    for click in (Click(0, 0), Click(shape[0] - 0.5, shape[1] - 0.5), Click(-0.5, 1, positive=False)):
        session.add(click)
        assert np.isfinite(session.probability).all()


@pytest.mark.parametrize("exact_empty", [True, False])
def test_nothing_found_is_looked_for_in_the_whole_image_again(exact_empty: bool) -> None:
    network = seeded_network()
    options = FocalClickOptions(exact_empty=exact_empty)
    predictor = FocalClickPredictor(network, options=options)
    image = predictor.encode(seeded_image(*PLANE))
    clicks = [Click(40, 70)]
    first = predictor.predict(image, clicks, None)
    clicks.append(Click(42, 75))
    zoomed = predictor.predict(image, clicks, first)
    with torch.no_grad():
        network.segmentor.decode_head.linear_pred.bias -= 100
        network.refiner.refine_pred.bias -= 100
    clicks.append(Click(5, 5, positive=False))
    empty = predictor.predict(image, clicks, zoomed)
    assert not (empty.render() > 0.49).any()
    clicks.append(Click(40, 75))
    again = predictor.predict(image, clicks, empty)
    assert zoomed.zoom != again.zoom or exact_empty
    assert again.zoom == empty.zoom if exact_empty else again.zoom is not None
    assert np.isfinite(again.render()).all()


def test_the_cascade_answers_from_its_own_answer_and_merges_once() -> None:
    network = seeded_network()
    image = seeded_image(*PLANE)
    options = FocalClickOptions(cascade_steps=2, cascade_clicks=20)
    session = Session(image, FocalClickPredictor(network, options=options))
    click = Click(40, 70)
    session.add(click)
    assert session.prediction is not None
    assert session.prediction.forwards == 3
    plain = Plain(network, image)
    for _ in range(3):
        plain.clicks.clear()
        expected = plain.click(click)
    np.testing.assert_allclose(session.probability, expected, atol=1e-5, rtol=0)
    merging = Session(image, FocalClickPredictor(network, options=options))
    merging.add(MaskPrompt(disc()))
    merging.add(Click(60, 120))
    assert merging.prediction is not None
    # The mask itself, and the one change merged into it.
    assert len(merging.prediction.patches) <= 2


def test_cancelling_stops_between_the_two_networks() -> None:
    predictor = FocalClickPredictor(seeded_network(), options=FocalClickOptions())
    asked = iter([False, True])
    with pytest.raises(CancelledError):
        predictor.predict(predictor.encode(seeded_image(*PLANE)), [Click(40, 70)], None, cancelled=lambda: next(asked))
    assert next(asked, None) is None
