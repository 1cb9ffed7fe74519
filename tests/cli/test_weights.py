"""``napari-iseg weights``: real downloads from a server on this machine, real imports, real answers with them."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import py7zr
import pytest
import tifffile
from tests.released import released_from_manifest, released_state, save_released
from tests.seeded import TINY, seeded_network

from napari_iseg import METHODS
from napari_iseg.zoo.known_weights import RELEASED
from napari_iseg.zoo.weights import WEIGHTS
from napari_iseg.zoo.weights_folder import imported_weights, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.web import Site

CLICKS = ("--click", "17,33,+", "--click", "3,4,-")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a small SimpleClick file as upstream's trainer writes it."""
    values = {"backbone_params": {"img_size": TINY.image_size, "num_heads": TINY.heads}, "norm_radius": 5}
    state = released_state(seeded_network(TINY))
    return save_released(tmp_path / "mine.pth", state, "isegm.model.is_plainvit_model.PlainVitModel", values)


def publish(site: Site, monkeypatch: pytest.MonkeyPatch, name: str, files: dict[str, bytes]) -> None:
    """Let the table's entry ``name`` have its files on the test's own site."""
    addresses = []
    for file, content in files.items():
        site.files[f"/{file}"] = content
        addresses.append(f"{site.address}/{file}")
    table = {**RELEASED, name: dataclasses.replace(RELEASED[name], addresses=tuple(addresses))}
    for module in ("cli.weights", "zoo.weights", "inference.importing"):
        monkeypatch.setattr(import_module(f"napari_iseg.{module}"), "RELEASED", table)


def test_list_and_info_show_the_whole_table(run: Run) -> None:
    printed = run("weights", "list").out
    rows = json.loads(run("weights", "list", "--json").out)
    assert [row["name"] for row in rows] == [*WEIGHTS, *RELEASED]
    for row in rows:
        assert row["name"] in printed
        facts = json.loads(run("weights", "info", row["name"], "--json").out)
        assert facts == row
    listed = json.loads(run("weights", "list", "--json", "--method", "cfr-icl").out)
    assert {row["name"] for row in listed} == {"cfr-icl-small", "cfr-icl-vit-huge-cocolvis"} | {
        name for name in RELEASED if name.startswith("simpleclick")
    }
    said = run("weights", "info", "cfr-icl-vit-huge-cocolvis").out
    for words in ("CC BY-NC 4.0", "COCO+LVIS", "7z.003", "NoC@90 4.24", "not known", "about 2.6 GB"):
        assert words in said


@pytest.mark.parametrize("command", [("info",), ("download",), ("verify",), ("remove", "--yes")])
def test_a_mistyped_name_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    done = run("weights", *command, "ritm-hrnet18s-cocolvi")
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1


