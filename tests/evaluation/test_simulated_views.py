"""What a simulated user has on the screen."""

import numpy as np
from tests.methods import tiny_predictor
from tests.seeded import seeded_image

from napari_iseg.evaluation import evaluate_object
from napari_iseg.evaluation.simulated_views import SimulatedViews
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Box, Click

INSIDE = np.zeros((150, 240), bool)
INSIDE[60:75, 100:120] = True
CLICK = Click(67, 110)


def of(views: SimulatedViews, number: int, name: str = "one") -> Box:
    view = views.of(name, None, number, INSIDE, CLICK)
    assert view is not None
    return view


def test_a_view_holds_the_object_and_three_to_twelve_times_as_much() -> None:
    seen = [of(SimulatedViews("view"), number) for number in range(50)]
    for view in seen:
        assert view.start[0] <= 60
        assert view.stop[0] >= 75
        assert view.start[1] <= 100
        assert view.stop[1] >= 120
        assert min(view.start) >= 0
        assert view.stop[0] <= 150
        assert view.stop[1] <= 240
    widths = [view.stop[1] - view.start[1] for view in seen]
    assert min(widths) < 80
    assert max(widths) > 180
    assert min(widths) >= 60
    # Not always in its middle, and the same at every run.
    assert len({view.start for view in seen}) > 40
    assert seen == [of(SimulatedViews("view"), number) for number in range(50)]


def test_from_the_fourth_object_of_an_image_on_sizes_decide() -> None:
    views, plain = SimulatedViews("size-prior"), SimulatedViews("view")
    for number in range(3):
        assert of(views, number) == of(plain, number)
    assert of(views, 3) == Box((37.5, 80.5), (97.5, 140.5))
    assert of(views, 0, "another") == of(plain, 0, "another")


def test_whole_images_have_no_view() -> None:
    for mode in ("whole", "multi-scale"):
        assert SimulatedViews(mode).of("one", None, 1, INSIDE, CLICK) is None


def test_only_the_first_click_is_given_with_the_view() -> None:
    truth = INSIDE.astype(np.int8)
    session = Session(seeded_image(150, 240), tiny_predictor("cfr-icl", first_crop="view", cascade_steps=0))
    result = evaluate_object(session, truth, max_clicks=2, target_iou=1.01, view=lambda click: Box((40, 80), (90, 150)))
    first, second = result.clicks
    assert first.view == Box((40, 80), (90, 150))
    assert second.view is None
    assert session.prompts == (first, second)
