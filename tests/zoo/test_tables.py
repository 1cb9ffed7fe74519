"""The tables of methods, weights and options."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from napari_iseg.errors import OptionError, UnknownNameError, WeightsError
from napari_iseg.zoo import METHODS, ClickOptions, find_method, make_options
from napari_iseg.zoo.weights import WEIGHTS, find_weights

if TYPE_CHECKING:
    from pathlib import Path


def test_every_method_names_weights_that_are_its_own() -> None:
    for spec in METHODS.values():
        if spec.weights is not None:
            assert spec.name in WEIGHTS[spec.weights].methods
        assert spec.family is not None or spec.weights is None
        assert (spec.family is None) == (spec.base == "")
        assert spec.title
        assert not set(spec.prompts) & set(spec.translated)


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_bundled_weights_are_there_small_and_have_a_card(name: str) -> None:
    spec = WEIGHTS[name]
    path = find_weights(name, spec.methods[0])
    assert path.stat().st_size <= 16_000_000
    card = path.with_suffix(".md").read_text()
    for word in ("Data", "Recipe", "NoC@85", "Licence", "Where it fails"):
        assert word in card, word
    for method in spec.methods:
        make_options(find_method(method).options, spec.options)


def test_a_file_is_found_by_its_path_and_a_missing_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"x")
    assert find_weights(file, "cfr-icl") == file
    with pytest.raises(WeightsError, match="no weights file"):
        find_weights(tmp_path / "other.pth", "cfr-icl")
    with pytest.raises(UnknownNameError, match="cfr-icl-small"):
        find_weights("cfr-icl-smll", "cfr-icl")
    with pytest.raises(WeightsError, match="not for random-walker"):
        find_weights("cfr-icl-small", "random-walker")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flip", "no", False),
        ("zoom_in", "True", True),
        ("target_size", "448", 448),
        ("target_size", "448,672", (448, 672)),
        ("cascade_steps", "4", 4),
        ("threshold", "0.49", 0.49),
    ],
)
def test_options_are_read_from_text(name: str, text: str, value: object) -> None:
    options = make_options(ClickOptions(), {name: text})
    assert getattr(options, name) == value
    others = [f.name for f in dataclasses.fields(options) if f.name != name]
    assert all(getattr(options, other) == getattr(ClickOptions(), other) for other in others)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flip", "perhaps"),
        ("threshold", "1"),
        ("threshold", 0.0),
        ("target_size", "7"),
        ("target_size", "1,2,3"),
        ("cascade_steps", "-1"),
        ("cascade_steps", "1.5"),
        ("expansion_ratio", "0.5"),
        ("min_crop", "0"),
        ("recompute_iou", "2"),
        ("cascade_clicks", "-2"),
    ],
)
def test_unusable_option_values_name_the_option(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name):
        make_options(ClickOptions(), {name: value})


def test_only_what_has_proposals_has_tables_that_chose_among_them() -> None:
    chosen = {name for name, spec in METHODS.items() if spec.published_proposals == "best"}
    assert chosen == {"disnet"}
    assert all(METHODS[name].proposals for name in chosen)