def test_weights_are_downloaded_used_verified_and_removed(
    run: Run, site: Site, released: Path, flat: Path, tmp_path: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "simpleclick-vit-base-cocolvis"
    publish(site, monkeypatch, name, {"cocolvis_vit_base.pth": released.read_bytes()})
    done = run("weights", "download", name)
    assert done.code == 2
    assert "--accept-licence" in done.err
    assert "CC BY-NC" in done.err
    assert site.asked == []
    done = run("weights", "download", name, "--accept-licence")
    assert done.code == 0, done.err
    assert "CC BY-NC" in done.err
    assert sha256_of(released) in done.err
    assert sha256_of(released) in done.out
    assert f"--method simpleclick --weights {name}" in done.out
    assert list((user_folder / "downloads").iterdir()) == []
    facts = json.loads(run("weights", "info", name, "--json").out)
    assert (facts["where"], facts["non_commercial"], facts["network"]) == ("here", True, "SimpleClick")
    assert facts["released_sha256"] == {"cocolvis_vit_base.pth": sha256_of(released)}
    for output in ("a.tif", "b.tif"):
        segment = ("segment", flat, "-o", tmp_path / output, "--method", "simpleclick", "--weights", name, *CLICKS)
        done = run(*segment)
        assert done.code == 0, done.err
        # The terms are shown before the first use, once.
        assert ("CC BY-NC" in done.err) == (output == "a.tif")
    assert run("weights", "verify", name).code == 0
    done = run("weights", "download", name, "--accept-licence")
    assert (done.code, len(site.asked)) == (2, 1)
    assert "here already" in done.err
    assert run("weights", "remove", name).code == 2
    assert run("weights", "remove", name, "--yes").code == 0
    assert imported_weights() == {}


def test_volumes_of_an_archive_are_fetched_in_spite_of_a_cut_and_become_one_network(
    run: Run, site: Site, released: Path, tmp_path: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with py7zr.SevenZipFile(tmp_path / "whole.7z", "w") as target:
        target.write(released, "cocolvis_icl_vit_huge.pth")
    content = (tmp_path / "whole.7z").read_bytes()
    third = len(content) // 3 + 1
    files = {f"cocolvis_icl_vit_huge.pth.7z.{i + 1:03}": content[i * third : (i + 1) * third] for i in range(3)}
    publish(site, monkeypatch, "cfr-icl-vit-huge-cocolvis", files)
    site.cuts = 1
    done = run("weights", "download", "cfr-icl-vit-huge-cocolvis", "--accept-licence", "--keep")
    assert done.code == 0, done.err
    assert [status for _, _, status in site.asked] == [200, 206, 200, 200]
    found = imported_weights()["cfr-icl-vit-huge-cocolvis"]
    assert found.methods[0] == "cfr-icl"
    assert found.licence == "CC BY-NC 4.0"
    assert found.source_sha256 == sha256_of(released)
    assert sorted(item.name for item in (user_folder / "downloads").iterdir()) == sorted(files)


def test_offline_the_files_put_by_hand_do(
    run: Run, site: Site, released: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "simpleclick-vit-base-sbd"
    publish(site, monkeypatch, name, {"sbd_vit_base.pth": b""})
    site.files.clear()
    done = run("weights", "download", name, "--accept-licence")
    assert done.code == 2
    place = user_folder / "downloads" / "sbd_vit_base.pth"
    assert str(place) in done.err
    assert f"napari-iseg weights download {name}" in done.err
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(released.read_bytes())
    assert run("weights", "download", name, "--accept-licence").code == 0
    assert name in imported_weights()


def test_what_lies_on_a_shared_drive_says_the_page_and_the_import(run: Run) -> None:
    done = run("weights", "download", "adaptiveclick-vit-base-sbd", "--accept-licence")
    assert done.code == 2
    for words in ("adaptiveclick_base448_sbd.pth", "github.com/lab206/AdaptiveClick", "weights import"):
        assert words in done.err


def test_a_file_is_imported_under_a_name_and_used(run: Run, released: Path, flat: Path, tmp_path: Path) -> None:
    done = run("weights", "import", released, "--name", "my-net", "--accept-licence")
    assert done.code == 0, done.err
    assert "SimpleClick" in done.out
    answers = []
    for weights in ("my-net", released):
        output = tmp_path / "p.npy"
        segment = ("segment", flat, "-o", tmp_path / "o.tif", "--method", "simpleclick", "--weights", weights, *CLICKS)
        assert run(*segment, "--probability", output).code == 0
        answers.append(np.load(output))
    np.testing.assert_array_equal(answers[0], answers[1])
    assert run("weights", "list").out.count("my-net") == 1
    done = run("weights", "import", released, "--name", "my-net")
    assert (done.code, "already" in done.err) == (2, True)


def test_a_known_file_with_terms_needs_them_accepted(run: Run, released: Path) -> None:
    path = released.rename(released.with_name("cocolvis_icl_vit_huge.pth"))
    done = run("weights", "import", path)
    assert (done.code, "--accept-licence" in done.err) == (2, True)
    assert imported_weights() == {}
    assert run("weights", "import", path, "--accept-licence").code == 0
    assert list(imported_weights()) == ["cfr-icl-vit-huge-cocolvis"]


def test_a_file_of_unknown_name_is_told_by_its_network_and_needs_its_terms_accepted(
    run: Run, released: Path, flat: Path, tmp_path: Path
) -> None:
    done = run("weights", "import", released, "--name", "renamed")
    assert (done.code, "CC BY-NC" in done.err, "--accept-licence" in done.err) == (2, True, True)
    assert imported_weights() == {}
    done = run("weights", "import", released, "--name", "renamed", "--accept-licence")
    assert (done.code, "renamed: not for commercial use" in done.err) == (0, True)
    assert imported_weights()["renamed"].non_commercial
    (row,) = (row for row in json.loads(run("weights", "list", "--json").out) if row["name"] == "renamed")
    assert row["non_commercial"]
    for output in ("a.tif", "b.tif"):
        done = run("segment", flat, "-o", tmp_path / output, "--method", "simpleclick", "--weights", released, *CLICKS)
        assert done.code == 0, done.err
        assert ("CC BY-NC" in done.err) == (output == "a.tif")


def test_what_an_archive_of_unknown_name_holds_is_asked_about_too(run: Run, released: Path, tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "thing.7z", "w") as target:
        target.write(released, "inside.pth")
    done = run("weights", "import", tmp_path / "thing.7z")
    assert (done.code, "thing: not for commercial use" in done.err) == (2, True)
    assert imported_weights() == {}
    done = run("weights", "import", tmp_path / "thing.7z", "--accept-licence")
    assert (done.code, done.err.count("not for commercial use")) == (0, 1)


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 0), (b"y\n", 1)])
def test_on_a_terminal_terms_are_asked(released: Path, answer: bytes, left: int) -> None:
    mine, theirs = pty.openpty()
    try:
        os.write(mine, answer)
        command = [sys.executable, "-m", "napari_iseg", "weights", "import", str(released)]
        done = subprocess.run(command, stdin=theirs, capture_output=True, timeout=120, check=False)
    finally:
        os.close(mine)
        os.close(theirs)
    assert b"Accept these terms?" in done.stderr
    assert len(imported_weights()) == left


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_removing_asks(run: Run, released: Path, answer: bytes, left: int) -> None:
    run("weights", "import", released, "--accept-licence")
    mine, theirs = pty.openpty()
    try:
        os.write(mine, answer)
        command = [sys.executable, "-m", "napari_iseg", "weights", "remove", "mine"]
        done = subprocess.run(command, stdin=theirs, capture_output=True, timeout=120, check=False)
    finally:
        os.close(mine)
        os.close(theirs)
    assert b"Delete" in done.stderr
    assert len(imported_weights()) == left


def test_a_file_of_something_else_is_one_sentence(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"nothing")
    done = run("weights", "import", path)
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    assert "x.pth is damaged" in done.err


FAMILIES = {
    "simpleclick_tiny": "simpleclick",
    "adaptiveclick_tiny": "adaptiveclick",
    "ritm_hrnet18s": "ritm",
    "focalclick_segformer_b0": "focalclick",
}


@pytest.mark.parametrize("manifest", FAMILIES)
def test_every_released_family_goes_the_whole_way(
    run: Run, shared: Path, flat: Path, tmp_path: Path, manifest: str
) -> None:
    method = FAMILIES[manifest]
    if method not in METHODS:
        pytest.skip(f"the table has no method {method} yet")
    path = released_from_manifest(shared, manifest, tmp_path / f"{manifest}.pth")
    assert run("weights", "import", path, "--name", "theirs", "--accept-licence").code == 0
    assert run("weights", "verify", "theirs").code == 0
    for weights, output in (("theirs", "a.tif"), (path, "b.tif")):
        segment = ("segment", flat, "-o", tmp_path / output, "--method", method, "--weights", weights, *CLICKS)
        done = run(*segment)
        assert done.code == 0, done.err
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "b.tif"))
