"""FocalClick-XL's predictor: one context per image, a layer per kind of prompt, alpha at uncertain pixels only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.models.test_focalclick_xl import TINY, seeded
from tests.seeded import seeded_image

from napari_iseg.errors import OptionError
from napari_iseg.inference.focalclick_xl_predictor import FocalClickXLPredictor
from napari_iseg.inference.prediction import Prediction, Window
from napari_iseg.inference.predictor import CancelledError
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click, MaskPrompt, Prompt, Scribble
from napari_iseg.models.focalclick_xl import FocalClickXL
from napari_iseg.zoo import FocalClickXLOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

SHAPE = (75, 110)
MASK = np.zeros(SHAPE, bool)
MASK[20:50, 40:80] = True
PROMPTS: dict[str, Prompt] = {
    "click": Click(33, 60),
    "scribble": Scribble(((20.0, 50.0), (40.0, 70.0), (45.0, 66.5))),
    "box": Box((15.0, 40.0), (52.5, 82.0)),
    "mask": MaskPrompt(MASK),
}


@pytest.fixture(scope="module")
def network() -> FocalClickXL:
    """Return seeded weights whose primitive masks have all three: certain object, certain background, unknown."""
    network = seeded(FocalClickXL(TINY))
    last = network.object_net.mlp[-1]
    logits: list[torch.Tensor] = []
    handle = last.register_forward_hook(lambda *arguments: logits.append(arguments[-1].flatten()))
    for prompt in PROMPTS.values():
        ask(predictor(network, magnify=False), [prompt])
    handle.remove()
    # The last layer is linear: scaled and shifted so that logits lie about 0 with a deviation of 3.
    every = torch.cat(logits)
    with torch.no_grad():
        last.weight *= 3 / every.std()
        last.bias[:] = (last.bias - every.mean()) * 3 / every.std()
    return network


def predictor(network: FocalClickXL, **options: object) -> FocalClickXLPredictor:
    return FocalClickXLPredictor(network, options=FocalClickXLOptions(**options))  # type: ignore[arg-type]


def ask(method: FocalClickXLPredictor, prompts: Sequence[Prompt], image: np.ndarray | None = None) -> Prediction:
    """Return the answer to the last prompt, each given one after the other."""
    encoding = method.encode(seeded_image(*SHAPE) if image is None else image)
    answer = None
    for count in range(1, len(prompts) + 1):
        answer = method.predict(encoding, prompts[:count], answer)
    assert answer is not None
    return answer


def test_the_context_is_computed_once_for_many_prompts_and_anew_for_another_image(network: FocalClickXL) -> None:
    seen: list[None] = []
    handle = network.context_net.encoder.neck.register_forward_hook(lambda *_: seen.append(None))
    method = predictor(network)
    session = Session(seeded_image(*SHAPE), method)
    assert not seen
    for prompt in (*PROMPTS.values(), Click(3, 4, positive=False), Click(50, 70)):
        session.add(prompt)
    assert len(seen) == 1
    Session(seeded_image(61, 90), method).add(Click(20, 20))
    handle.remove()
    assert len(seen) == 2


@pytest.mark.parametrize("kind", list(PROMPTS))
@pytest.mark.parametrize("shape", [SHAPE, (133, 61)])
def test_every_kind_of_prompt_is_answered(network: FocalClickXL, kind: str, shape: tuple[int, int]) -> None:
    prompt = PROMPTS[kind]
    if isinstance(prompt, MaskPrompt):
        prompt = MaskPrompt(np.pad(MASK, 60)[40 : 40 + shape[0], 60 : 60 + shape[1]])
    image = seeded_image(*shape)
    first, again = (ask(predictor(network), [prompt], image) for _ in range(2))
    probability = first.render()
    assert probability.shape == shape
    assert probability.dtype == np.float32
    assert 0 <= probability.min() < probability.max() <= 1
    assert np.array_equal(probability, again.render())
    assert first.matte
    assert np.array_equal(first.alpha, probability)
    moved = ask(predictor(network), [Click(5, 9)], image).render()
    assert not np.array_equal(probability, moved)


@pytest.mark.parametrize("kind", list(PROMPTS))
def test_the_newest_prompt_goes_through_the_layer_of_its_kind(network: FocalClickXL, kind: str) -> None:
    used: list[str] = []
    handles = [
        layer.register_forward_hook(lambda *_, name=name: used.append(name))
        for name, layer in network.object_net.prompting.items()
    ]
    ask(predictor(network), [Click(30, 50), PROMPTS[kind]])
    for handle in handles:
        handle.remove()
    assert used == ["click", kind]


@pytest.mark.parametrize("kind", list(PROMPTS))
def test_alpha_is_given_at_uncertain_pixels_and_certain_ones_keep_what_they_had(
    network: FocalClickXL, kind: str
) -> None:
    primitive = ask(predictor(network, magnify=False), [PROMPTS[kind]])
    detailed = ask(predictor(network), [PROMPTS[kind]])
    before, after = primitive.render(), detailed.render()
    assert len(primitive.patches) == 1
    assert np.array_equal(detailed.patches[0].values, primitive.patches[0].values)
    layer = detailed.patches[1]
    assert layer.region is not None
    painted = np.zeros(SHAPE, bool)
    painted[layer.window.slices] = layer.region.unpack()
    assert 0 < painted.sum() < painted.size
    assert np.array_equal(before[~painted], after[~painted])
    assert (before[painted] != after[painted]).any()
    # What is painted was uncertain, or lies within two pixels of what was.
    sure = (before > 0.9) | (before < 0.1)
    far = np.ones(SHAPE, bool)
    for row, column in np.argwhere(~sure):
        far[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = False
    assert not (painted & far).any()
    assert 0 <= after.min() <= after.max() <= 1


def test_a_clicked_pixel_is_certain_and_a_box_is_not(network: FocalClickXL) -> None:
    def painted(prompt: Prompt) -> np.ndarray:
        layers = ask(predictor(network, certainty=0.999, zoom_in=False), [prompt]).patches
        assert layers[1].region is not None
        return layers[1].region.unpack()

    assert not painted(Click(33, 60))[33, 60]
    assert not painted(PROMPTS["scribble"])[40, 70]
    # All that the network is unsure of inside the box stays unknown.
    assert painted(PROMPTS["box"])[15:52, 40:82].mean() > 0.5


def test_nothing_uncertain_makes_no_second_layer() -> None:
    sure = seeded(FocalClickXL(TINY))
    with torch.no_grad():
        sure.object_net.mlp[-1].bias[:] = 100
    assert len(ask(predictor(sure), [Click(33, 60)]).patches) == 1


def test_the_crop_follows_the_object_and_what_is_included(network: FocalClickXL) -> None:
    method = predictor(network, magnify=False)
    encoding = method.encode(seeded_image(*SHAPE))
    assert method.predict(encoding, [Click(33, 60)], None).window == Window.whole(SHAPE)
    start = Prediction.from_mask(MASK)
    # 30 rows x 1.4 about 34.5, 40 columns x 1.4 about 59.5, ends rounded.
    assert method.predict(encoding, [Click(33, 60)], start).window == Window(14, 57, 32, 89)
    assert method.predict(encoding, [Click(33, 5)], start).window.column_start == 0
    assert method.predict(encoding, [Click(33, 5, positive=False)], start).window == Window(14, 57, 32, 89)
    stroke = Scribble(((33.0, 60.0), (70.0, 60.0)))
    assert method.predict(encoding, [stroke], start).window.row_stop == 75
    assert method.predict(encoding, [MaskPrompt(MASK)], None).window == Window(14, 57, 32, 89)
    assert method.predict(encoding, [Box((20.0, 40.0), (50.0, 80.0))], None).window == Window(14, 57, 32, 89)
    whole = predictor(network, zoom_in=False)
    assert whole.predict(whole.encode(seeded_image(*SHAPE)), [Click(33, 60)], start).window == Window.whole(SHAPE)


def test_the_previous_mask_guides_clicks_but_not_boxes(network: FocalClickXL) -> None:
    method = predictor(network, magnify=False, zoom_in=False)
    encoding = method.encode(seeded_image(*SHAPE))
    start = Prediction.from_mask(MASK)
    for kind, guided in (("click", True), ("scribble", True), ("box", False), ("mask", False)):
        answers = [method.predict(encoding, [PROMPTS[kind]], before).render() for before in (None, start)]
        assert np.array_equal(*answers) != guided


def test_clicks_and_strokes_accumulate_and_boxes_are_forgotten(network: FocalClickXL) -> None:
    method = predictor(network, magnify=False, zoom_in=False)
    encoding = method.encode(seeded_image(*SHAPE))

    def answer(*prompts: Prompt) -> np.ndarray:
        return method.predict(encoding, prompts, Prediction.from_mask(MASK)).render()

    click, last = PROMPTS["click"], Click(10, 100)
    assert not np.array_equal(answer(click, last), answer(last))
    assert not np.array_equal(answer(PROMPTS["scribble"], last), answer(last))
    assert np.array_equal(answer(PROMPTS["box"], last), answer(last))
    assert np.array_equal(answer(click, PROMPTS["box"]), answer(PROMPTS["box"]))


def test_undo_brings_back_every_bit(network: FocalClickXL) -> None:
    session = Session(seeded_image(*SHAPE), predictor(network))
    maps = []
    for prompt in (*PROMPTS.values(), Click(3, 4, positive=False)):
        session.add(prompt)
        maps.append(session.probability.copy())
    for expected in maps[-2::-1]:
        session.undo()
        assert np.array_equal(session.probability, expected)
    for expected in maps[1:]:
        session.redo()
        assert np.array_equal(session.probability, expected)
    # Computed anew from an encoding made anew, the answer is the same.
    session.release()
    session.remove(4)
    assert np.array_equal(session.probability, maps[3])


def test_the_cascade_refines_the_primitive_mask_and_magnifies_once(network: FocalClickXL) -> None:
    seen: list[int] = []
    handle = network.detail_net.alpha.register_forward_hook(lambda *_: seen.append(1))
    answer = ask(predictor(network, cascade_steps=2), [Click(33, 60)])
    handle.remove()
    assert answer.forwards == 3
    assert len(seen) == 1
    plain = predictor(network, magnify=False)
    encoding = plain.encode(seeded_image(*SHAPE))
    step = None
    for _ in range(3):
        step = plain.predict(encoding, [Click(33, 60)], step)
    assert step is not None
    assert np.array_equal(answer.patches[0].values, step.patches[0].values)
    assert ask(predictor(network, cascade_steps=2), [PROMPTS["box"]]).forwards == 1


def test_work_can_be_cancelled_before_each_net(network: FocalClickXL) -> None:
    method = predictor(network)
    encoding = method.encode(seeded_image(*SHAPE))
    for prompt in PROMPTS.values():
        for asked_before in (0, 1):
            asked: list[None] = []

            def cancelled(asked: list[None] = asked, limit: int = asked_before) -> bool:
                asked.append(None)
                return len(asked) > limit

            with pytest.raises(CancelledError):
                method.predict(encoding, [prompt], None, cancelled=cancelled)
            assert len(asked) == asked_before + 1


def test_sizes_can_be_chosen_and_odd_ones_are_refused(network: FocalClickXL) -> None:
    answer = ask(predictor(network, object_size=96, detail_size=100, detail_patches=1), [Click(33, 60)])
    assert answer.patches[0].values.shape == (96, 96)
    with pytest.raises(OptionError, match="object_size"):
        predictor(network, object_size=100)
