"""The autosave: only what changed is written, and a cut at any byte costs no more than the line that was cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.interactions import Click, MaskPrompt
from napari_iseg.io import SavedObject
from napari_iseg.io.autosave_file import (
    AutosaveWriter,
    SavedImage,
    blocks_in,
    read_autosave,
    read_autosave_image,
)
from napari_iseg.io.autosave_places import autosaves_of, every_autosave, forget, places_for, remember
from napari_iseg.planes import PlaneAddress

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3, 700, 1111)
IMAGE = SavedImage("größe", "/data/scan.tif", SHAPE, 12345)


def thing(label: int, *, finished: bool = True, **more: Any) -> SavedObject:
    clicks = tuple(Click(label + 0.1, n / 3, positive=n % 2 == 0) for n in range(3))
    return SavedObject(label, PlaneAddress(1, 2, (label % 3,)), "geodesic", prompts=clicks, finished=finished, **more)


def steps(count: int) -> tuple[np.ndarray, list[tuple[tuple[tuple[int, SavedObject], ...], tuple[slice, ...]]]]:
    """Return how work goes on: objects one after the other, the last one unfinished, and where each is drawn."""
    rng = np.random.default_rng(5)
    labels = np.zeros(SHAPE, np.uint16)
    going = []
    for number in range(1, count + 1):
        row, column = int(rng.integers(0, 650)), int(rng.integers(0, 1050))
        box = (slice(number % 3, number % 3 + 1), slice(row, row + 40), slice(column, column + 50))
        objects = tuple((key, thing(key)) for key in range(1, number + 1))
        going.append(((*objects, (1000 + number, thing(number + 1, finished=False))), box))
    return labels, going


def same(path: Path, objects: Any, labels: np.ndarray) -> bool:
    found = read_autosave(path)
    return found.objects == tuple(item for _, item in objects) and np.array_equal(found.labels, labels)


def test_every_step_is_there_and_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "work.iseg-autosave"
    writer = AutosaveWriter(path, IMAGE)
    labels, going = steps(12)
    sizes = []
    for number, (objects, box) in enumerate(going, start=1):
        labels[box] = number
        writer.write(objects, labels, blocks_in(SHAPE, box))
        assert same(path, objects, labels)
        sizes.append(path.stat().st_size)
    # A step costs kilobytes, although the labels are 4.6 MB.
    assert max(np.diff(sizes)) < 20_000
    assert read_autosave_image(path) == IMAGE
    before = path.read_bytes()
    writer.write(going[-1][0], labels, blocks_in(SHAPE))
    assert path.read_bytes() == before


def test_a_cut_at_any_byte_leaves_a_whole_step(tmp_path: Path) -> None:
    path = tmp_path / "work.iseg-autosave"
    writer = AutosaveWriter(path, IMAGE)
    labels, going = steps(3)
    states, sizes = [], []
    for number, (objects, box) in enumerate(going, start=1):
        labels[box] = number
        writer.write(objects, labels, blocks_in(SHAPE, box))
        states.append((objects, labels.copy()))
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for cut in (sizes[1], sizes[1] + 1, sizes[1] + 500, sizes[2] - 1):
        path.write_bytes(whole[:cut])
        assert same(path, *states[1])
    path.write_bytes(whole[:-300] + b"\0" * 300)
    assert same(path, *states[1])
    path.write_bytes(whole[:20])
    with pytest.raises(ImageError, match="no autosave"):
        read_autosave(path)


def test_a_large_file_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "work.iseg-autosave"
    writer = AutosaveWriter(path, IMAGE)
    labels = np.zeros(SHAPE, np.uint16)
    noise = np.random.default_rng(2).integers(0, 60000, (3, 512, 512)).astype(np.uint16)
    for number in range(8):
        labels[:, :512, :512] = noise + number
        writer.write(((1, thing(1)),), labels, blocks_in(SHAPE))
    # Eight times 2 MB that cannot be compressed, of which at most four are kept.
    assert path.stat().st_size < 5 * 2.2e6 * 1.4
    assert same(path, ((1, thing(1)),), labels)


def test_objects_that_go_change_or_move_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "work.iseg-autosave"
    writer = AutosaveWriter(path, replace(IMAGE, source=None))
    labels = np.zeros(SHAPE, np.uint16)
    first, second, third = ((key, thing(key)) for key in (1, 2, 3))
    changed = (2, thing(2, class_name="cell", facts={"note": ["a", 1]}))
    mask = (4, thing(4, answered=(1, 3)))
    drawn = (5, replace(thing(5), prompts=(MaskPrompt(np.eye(5, dtype=bool)),)))
    for objects in ((first, second, third), (first, changed, third), (third, first, changed), (first, mask)):
        writer.write(objects, labels, ())
        assert same(path, objects, labels)
    writer.write((drawn,), labels, ())
    assert np.array_equal(read_autosave(path).objects[0].prompts[0].mask, np.eye(5))
    # Nothing to keep: no file.
    writer.write((), labels, blocks_in(SHAPE))
    assert not path.exists()
    labels[0, 5, 5] = 9
    writer.write((first,), labels, blocks_in(SHAPE))
    assert same(path, (first,), labels)
    path.unlink()
    writer.write((first, second), labels, ())
    assert same(path, (first, second), labels)


def test_after_a_failure_everything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "work.iseg-autosave"
    writer = AutosaveWriter(path, IMAGE)
    labels = np.zeros(SHAPE, np.uint16)
    writer.write(((1, thing(1)),), labels, ())
    path.unlink()
    folder.rmdir()
    labels[1, 600, 1000] = 3
    with pytest.raises(ExportError, match="no folder"):
        writer.write(((1, thing(1)), (2, thing(2))), labels, blocks_in(SHAPE))
    folder.mkdir()
    writer.write(((1, thing(1)), (2, thing(2))), labels, ())
    assert same(path, ((1, thing(1)), (2, thing(2))), labels)


def test_images_are_told_apart() -> None:
    assert IMAGE.is_of(IMAGE)
    assert not IMAGE.is_of(replace(IMAGE, fingerprint=1))
    assert IMAGE.is_of(replace(IMAGE, fingerprint=None))
    assert not IMAGE.is_of(replace(IMAGE, shape=(700, 1111)))
    assert not IMAGE.is_of(replace(IMAGE, source="/data/other.tif"))
    unknown = replace(IMAGE, source=None, fingerprint=None)
    assert not unknown.is_of(unknown)


def test_autosaves_lie_beside_the_image_and_are_found(tmp_path: Path, user_folder: Path) -> None:
    folder = tmp_path / "da[t]a"
    folder.mkdir()
    source = str(folder / "cell.png")
    beside = places_for(source, "cell")[0]
    assert beside == folder / ".cell.png.iseg-autosave"
    assert places_for(None, "a/b c")[0] == user_folder.with_name("autosave") / "a_b_c.iseg-autosave"
    for path in (beside, places_for(source, "cell")[1], places_for(None, "a/b c")[0]):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("x")
        remember(path)
    assert set(autosaves_of(source)) >= {beside, places_for(source, "cell")[1]}
    assert beside not in autosaves_of(str(folder / "cell2.png"))
    assert len(every_autosave()) == 3
    forget(beside)
    assert len(every_autosave()) == 2
    assert not beside.exists()
    gone = places_for(str(tmp_path / "not there" / "cell.png"), "cell")[0]
    assert gone.parent == user_folder.with_name("autosave")


def test_facts_of_the_session_are_there_and_are_written_only_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "work.iseg-autosave"
    writer = AutosaveWriter(path, IMAGE)
    labels, going = steps(2)
    # Alone they are nothing to keep.
    writer.write((), labels, (), {"current_class": "cell"})
    assert not path.exists()
    (objects, box), (more, _) = going
    labels[box] = 1
    writer.write(objects, labels, blocks_in(SHAPE, box))
    assert read_autosave(path).facts == {"current_class": "cell"}
    size = path.stat().st_size
    writer.write(objects, labels, (), {"current_class": "cell"})
    assert path.stat().st_size == size
    facts = {"classes": [{"name": "Zelle", "colour": "#112233"}]}
    writer.write(objects, labels, (), facts)
    writer.write(more, labels, ())
    found = read_autosave(path)
    assert found.facts == facts
    assert found.objects == tuple(item for _, item in more)
