"""The papers' numbers are found by the set's name, with their sources."""

from __future__ import annotations

import pytest

from napari_iseg.evaluation.published_numbers import known_set, published_rows
from napari_iseg.io.published import LAYOUTS


@pytest.mark.parametrize(
    ("data", "layout", "key"),
    [
        ("GrabCut", "folder", "grabcut"),
        ("copy-of-sbd", "sbd", "sbd"),
        ("DAVIS-585", "davis", "davis585"),
        ("COCO_MVal", "folder", "coco-mval"),
        ("VOC2012", "pascal-voc", "pascal-voc"),
        ("oaizib", None, "oaizib"),
    ],
)
def test_a_set_is_known_by_its_folder_or_its_layout(data, layout, key):
    assert known_set(data, layout).key == key


def test_a_set_of_ones_own_is_not_known():
    assert known_set("my cells", "folder") is None


def test_every_set_of_the_papers_that_can_be_opened_is_known():
    benchmarks = set(LAYOUTS) - {"lvis", "coco-lvis"}
    assert all(known_set("x", name) is not None for name in benchmarks)


def test_the_numbers_are_those_of_the_papers(shared):
    rows = published_rows(known_set("grabcut"))
    (b3,) = (r for r in rows if (r.backbone, r.training) == ("SegFormer-B3-S2", "COCO+LVIS") and "XL" in r.source)
    assert b3.values == {"NoC@85": 1.44, "NoC@90": 1.50}
    # The specification was written from the papers by another hand than the table.
    spec = (shared / "spec" / "evaluation.md").read_text()
    assert "| B3-S2 | 1.44/1.50 |" in spec
    (cfr,) = (r for r in published_rows(known_set("davis")) if r.method == "CFR-ICL, CFR-1" and r.training != "SBD")
    assert cfr.values == {"NoC@90": 4.24, "NoC@95": 7.50}
    assert cfr.source == "CFR-ICL, Table 4"


@pytest.mark.parametrize("prompt", ["click", "scribble", "box", "mask"])
def test_each_kind_of_prompt_has_numbers_on_grabcut(prompt):
    rows = published_rows(known_set("grabcut"), prompt)
    assert rows
    assert all(row.source and row.training and row.backbone and row.values for row in rows)
    for row in rows:
        assert all(value <= 1 for name, value in row.values.items() if "IoU" in name)
        assert all(
            1 <= value <= 20 for name, value in row.values.items() if name.startswith("No") and "NoF" not in name
        )


def test_correction_has_numbers_on_davis585_alone():
    assert published_rows(known_set("davis585"), "correction")
    assert not published_rows(known_set("davis"), "correction")
    assert not published_rows(known_set("brats"))
