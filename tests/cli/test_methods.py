"""``napari-iseg methods``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_iseg import METHODS

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


def test_version_is_printed(run: Run) -> None:
    from napari_iseg import __version__

    assert run("--version").out.strip() == __version__
