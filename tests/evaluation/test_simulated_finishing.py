"""Objects of an image are made one after the other; those before are finished, and spared where the method does so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_iseg.evaluation.simulated_finishing import SimulatedFinishing
from napari_iseg.inference.answer_engine import asks_for_finished
from napari_iseg.zoo import METHODS


def test_what_was_finished_is_known_on_its_own_plane_only():
    one, other = (np.zeros((4, 5), bool) for _ in range(2))
    one[0], other[:, 0] = True, True
    finishing = SimulatedFinishing(applies=True)
    assert finishing.before("a", 3) is None
    finishing.finish("a", 3, one)
    finishing.finish("a", 4, other)
    finishing.finish("a", 3, other)
    np.testing.assert_array_equal(finishing.before("a", 3), one | other)
    np.testing.assert_array_equal(finishing.before("a", 4), other)
    assert finishing.before("b", 3) is None
    finishing.finish("b", 3, one)
    assert finishing.before("a", 3) is None
    unasked = SimulatedFinishing(applies=False)
    unasked.finish("a", 3, one)
    assert unasked.before("a", 3) is None


def test_only_answers_that_are_cut_spare():
    options = METHODS["focalclick"].options
    assert asks_for_finished(replace(options, graph_cut=True))
    assert not asks_for_finished(replace(options, graph_cut=False))
    assert not asks_for_finished(replace(options, graph_cut=True, spare_finished=False))
    assert not asks_for_finished(METHODS["random-walker"].options)
