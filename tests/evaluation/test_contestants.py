"""Contestants as they are typed: methods with weights and options behind them, several with commas between."""

from __future__ import annotations

import pytest

from napari_iseg.errors import OptionError, UnknownNameError
from napari_iseg.evaluation.contestants import Contestant, parse_contestants


def test_methods_with_commas_between_are_several_contestants_in_that_order():
    names = [one.name for one in parse_contestants(["cfr-icl,focalclick", "geodesic"])]
    assert names == ["cfr-icl", "focalclick", "geodesic"]


def test_weights_and_options_stand_behind_their_method():
    (one,) = parse_contestants([r"cfr-icl@C:\runs\mine.safetensors:flip=false:min-crop=32"])
    assert one == Contestant("cfr-icl", r"C:\runs\mine.safetensors", {"flip": "false", "min_crop": "32"})
    assert one.name == "cfr-icl@mine.safetensors:flip=false:min_crop=32"


def test_commas_between_numbers_belong_to_an_option():
    one, other = parse_contestants(["cfr-icl:size=448,448,focalclick"])
    assert dict(one.options) == {"size": "448,448"}
    assert other.method == "focalclick"


def test_what_is_given_for_all_yields_to_what_one_says_itself():
    one, other = parse_contestants(
        ["disnet:proposals=likeliest:beta=2,disnet"], options={"beta": "1"}, best_proposals=True
    )
    assert (one.best_proposals, dict(one.options)) == (False, {"beta": "2"})
    assert (other.best_proposals, dict(other.options)) == (True, {"beta": "1"})
    assert other.name == "disnet:beta=1:proposals=best"


@pytest.mark.parametrize(
    ("texts", "weights", "error", "sentence"),
    [
        (["cfr-icl,cfr-icl"], None, OptionError, "'cfr-icl' is named twice"),
        (["cfr-icl,focalclick"], "mine", OptionError, "cfr-icl@mine"),
        (["cfr-icl,focalclik"], None, UnknownNameError, "Did you mean 'focalclick'"),
        (["cfr-icl:flip"], None, OptionError, "METHOD"),
        (["disnet:proposals=first"], None, UnknownNameError, "choice of proposals"),
        ([" , "], None, OptionError, "no method"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(texts, weights, error, sentence):
    with pytest.raises(error, match=sentence):
        parse_contestants(texts, weights=weights)
