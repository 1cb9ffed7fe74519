"""OME-Zarr of every version, from a folder or a web server: the right place, channels and labels, chunk by chunk."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_iseg.errors import ImageError
from napari_iseg.io import read_image
from napari_iseg.io.choices import choices_in
from napari_iseg.io.readers import get_reader, open_layers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web import Site

DATA = np.random.default_rng(5).integers(0, 900, (1, 2, 6, 33, 21)).astype(np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"),
]


def steps(factor: int) -> list[dict[str, Any]]:
    return [
        {"type": "scale", "scale": [3.0, 1.0, 2.0, 0.5 * factor, 0.25 * factor]},
        {"type": "translation", "translation": [0.0, 0.0, 10.0, 20.0, 30.0]},
    ]


def write_ome(path: Path, version: str, data: np.ndarray = DATA, *, labels: bool = True) -> Path:
    """Write a pyramid of two levels by the letter of the specification, without ome-zarr."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    levels = {"0": data, "1": data[..., ::2, ::2]}
    for name, level in levels.items():
        array = group.create_array(name, shape=level.shape, dtype=level.dtype, chunks=(1, 1, 2, 16, 16))
        array[:] = level
    image = {
        "name": "embryo",
        "axes": AXES,
        "datasets": [
            {"path": name, "coordinateTransformations": steps(factor)} for name, factor in (("0", 1), ("1", 2))
        ],
    }
    channels = [
        {"label": "DAPI", "color": "0000FF", "window": {"start": 10, "end": 500, "min": 0, "max": 900}, "active": True},
        {
            "label": "actin",
            "color": "FF8000",
            "window": {"start": 0, "end": 700, "min": 0, "max": 900},
            "active": False,
        },
    ]
    say(group, version, {"multiscales": [image | ({"version": version} if version == "0.4" else {})]})
    say(group, version, {"omero": {"channels": channels}})
    if labels:
        drawn = group.create_group("labels")
        say(drawn, version, {"labels": ["nuclei"]})
        nuclei = drawn.create_group("nuclei")
        nuclei.create_array("0", shape=data[:, :1].shape, dtype=np.int32, chunks=(1, 1, 2, 16, 16))[:] = (
            data[:, :1] > 99
        )
        set_ = [{"path": "0", "coordinateTransformations": steps(1)}]
        say(nuclei, version, {"multiscales": [{"axes": AXES, "datasets": set_, "version": version}], "image-label": {}})
    return path


