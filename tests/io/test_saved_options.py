"""Masks of files from before an option come out as they were."""

from __future__ import annotations

import pytest

from napari_iseg.io.saved_options import options_of_then
from napari_iseg.io.session_file import object_from_values, object_to_values
from napari_iseg.io.session_slices import SliceMaking

BEFORE = dict.fromkeys(("graph_cut", "split_off", "wide_clicks", "spare_finished", "brighten_cut", "mask_click"), False)


@pytest.mark.parametrize(
    ("method", "given", "wanted"),
    [
        ("cfr-icl", {"flip": True}, {**BEFORE, "flip": True}),
        ("cfr-icl", {"graph_cut": True}, {**BEFORE, "graph_cut": True}),
        ("geodesic", {"renewals": 2}, {"renewals": 2}),
        ("of the future", {"flip": True}, {"flip": True}),
    ],
)
def test_networks_had_no_graph_cut(method, given, wanted):
    assert options_of_then(method, given) == wanted


def test_objects_and_planes_of_older_files_are_made_without():
    values = {
        "label": 1,
        "class": None,
        "plane": {"rows": 0, "columns": 1, "index": [0, 0], "rgb": False},
        "method": "cfr-icl",
        "weights": "cfr-icl-small",
        "options": {"threshold": 0.5},
        "threshold": 0.5,
        "prompts": [],
    }
    found = object_from_values(values, "objects[0]")
    assert found.options == {"threshold": 0.5, **BEFORE}
    assert object_from_values(object_to_values(found), "objects[0]").options == found.options
    making = SliceMaking(moment=1, method="cfr-icl", options={"graph_cut": True})
    assert SliceMaking.of_values(making.values()).options == {**BEFORE, "graph_cut": True}
    older = {**making.values(), "options": {}}
    assert SliceMaking.of_values(older).options == BEFORE
