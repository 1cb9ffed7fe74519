"""``napari-iseg replay``: a session gives its labels again bit for bit, or a sentence says which object does not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_iseg.inference.opening import make_predictor, open_session
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click
from napari_iseg.io import SavedObject, SavedSession, mask_digest, write_session, write_session_labels
from napari_iseg.planes import PlaneAddress, to_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

WALK = "random-walker"
FIRST = (Click(17, 33), Click(3, 4, positive=False))
SECOND = (Click(17, 26), Click(20, 50, positive=False), Click(36, 5, positive=False))


def made(flat: Path, label: int, prompts: tuple[Click, ...], method: str = WALK, **more: Any) -> SavedObject:
    """Make an object as the window does: one answer to the first prompt, and one to all the others together."""
    session = open_session(tifffile.imread(flat), method)
    session.add(prompts[0])
    for count in range(2, len(prompts) + 1):
        session.edit(prompts[:count])
    session.compute()
    return SavedObject(
        label,
        PlaneAddress(),
        method,
        options=asdict(session.predictor.options),
        prompts=prompts,
        answered=session.answered,
        mask_sha256=mask_digest(session.mask),
        **more,
    )


def mask(flat: Path, item: SavedObject) -> np.ndarray:
    session = Session(to_rgb(tifffile.imread(flat)), make_predictor(item.method))
    session.resume(item.prompts, item.answered)
    return session.compute()


def saved(flat: Path, *objects: SavedObject, by_hand: Any = None) -> Path:
    """Write a session with its labels, the objects written one after the other, and some pixels painted by hand."""
    labels = np.zeros((41, 57), np.uint16)
    for item in objects:
        if item.prompts:
            there = mask(flat, item)
            labels[there if item.overwrite else there & (labels == 0)] = item.label
    if by_hand is not None:
        labels[by_hand] = 9
    path = flat.with_name("flat.iseg.json")
    name = write_session_labels(path, labels)
    return write_session(path, SavedSession(str(flat), (41, 57), (1.0, 1.0), objects, name))


@pytest.mark.parametrize("overwrite", [False, True])
def test_labels_come_again_bit_for_bit(run: Run, flat: Path, tmp_path: Path, overwrite: bool) -> None:
    session = saved(flat, made(flat, 1, FIRST), made(flat, 5, SECOND, overwrite=overwrite))
    stored = tifffile.imread(tmp_path / "flat.labels.tif")
    assert {0, 5} <= set(np.unique(stored)) <= {0, 1, 5}
    (tmp_path / "flat.labels.tif").rename(tmp_path / "elsewhere.tif")
    values = json.loads(session.read_text()) | {"labels": None}
    alone = tmp_path / "alone.iseg.json"
    alone.write_text(json.dumps(values))
    done = run("replay", alone, "-o", tmp_path / "again.tif")
    assert done.code == 0
    assert "2 of 2 objects were made anew, bit for bit" in done.err
    assert "no label file" in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), stored)


def test_what_was_painted_by_hand_is_kept_and_told(run: Run, flat: Path, tmp_path: Path) -> None:
    session = saved(flat, made(flat, 1, FIRST), SavedObject(9, PlaneAddress(), WALK), by_hand=np.s_[38:41, 50:57])
    done = run("replay", session, "-o", tmp_path / "again.tif")
    assert done.code == 0
    assert "21 pixels of the label file were painted or changed by hand" in done.err
    assert "Object 9 has no prompts" in done.err
    assert "1 of 1 objects were made anew, bit for bit" in done.err
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif"), tifffile.imread(tmp_path / "flat.labels.tif"))


def test_a_differing_object_is_named(run: Run, flat: Path, tmp_path: Path) -> None:
    first, second = made(flat, 1, FIRST), made(flat, 2, SECOND)
    moved = replace(second, prompts=(Click(30, 8), *SECOND[1:]))
    session = saved(flat, first, second)
    values = json.loads(session.read_text())
    values["objects"][1]["prompts"][0].update(row=30.0, column=8.0)
    session.write_text(json.dumps(values))
    done = run("replay", session, "-o", tmp_path / "again.tif")
    assert done.code == 1
    assert "Object 2 differs from the stored one" in done.err
    assert "Object 1" not in done.err
    assert "1 of 2 objects" in done.err
    again = tifffile.imread(tmp_path / "again.tif")
    expected = np.where(mask(flat, first), 1, 0)
    assert np.array_equal(again, np.where(mask(flat, moved) & (expected == 0), 2, expected))


def test_other_weights_are_told(run: Run, flat: Path) -> None:
    from napari_iseg.zoo.weights import weights_sha256

    name = "focalclick-b0"
    item = made(flat, 1, FIRST[:1], "focalclick", weights=name, weights_sha256=weights_sha256(name, "focalclick"))
    assert len(item.weights_sha256 or "") == 64
    session = saved(flat, item)
    assert "are not the file" not in run("replay", session).err
    values = json.loads(session.read_text())
    values["objects"][0]["weights_sha256"] = "0" * 64
    session.write_text(json.dumps(values))
    done = run("replay", session)
    assert done.code == 0
    assert f"The weights {name} are not the file that the objects were made with" in done.err


def test_a_session_of_the_first_version_replays(run: Run, flat: Path) -> None:
    session = saved(flat, made(flat, 1, FIRST[:1]))
    values = json.loads(session.read_text())
    old = {"format", "image", "objects"}
    values = {name: value for name, value in values.items() if name in old} | {"version": 1}
    for name in ("weights_sha256", "answered", "mask_sha256", "overwrite", "finished", "facts"):
        del values["objects"][0][name]
    session.write_text(json.dumps(values))
    done = run("replay", session)
    assert done.code == 0
    assert "nothing tells whether they are the same" in done.err


def test_what_cannot_be_replayed_is_said(run: Run, flat: Path, tmp_path: Path) -> None:
    session = saved(flat, made(flat, 1, FIRST), made(flat, 2, SECOND))
    values = json.loads(session.read_text())
    values["objects"][0]["method"] = "lasso"
    session.write_text(json.dumps(values))
    done = run("replay", session, "-o", tmp_path / "again.tif")
    assert done.code == 1
    assert "Object 1 cannot be made anew: There is no method named 'lasso'" in done.err
    # What was not made anew is as it was stored.
    stored = tifffile.imread(tmp_path / "flat.labels.tif") == 1
    assert np.array_equal(tifffile.imread(tmp_path / "again.tif")[stored], np.ones(stored.sum()))
    flat.unlink()
    assert "no file" in run("replay", session).err
    (tmp_path / "flat.labels.tif").unlink()
    assert run("replay", tmp_path / "none.iseg.json").code == 2


def test_an_object_seen_on_square_pixels_comes_again_bit_for_bit(run: Run, flat: Path, tmp_path: Path) -> None:
    session = open_session(tifffile.imread(flat), WALK, pixel_size=(3.0, 1.0))
    for click in FIRST:
        session.add(click)
    facts = {"shown_as": [123, 57]}
    digest = mask_digest(session.mask)
    item = SavedObject(1, PlaneAddress(), WALK, prompts=FIRST, mask_sha256=digest, facts=facts)
    told = SavedSession(str(flat), (41, 57), (3.0, 1.0), (item,))
    file = write_session(tmp_path / "flat.iseg.json", told)
    assert run("replay", file, "-o", tmp_path / "out.tif").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif") > 0, session.mask)
