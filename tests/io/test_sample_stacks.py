"""Stacks that travel with the package, and real images from a mirror folder or a server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io import read_image
from napari_iseg.io.autosave_places import autosave_folder, places_for
from napari_iseg.io.sample_files import SampleFile, find_file, samples_folder
from napari_iseg.io.sample_stacks import FETCHED, find_stack, open_em_stack, open_mri_stack, open_nuclei_stack
from napari_iseg.io.samples import find_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web import Site

DRAWN = {
    "em_stack": (open_em_stack, (16, 192, 224), (50.0, 8.0, 8.0), "nm", 55),
    "mri_stack": (open_mri_stack, (28, 144, 120), (5.0, 1.2, 1.2), "mm", 4),
    "nuclei_stack": (open_nuclei_stack, (24, 200, 232), (1.0, 0.3, 0.3), "um", 48),
}


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAPARI_ISEG_DATA", raising=False)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_stack_has_its_size_its_place_and_a_reference(name: str) -> None:
    read, shape, spacing, unit, objects = DRAWN[name]
    (image, attributes, kind), (labels, more, other) = read()
    assert (kind, other) == ("image", "labels")
    assert image.shape == labels.shape == shape
    np.testing.assert_allclose(attributes["scale"], spacing, rtol=1e-6)
    assert more["scale"] == attributes["scale"]
    assert attributes["metadata"]["napari_iseg"]["image"].units == unit
    assert np.array_equal(np.unique(labels), np.arange(objects + 1))
    # The objects are brighter than what is around them: cytoplasm, brain, nuclei.
    assert image[labels > 0].mean() > 1.25 * image[labels == 0].mean()


@pytest.mark.parametrize("name", FETCHED)
def test_a_real_sample_says_its_licence_and_whom_to_cite(name: str) -> None:
    stack = find_stack(name)
    assert stack.licence in stack.terms
    assert f"Cite: {stack.citation}." in stack.terms
    assert any(file.address is not None for file in stack.files)
    assert all(file.mirror_sha256 is not None for file in stack.files)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("nerve_cord", (5, 1024, 1024)), ("hippocampus", (35, 52, 34)), ("nuclei", (256, 256)), ("spine", (256, 256))],
)
def test_the_mirror_is_used_before_the_network(
    name: str, shape: tuple[int, ...], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_ISEG_DATA", str(shared / "data"))
    (image, attributes, _), (labels, _, kind) = find_stack(name).layers()
    assert image.shape == labels.shape == shape
    assert labels.max() > 0
    assert kind == "labels"
    known = attributes["metadata"]["napari_iseg"]
    assert known["licence"]
    assert known["citation"]
    assert not samples_folder().exists()


def test_another_file_in_the_mirror_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_ISEG_DATA", str(tmp_path))
    file = find_stack("spine").files[0]
    assert file.mirror is not None
    (tmp_path / file.mirror).parent.mkdir(parents=True)
    Image.new("L", (7, 5)).save(tmp_path / file.mirror)
    with pytest.raises(ImageError, match=r"SHA-256 is not .* unset NAPARI_ISEG_DATA"):
        find_stack("spine").layers()


def slice_bytes(tmp_path: Path) -> bytes:
    tifffile.imwrite(tmp_path / "made.tif", np.arange(35, dtype=np.uint8).reshape(5, 7))
    return (tmp_path / "made.tif").read_bytes()


def test_a_file_is_fetched_once_and_checked_every_time(site: Site, tmp_path: Path) -> None:
    content = slice_bytes(tmp_path)
    site.files["/raw/00.tif"] = content
    address = f"{site.address}/raw/00.tif"
    file = SampleFile(role="image", address=address, sha256=hashlib.sha256(content).hexdigest())
    path = find_file("cord", file)
    assert path is not None
    assert read_image(path).data.shape == (5, 7)
    assert find_file("cord", file) == path
    assert len(site.asked) == 1
    path.write_bytes(content[:-1])
    with pytest.raises(ImageError, match="delete it, then open the sample again"):
        find_file("cord", file)


def test_a_replaced_file_on_the_server_is_refused(site: Site, tmp_path: Path) -> None:
    site.files["/00.tif"] = slice_bytes(tmp_path) + b"more"
    file = SampleFile(role="image", address=f"{site.address}/00.tif", sha256="0" * 64)
    with pytest.raises(ImageError, match="not the file that the sample 'cord' should have"):
        find_file("cord", file)
    assert not list(samples_folder().rglob("*.tif"))


def test_a_file_that_was_never_seen_is_known_from_its_first_download(site: Site, tmp_path: Path) -> None:
    site.files["/00.tif"] = slice_bytes(tmp_path)
    file = SampleFile(role="image", address=f"{site.address}/00.tif")
    path = find_file("cord", file)
    assert path is not None
    path.unlink()
    site.files["/00.tif"] += b"more"
    with pytest.raises(ImageError, match="not the file"):
        find_file("cord", file)


@pytest.mark.parametrize("is_up", [True, False])
def test_without_a_server_or_a_file_on_it_a_sentence_says_what_to_do(is_up: bool, site: Site) -> None:
    address = f"{site.address}/nowhere.tif" if is_up else "http://127.0.0.1:9/00.tif"
    file = SampleFile(role="image", address=address, mirror="cord/images/00.tif")
    with pytest.raises(ImageError, match=r"not fetched .* put it at .* NAPARI_ISEG_DATA .* cord/images/00.tif"):
        find_file("cord", file)


def test_a_reference_that_is_nowhere_is_left_out() -> None:
    assert find_file("cord", SampleFile(role="reference", mirror="cord/labels/00.png")) is None


def test_a_single_image_is_no_stack_and_a_stack_no_single_image() -> None:
    with pytest.raises(ImageError, match="find_sample"):
        find_stack("cell")
    with pytest.raises(UnknownNameError, match="em_stack"):
        find_sample("em_stack")


def test_work_on_a_drawn_stack_is_kept_in_the_users_folder() -> None:
    source = open_em_stack()[0][1]["metadata"]["napari_iseg"]["source"]
    assert {place.parent for place in places_for(source, "em_stack")} == {autosave_folder()}
