"""Errors that a user's input can cause."""

import pickle

import pytest

from napari_iseg import errors


@pytest.mark.parametrize("kind", [one for one in vars(errors).values() if isinstance(one, type)])
def test_every_error_says_the_same_in_another_process(kind):
    given = ("method", "cfr-ic", ["cfr-icl", "ritm"]) if kind is errors.UnknownNameError else ("A sentence.",)
    error = kind(*given)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
