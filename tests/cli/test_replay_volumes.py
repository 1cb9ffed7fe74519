"""``napari-iseg replay`` of objects on many planes: carried, filled between, corrected, cut by others, kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_iseg.inference.opening import make_predictor
from napari_iseg.inference.propagation import Filling, Propagation, Tracker
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click
from napari_iseg.io import SavedObject, SavedSession, mask_digest, write_session, write_session_labels
from napari_iseg.io.session_slices import ObjectSlices, SliceFact, SliceMaking
from napari_iseg.planes import PlaneAddress, to_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

WALK = "random-walker"
SHAPE = (7, 41, 57)
CLICKS = (Click(20, 24), Click(3, 4, positive=False), Click(37, 50, positive=False))
CORRECTION = (Click(20, 28), Click(20, 50, positive=False))


def plane(position: int) -> PlaneAddress:
    return PlaneAddress(1, 2, (position,))


def volume() -> np.ndarray:
    """Return a disc that moves a pixel to the right from plane to plane, under noise."""
    planes, rows, columns = np.indices(SHAPE)
    disc = (rows - 20) ** 2 + (columns - 22 - planes) ** 2 <= 81
    noise = np.random.default_rng(3).integers(0, 30, SHAPE)
    return (np.where(disc, 190, 40) + noise).astype(np.uint8)


class Work:
    """Makes one object through planes with the real method, as the window does, and notes how."""

    def __init__(self, label: int = 1, labels: np.ndarray | None = None) -> None:
        self.data = volume()
        self.labels = np.zeros(SHAPE, np.uint16) if labels is None else labels
        self.label = label
        self.predictor = make_predictor(WALK)
        self.slices = ObjectSlices(0)
        self.moment = 10 * label

    def answer(self, position: int, prompts: tuple[Click, ...]) -> SavedObject:
        session = Session(to_rgb(self.data[position]), self.predictor)
        session.resume(prompts, (len(prompts),))
        mask = session.compute()
        self.write(position, mask)
        return SavedObject(
            self.label,
            plane(position),
            WALK,
            prompts=prompts,
            answered=session.answered,
            mask_sha256=mask_digest(mask),
            threshold=session.threshold,
        )

    def write(self, position: int, mask: np.ndarray) -> None:
        there = self.labels[position]
        there[there == self.label] = 0
        there[mask & (there == 0)] = self.label

    def making(self, *starts: int, **more: Any) -> SliceMaking:
        self.moment += 1
        digests = {start: mask_digest(self.labels[start] == self.label) for start in starts}
        return SliceMaking(moment=self.moment, start=digests, method=WALK, **more)

    def begin(self, position: int) -> SavedObject:
        item = self.answer(position, CLICKS)
        self.slices = self.slices.with_plane(position, SliceFact("prompted", 1.0))
        return item

    def correct(self, position: int) -> None:
        item = self.answer(position, CORRECTION)
        said = tuple({"kind": "click", "row": c.row, "column": c.column, "positive": c.positive} for c in CORRECTION)
        made = self.making(answered=item.answered, threshold=item.threshold)
        self.slices = self.slices.with_plane(position, SliceFact("prompted", 1.0, said, made, item.mask_sha256))

    def fill(self, known: list[int], places: range, filling: Filling = "method") -> None:
        tracker = Tracker(lambda place: to_rgb(self.data[place]), self.predictor, Propagation(least_confidence=0.1))
        masks = {place: self.labels[place] == self.label for place in known}
        made = self.making(*known, least_confidence=0.1, threshold=self.predictor.options.threshold)
        if filling == "edges":
            made = replace(made, method=None, edges=True)
        between = len(known) > 1
        found = (
            tracker.interpolate(masks, places, filling=filling)
            if between
            else tracker.propagate(*masks.popitem(), places)
        )
        for one in found:
            self.write(one.position, one.mask)
            fact = SliceFact(one.origin, one.confidence, made=made, digest=mask_digest(one.mask))
            self.slices = self.slices.with_plane(one.position, fact)

    def facts(self) -> dict[str, Any]:
        return {**self.slices.facts(), "moment": 10 * self.label}


def saved(folder: Path, labels: np.ndarray, *objects: SavedObject) -> Path:
    image = folder / "stack.tif"
    tifffile.imwrite(image, volume(), metadata={"axes": "ZYX"})
    path = folder / "stack.iseg.json"
    name = write_session_labels(path, labels)
    return write_session(path, SavedSession(str(image), SHAPE, (1.0, 1.0, 1.0), objects, name))


def with_facts(item: SavedObject, facts: dict[str, Any]) -> SavedObject:
    return replace(item, facts=facts)


def made_through_planes() -> tuple[Work, SavedObject]:
    """Click plane 2, carry the object down and up, correct plane 5, and fill what lies between anew."""
    work = Work()
    item = work.begin(2)
    work.fill([2], range(1, -1, -1))
    work.fill([2], range(3, 7))
    work.correct(5)
    work.fill([2, 5], range(3, 5))
    work.fill([5], range(6, 7))
    return work, with_facts(item, work.facts())


def alone(session: Path) -> Path:
    """Return a copy of a session that has no label file."""
    path = session.with_name("alone.iseg.json")
    path.write_text(json.dumps(json.loads(session.read_text()) | {"labels": None}))
    return path


def test_every_plane_comes_again_bit_for_bit_from_the_prompts_alone(run: Run, tmp_path: Path) -> None:
    work, item = made_through_planes()
    assert [fact.origin for _, fact in sorted(work.slices.planes.items())] == [
        *["propagated"] * 2,
        "prompted",
        *["interpolated"] * 2,
        "prompted",
        "propagated",
    ]
    done = run("replay", alone(saved(tmp_path, work.labels, item)), "-o", tmp_path / "again.tif")
    assert done.code == 0, done.err
    assert "1 of 1 objects were made anew, bit for bit" in done.err
    assert "6 further planes" in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), work.labels)


def test_planes_that_were_filled_along_edges_come_again_bit_for_bit(run: Run, tmp_path: Path) -> None:
    work = Work()
    # On one plane it is larger than the shapes around it tell.
    rows, columns = np.indices(SHAPE[1:])
    work.data[4] = np.where((rows - 20) ** 2 + (columns - 26) ** 2 <= 121, 200, 50)
    item = work.begin(2)
    work.fill([2], range(3, 7))
    work.correct(6)
    work.fill([2, 6], range(3, 6), "edges")
    edges, ends = work.labels.copy(), {place: work.labels[place] == 1 for place in (2, 6)}
    tracker = Tracker(lambda place: to_rgb(work.data[place]), work.predictor)
    (shape,) = tracker.interpolate(ends, [4], filling="shape")
    assert (shape.mask != (edges[4] == 1)).any(), "the edges change nothing: a replay without them would do as well"
    session = alone(saved(tmp_path, work.labels, with_facts(item, work.facts())))
    tifffile.imwrite(tmp_path / "stack.tif", work.data, metadata={"axes": "ZYX"})
    done = run("replay", session, "-o", tmp_path / "a.tif")
    assert done.code == 0, done.err
    assert "1 of 1 objects were made anew, bit for bit" in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), edges)


def test_with_its_label_file_nothing_counts_as_painted(run: Run, tmp_path: Path) -> None:
    work, item = made_through_planes()
    done = run("replay", saved(tmp_path, work.labels, item))
    assert done.code == 0, done.err
    assert "by hand" not in done.err
    work.labels[6, :2, :3] = 1
    done = run("replay", saved(tmp_path, work.labels, item), "-o", tmp_path / "again.tif")
    assert "6 pixels of the label file were painted or changed by hand" in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), work.labels)


@pytest.mark.parametrize("place", ["4", "5", "6"])
def test_a_plane_that_comes_out_otherwise_is_named(run: Run, tmp_path: Path, place: str) -> None:
    work, item = made_through_planes()
    session = saved(tmp_path, work.labels, item)
    values = json.loads(session.read_text())
    values["objects"][0]["facts"]["slices"]["planes"][place][3]["mask_sha256"] = "0" * 64
    session.write_text(json.dumps(values))
    done = run("replay", session)
    assert done.code == 1
    assert "Object 1 differs from the stored one" in done.err
    if place != "5":
        assert f"on plane {place}:" in done.err


def test_objects_that_cut_each_other_are_written_in_the_order_in_which_they_were(run: Run, tmp_path: Path) -> None:
    first = Work()
    item = first.begin(2)
    first.fill([2], range(3, 6))
    # The disc of plane 6 is the second object's before the first one is carried there, and keeps its pixels.
    second = Work(2, first.labels)
    other = second.begin(6)
    first.moment = second.moment + 1
    first.fill([5], range(6, 7))
    assert 6 in first.slices.planes
    assert np.count_nonzero(first.labels[6] == 2) > 200 > np.count_nonzero(first.labels[6] == 1)
    objects = with_facts(item, first.facts()), with_facts(other, second.facts())
    done = run("replay", alone(saved(tmp_path, first.labels, *objects)), "-o", tmp_path / "again.tif")
    assert done.code == 0, done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), first.labels)


def test_planes_of_an_older_file_are_kept_and_counted(run: Run, tmp_path: Path) -> None:
    work, item = made_through_planes()
    facts = {"slices": {"axis": 0, "planes": {str(p): ["propagated", 0.9] for p in range(7)}}}
    done = run("replay", saved(tmp_path, work.labels, with_facts(item, facts)), "-o", tmp_path / "again.tif")
    assert done.code == 0, done.err
    assert "6 further planes are as the label file has them" in done.err
    assert "by hand" not in done.err.replace("was changed by hand", "")
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), work.labels)
    lost = run("replay", alone(tmp_path / "stack.iseg.json"))
    assert lost.code == 1
    assert "Object 1 cannot be made anew on planes 0, 1, 3, 4, 5, 6: nothing says how" in lost.err


def test_what_was_painted_before_it_was_carried_on_is_found_in_the_label_file(run: Run, tmp_path: Path) -> None:
    work = Work()
    item = work.begin(2)
    work.labels[2, 18:23, 8:12] = 1
    work.fill([2], range(3, 6))
    done = run("replay", saved(tmp_path, work.labels, with_facts(item, work.facts())), "-o", tmp_path / "again.tif")
    assert done.code == 0, done.err
    assert "3 further planes" in done.err
    assert "as the label file has them" not in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), work.labels)
    # Without the label file nobody knows what was painted: those planes are missing, and that is said.
    lost = run("replay", alone(tmp_path / "stack.iseg.json"), "-o", tmp_path / "lost.tif")
    assert lost.code == 1
    assert "Object 1 cannot be made anew on planes 3, 4, 5: the plane that they were made from" in lost.err


@pytest.mark.parametrize("damage", [{"made": "none"}, {"made": [{"moment": "x"}]}, {"made": [3]}, {"made": None}])
def test_a_damaged_account_costs_no_plane(run: Run, tmp_path: Path, damage: dict[str, Any]) -> None:
    work, item = made_through_planes()
    facts = work.facts()
    facts["slices"] |= damage
    done = run("replay", saved(tmp_path, work.labels, with_facts(item, facts)), "-o", tmp_path / "again.tif")
    assert done.code == 0, done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), work.labels)
