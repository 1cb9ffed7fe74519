"""The table of released weights, and what a name that is not here yet says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from napari_iseg.errors import UnknownNameError, WeightsError
from napari_iseg.zoo.known_weights import RELEASED, Clicks
from napari_iseg.zoo.weights import WEIGHTS, find_weights, how_to_get, non_commercial_licence
from napari_iseg.zoo.weights_folder import (
    downloads_folder,
    imported_weights,
    record_sha256,
    recorded_sha256,
    remove_weights,
    show_once,
    usable_name,
    weights_folder,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", RELEASED)
def test_every_released_entry_says_what_a_user_needs(name: str) -> None:
    known = RELEASED[name]
    assert usable_name(name) == name
    assert name not in WEIGHTS
    assert name.startswith(known.methods[0])
    assert known.licence
    assert known.trained_on
    assert known.architecture
    assert known.page.startswith("https://")
    for address in known.addresses:
        assert address.startswith(known.page)
        assert known.file in address
    # A licence that forbids something says so, and the flag with it.
    assert known.non_commercial == ("NC" in known.licence or "non-commercial" in known.licence)
    for clicks in known.clicks:
        assert clicks.noc90 is not None
        assert 1 <= clicks.noc90 <= 20
        assert clicks.noc85 is None or 1 <= clicks.noc85 <= clicks.noc90
    for digest in known.sha256.values():
        assert len(bytes.fromhex(digest)) == 32


def test_the_table_holds_what_was_published() -> None:
    assert len(RELEASED) == 27
    assert [name for name, known in RELEASED.items() if known.addresses] == [
        "ritm-hrnet18-sbd",
        "ritm-hrnet18-cocolvis-baseline",
        "ritm-hrnet18s-cocolvis",
        "ritm-hrnet18-cocolvis",
        "ritm-hrnet32-cocolvis",
        "cfr-icl-vit-huge-cocolvis",
    ]
    assert len(RELEASED["cfr-icl-vit-huge-cocolvis"].addresses) == 3
    assert Clicks("Berkeley", None, 2.6) in RELEASED["ritm-hrnet18s-cocolvis"].clicks
    assert Clicks("SBD", 2.84, 4.68) in RELEASED["adaptiveclick-vit-huge-cocolvis"].clicks
    assert Clicks("DAVIS", 3.41, 4.78) in RELEASED["simpleclick-vit-huge-cocolvis"].clicks
    assert Clicks("COCO MVal", 2.51, 3.33) in RELEASED["focalclick-segformer-b3-s2-combined"].clicks


def test_no_backbone_alone_is_among_them() -> None:
    assert not [name for name in RELEASED if name.startswith(("mae", "sam", "mit", "segformer"))]
    assert {known.methods[0] for known in RELEASED.values()} == {
        "ritm",
        "cfr-icl",
        "simpleclick",
        "adaptiveclick",
        "focalclick",
    }


def test_files_of_the_authors_are_told_apart_by_name() -> None:
    files = [known.file for known in RELEASED.values() if known.file]
    assert len(files) == len(set(files))


@pytest.mark.parametrize("name", RELEASED)
def test_released_weights_that_are_not_here_say_how_they_come(name: str) -> None:
    known = RELEASED[name]
    with pytest.raises(WeightsError, match="not here yet") as told:
        find_weights(name, known.methods[0])
    words = str(told.value)
    if known.addresses:
        assert f"napari-iseg weights download {name}" in words
        assert str(downloads_folder()) in words
        assert all(address.rsplit("/", 1)[1] in words for address in known.addresses)
    else:
        assert known.page in words
        assert f"--name {name}" in words
        assert "napari-iseg weights import" in words
    assert words.endswith(how_to_get(known))


def test_weights_of_another_method_are_refused_before_anything_else() -> None:
    with pytest.raises(WeightsError, match="for ritm, not for simpleclick"):
        find_weights("ritm-hrnet32-cocolvis", "simpleclick")


def test_a_mistyped_name_gets_the_method_s_own_as_hints() -> None:
    with pytest.raises(UnknownNameError, match="simpleclick-vit-base-cocolvis"):
        find_weights("simpleclick-vit-bas-cocolvis", "simpleclick")


def test_terms_of_files_are_known_by_their_authors_names(tmp_path: Path) -> None:
    assert non_commercial_licence(tmp_path / "cocolvis_icl_vit_huge.pth") == "CC BY-NC 4.0"
    assert non_commercial_licence("simpleclick-vit-base-sbd") is not None
    for free in ("ritm-hrnet32-cocolvis", "cfr-icl-small", tmp_path / "coco_lvis_h32_itermask.pth", "mine.pth"):
        assert non_commercial_licence(free) is None


def test_the_folder_is_the_named_one_or_the_system_s(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights_folder() == user_folder
    monkeypatch.setenv("NAPARI_ISEG_WEIGHTS", "~/somewhere")
    assert weights_folder().is_absolute()
    monkeypatch.delenv("NAPARI_ISEG_WEIGHTS")
    assert weights_folder().parts[-2:] == ("napari-iseg", "weights")


def test_an_empty_or_missing_folder_holds_nothing(user_folder: Path) -> None:
    assert imported_weights() == {}
    assert recorded_sha256("x") is None
    assert not user_folder.exists()
    with pytest.raises(UnknownNameError):
        remove_weights("x")


def test_removing_touches_nothing_else(user_folder: Path, tmp_path: Path) -> None:
    user_folder.mkdir(parents=True)
    outside = tmp_path / "outside.safetensors"
    for path in (outside, user_folder / "one.safetensors", user_folder / "two.safetensors"):
        path.write_bytes(b"not even a head")
    record_sha256("one.safetensors", "1" * 64, source="here")
    record_sha256("net.pth", "2" * 64, source="there")
    with pytest.raises(UnknownNameError):
        remove_weights("../../outside")
    assert remove_weights("one") == user_folder / "one.safetensors"
    assert sorted(item.name for item in user_folder.iterdir()) == ["sha256.json", "two.safetensors"]
    assert outside.exists()
    assert recorded_sha256("one.safetensors") is None
    assert recorded_sha256("net.pth") == "2" * 64


def test_damaged_records_count_as_none_and_are_written_anew(user_folder: Path) -> None:
    user_folder.mkdir(parents=True)
    (user_folder / "sha256.json").write_text("{")
    assert recorded_sha256("a") is None
    record_sha256("a", "3" * 64, source="x")
    assert json.loads((user_folder / "sha256.json").read_text())["a"]["sha256"] == "3" * 64


def test_a_licence_is_shown_once_until_it_changes(user_folder: Path) -> None:
    assert [show_once("a", "NC"), show_once("a", "NC"), show_once("b", "NC"), show_once("a", "other")] == [
        True,
        False,
        True,
        True,
    ]
    assert user_folder.is_dir()


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "a\\b", "-x", "a b", "x.", "n" * 101, "x.safetensors"])
def test_names_that_could_not_be_files_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="cannot name weights"):
        usable_name(name)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_ISEG_WEIGHTS", str(tmp_path / "file" / "weights"))
    with pytest.raises(WeightsError, match="NAPARI_ISEG_WEIGHTS"):
        record_sha256("a", "3" * 64, source="x")
