"""``napari-iseg methods``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from napari_iseg import METHODS
from napari_iseg.zoo import describe_options

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_every_method_is_listed(run: Run) -> None:
    done = run("methods")
    assert done.code == 0
    assert all(name in done.out for name in METHODS)


def test_json_has_prompts_weights_and_option_defaults(run: Run) -> None:
    facts = {entry["name"]: entry for entry in json.loads(run("methods", "--json").out)}
    assert set(facts) == set(METHODS)
    assert facts["random-walker"]["weights"] is None
    assert facts["random-walker"]["prompts"] == ["click", "box", "scribble", "mask"]
    assert facts["cfr-icl"]["weights"] == "cfr-icl-small"
    assert facts["cfr-icl"]["options"]["cascade_steps"] == METHODS["cfr-icl"].options.cascade_steps


def test_json_says_what_is_translated_and_what_else_there_is(run: Run) -> None:
    facts = {entry["name"]: entry for entry in json.loads(run("methods", "--json").out)}
    assert facts["cfr-icl"]["translated"] == ["box", "scribble"]
    for name, spec in METHODS.items():
        assert facts[name]["proposals"] is spec.proposals
        assert facts[name]["alpha"] is spec.alpha
        assert facts[name]["published_proposals"] == spec.published_proposals


@pytest.mark.parametrize("name", list(METHODS))
def test_one_method_shows_every_option(run: Run, name: str) -> None:
    done = run("methods", name)
    assert done.code == 0
    assert METHODS[name].title in done.out
    for info in describe_options(METHODS[name].options):
        (line,) = (line for line in done.out.splitlines() if line.split()[:1] == [info.name])
        assert line.split()[1] == info.kind
        assert info.description.split()[0] in line


def test_one_method_as_json_has_type_default_range_and_description(run: Run) -> None:
    facts = json.loads(run("methods", "random-walker", "--json").out)
    assert facts["name"] == "random-walker"
    beta = next(fact for fact in facts["option_facts"] if fact["name"] == "beta")
    assert (beta["kind"], beta["default"], beta["above"], beta["minimum"]) == ("float", 1000.0, 0, None)
    assert beta["description"] == "How strongly an edge in the image stops the walker"


def test_ranges_are_said_in_signs_and_words(run: Run) -> None:
    lines = {line.split()[0]: line for line in run("methods", "cfr-icl").out.splitlines() if line.strip()}
    assert "> 0 and < 1" in lines["threshold"]
    assert "32 to 4096 or 0" in lines["target_size"]
    assert "true, false" in lines["flip"]


def test_an_unknown_method_is_one_sentence(run: Run) -> None:
    done = run("methods", "random-walk")
    assert (done.code, "Did you mean 'random-walker'?" in done.err, done.out) == (2, True, "")


def test_version_is_printed(run: Run) -> None:
    from napari_iseg import __version__

    assert run("--version").out.strip() == __version__
