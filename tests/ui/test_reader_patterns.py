"""Every pattern of the manifest's readers opens a real small file the way napari's menus do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
import zarr
from napari.layers import Layer
from npe2 import PluginManifest, read
from pydicom.uid import generate_uid
from tests.io.test_dicom import STRAIGHT, write_slice

import napari_iseg
from napari_iseg.ui._choice_dialog import ChoiceDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import Hand

DATA = np.random.default_rng(4).integers(0, 3000, (3, 9, 13)).astype(np.int16)


def nifti(path: Path) -> None:
    nibabel.Nifti1Image(DATA.T, np.diag([0.5, 0.75, 2, 1])).to_filename(path)


def itk(path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(DATA), str(path))


def dicom(path: Path) -> None:
    write_slice(path, 1, generate_uid(), STRAIGHT)


def hdf5(path: Path) -> None:
    with h5py.File(str(path).partition("::")[0], "w") as file:
        file["raw"] = DATA
        file["small"] = DATA[:1]


def ome_tiff(path: Path) -> None:
    tifffile.imwrite(path, DATA, metadata={"axes": "ZYX"})


def ome_zarr(path: Path) -> None:
    root = zarr.open_group(str(path).partition("::")[0], mode="w", zarr_format=2)
    array = root.create_array("raw", shape=DATA.shape, dtype=DATA.dtype, chunks=(1, 9, 13))
    array[:] = DATA
    axes = [{"name": axis, "type": "space"} for axis in "zyx"]
    scales = [{"type": "scale", "scale": [2.0, 0.75, 0.5]}]
    levels = [{"path": "raw", "coordinateTransformations": scales}]
    root.attrs["multiscales"] = [{"version": "0.4", "name": "raw", "axes": axes, "datasets": levels}]


FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "*.nii": ("a.nii", nifti),
    "*.nii.gz": ("a.nii.gz", nifti),
    "*.mha": ("a.mha", itk),
    "*.mhd": ("a.mhd", itk),
    "*.nrrd": ("a.nrrd", itk),
    "*.dcm": ("a.dcm", dicom),
    "*.dicom": ("a.dicom", dicom),
    "*.ima": ("a.IMA", dicom),
    "*[0-9][0-9][0-9]": ("IM0001", dicom),
    "*.[0-9]": ("1.2.840.5", dicom),
    "*.[0-9][0-9]": ("1.2.840.55", dicom),
    "*.h5": ("a.h5", hdf5),
    "*.hdf5": ("a.hdf5", hdf5),
    "*.hdf": ("a.hdf", hdf5),
    "*.ome.tif": ("a.ome.tif", ome_tiff),
    "*.ome.tiff": ("a.ome.tiff", ome_tiff),
    "*.zarr": ("a.ome.zarr", ome_zarr),
    "*.zarr/": ("b.ome.zarr/", ome_zarr),
    "*.zarr::*": ("c.ome.zarr::raw", ome_zarr),
    "*.h5::*": ("b.h5::raw", hdf5),
    "*.hdf5::*": ("b.hdf5::raw", hdf5),
}
"""The manifest's patterns, each with the name of a file that it is there for, and what writes one."""


def opened(hand: Hand, path: str) -> Layer:
    """Open a path as napari does, which since 0.9 looks first whether there is such a file on this machine."""
    if "::" not in path:
        (layer,) = hand.viewer.open(path, plugin="napari-iseg")
        return layer
    # So ``file::image`` reaches the reader in programs that ask npe2, and as an address; napari's own word is no.
    with pytest.raises(FileNotFoundError, match="does not exist"):
        hand.viewer.open(path, plugin="napari-iseg")
    (data,) = read([path], stack=False, plugin_name="napari-iseg")
    return hand.viewer.add_layer(Layer.create(*data))


def test_every_pattern_of_the_manifest_opens_a_file(
    open_hand: Callable[..., Hand], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = PluginManifest.from_file(Path(napari_iseg.__file__).with_name("napari.yaml"))
    assert manifest.contributions.readers is not None
    (reader,) = manifest.contributions.readers
    assert set(reader.filename_patterns) == set(FILES)
    hand = open_hand()
    # Of several images in a file the reader asks which; the largest one is chosen already, and Open is pressed.
    monkeypatch.setattr(ChoiceDialog, "exec", lambda _dialog: 1)
    trouble = []
    for pattern, (name, write) in FILES.items():
        write(tmp_path / name)
        try:
            layer = opened(hand, f"{tmp_path}/{name}")
        except (ValueError, OSError, KeyError) as error:
            trouble.append((pattern, str(error)))
            continue
        expected = (1, *DATA.shape[1:]) if write is dicom else DATA.shape
        if layer.data.shape != expected or (write is not dicom and not np.array_equal(np.asarray(layer.data), DATA)):
            trouble.append((pattern, f"{layer.data.shape}"))
    assert not trouble