def say(group: zarr.Group, version: str, facts: dict[str, Any]) -> None:
    group.attrs.update(
        facts if version == "0.4" else {"ome": {**group.attrs.get("ome", {"version": version}), **facts}}
    )


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_channels_place_units_limits_and_labels(version: str, tmp_path: Path) -> None:
    path = write_ome(tmp_path / "embryo.ome.zarr", version)
    first, second, labels = open_layers(path)
    np.testing.assert_array_equal(first[0], DATA[:, 0])
    np.testing.assert_array_equal(second[0], DATA[:, 1])
    attributes = second[1]
    assert attributes["name"] == "embryo actin"
    assert attributes["scale"] == (3, 2, 0.5, 0.25)
    assert attributes["translate"] == (0, 10, 20, 30)
    assert attributes["units"] == ("s", "um", "um", "um")
    assert attributes["axis_labels"] == ("t", "z", "y", "x")
    assert attributes["contrast_limits"] == (0, 700)
    assert (first[1]["visible"], attributes["visible"]) == (True, False)
    np.testing.assert_allclose(attributes["colormap"][1], (1, 128 / 255, 0, 1))
    assert labels[2] == "labels"
    assert labels[1]["name"] == "nuclei"
    assert labels[1]["scale"] == attributes["scale"]
    np.testing.assert_array_equal(labels[0], DATA[:, 0] > 99)
    assert read_image(path).data.shape == DATA.shape


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_ome_zarr_itself_writes_opens_the_same(tmp_path: Path) -> None:
    # At its import it warns of a class of its own.
    from ome_zarr.writer import write_image

    group = zarr.open_group(tmp_path / "theirs.zarr", mode="w")
    units = dict.fromkeys("zyx", "nanometer")
    write_image(
        DATA[0, 0], group, axes="zyx", scale={"z": 2, "y": 0.5, "x": 0.25}, axes_units=units, scale_factors=(2,)
    )
    ((data, attributes, _),) = open_layers(tmp_path / "theirs.zarr")
    np.testing.assert_array_equal(data, DATA[0, 0])
    assert attributes["scale"] == (2, 0.5, 0.25)
    assert attributes["units"] == ("nm",) * 3


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_large_ones_stay_a_pyramid_of_chunks(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.zarr_files.SMALL", 0)
    path = write_ome(tmp_path / "embryo.zarr", version)
    first, *_ = open_layers(path)
    assert first[1]["multiscale"] is True
    assert [level.shape for level in first[0]] == [(1, 6, 33, 21), (1, 6, 17, 11)]
    assert all(isinstance(level, da.Array) for level in first[0])
    np.testing.assert_array_equal(first[0][0][0, 4].compute(), DATA[0, 0, 4])


def test_missing_chunks_are_empty_and_a_missing_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_iseg.io.zarr_files.SMALL", 0)
    path = write_ome(tmp_path / "embryo.zarr", "0.4", labels=False)
    first, *_ = open_layers(path)
    (path / "0" / "0.0.0.0.0").unlink()
    plane = first[0][0][0, 0].compute()
    assert not plane[:16, :16].any()
    np.testing.assert_array_equal(plane[16:], DATA[0, 0, 0, 16:])
    shutil.rmtree(path)
    with pytest.raises(ImageError, match=r"embryo\.zarr cannot be read any more"):
        first[0][0][0, 3].compute()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_address_is_read_chunk_by_chunk(version: str, tmp_path: Path, site: Site) -> None:
    path = write_ome(tmp_path / "embryo.zarr", version)
    site.files.update(
        {f"/{file.relative_to(tmp_path)}": file.read_bytes() for file in path.rglob("*") if file.is_file()}
    )
    address = f"{site.address}/embryo.zarr"
    assert get_reader(address) is not None
    first, second, labels = open_layers(address)
    assert (second[1]["name"], labels[1]["name"]) == ("embryo actin", "nuclei")
    site.asked.clear()
    np.testing.assert_array_equal(np.asarray(first[0][0][0, 4]), DATA[0, 0, 4])
    read = {
        name
        for name, _, status in site.asked
        if status == 200 and "zarr.json" not in name and ".z" not in name.rpartition("/")[2]
    }
    # A chunk holds planes 4 and 5; the plane needs 3 x 2 of them.
    assert len(read) == 6
    site.files.clear()
    with pytest.raises(ImageError, match="cannot be opened as OME-Zarr"):
        open_layers(f"{site.address}/other.zarr")


def test_several_images_of_one_zarr_are_choices(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "run.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for name, planes in (("0", 6), ("1", 3)):
        write_ome(tmp_path / "run.zarr" / name, "0.4", DATA[:, :, :planes], labels=False)
    assert [(choice.name, choice.shape[2]) for choice in choices_in(tmp_path / "run.zarr")] == [("0", 6), ("1", 3)]
    chosen = read_image(f"{tmp_path / 'run.zarr'}::1")
    np.testing.assert_array_equal(chosen.data, DATA[:, :, :3])


def test_red_green_and_blue_are_one_colour_image(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "stain.zarr", mode="w", zarr_format=2)
    colours = np.random.default_rng(1).integers(0, 255, (3, 33, 21)).astype(np.uint8)
    group.create_array("0", shape=colours.shape, dtype="u1", chunks=(1, 16, 16))[:] = colours
    group.attrs["multiscales"] = [{"version": "0.4", "axes": [{"name": n} for n in "cyx"], "datasets": [{"path": "0"}]}]
    group.attrs["omero"] = {"channels": [{"color": code} for code in ("FF0000", "00FF00", "0000FF")]}
    ((data, attributes, _),) = open_layers(tmp_path / "stain.zarr")
    assert attributes["rgb"] is True
    np.testing.assert_array_equal(data, np.moveaxis(colours, 0, -1))


def test_plain_arrays_and_folders_without_any(tmp_path: Path) -> None:
    zarr.open_array(tmp_path / "plain.zarr", mode="w", shape=(3, 9, 7), dtype="f2")[:] = 2
    loaded = read_image(tmp_path / "plain.zarr")
    assert (loaded.data.shape, loaded.data.dtype) == ((3, 9, 7), np.float32)
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    with pytest.raises(ImageError, match="no image"):
        read_image(tmp_path / "empty.zarr")
