"""A bad file or a bad export gives one sentence, and what was on the disk before stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image

from napari_iseg.errors import ExportError, ImageError
from napari_iseg.io import read_image, write_labels
from napari_iseg.io.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

STACK = np.random.default_rng(2).integers(0, 3000, (5, 21, 34)).astype(np.uint16)
KINDS = [
    *("image.nii", "image.nii.gz", "image.mha", "packed.mha", "image.nrrd", "packed.nrrd"),
    *("image.tif", "imagej.tif", "packed.tif", "pages.tif", "image.png", "image.jpg", "image.bmp"),
]


def write_image(file: Path) -> Path:
    ending = "".join(file.suffixes)
    if ending.startswith(".nii"):
        nib.save(nib.Nifti1Image(STACK.T, np.eye(4)), file)
    elif ending in (".mha", ".nrrd"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(STACK), str(file), file.stem == "packed")
    elif file.stem == "pages":
        pages = [Image.fromarray(page) for page in STACK]
        pages[0].save(file, save_all=True, append_images=pages[1:])
    elif ending == ".tif":
        compression = "zlib" if file.stem == "packed" else None
        tifffile.imwrite(file, STACK, imagej=file.stem == "imagej", compression=compression)
    else:
        Image.fromarray((STACK[0] // 12).astype(np.uint8)).save(file)
    return file


def sentence(caught: pytest.ExceptionInfo[Exception]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert text[-1] in ".?"
    return text


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_cut_off_files(name: str, part: float, tmp_path: Path) -> None:
    file = write_image(tmp_path / name)
    assert read_image(file).data.size >= 21 * 34
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageError) as caught:
        read_image(file)
    assert str(file) in sentence(caught)


@pytest.mark.parametrize("name", KINDS)
def test_files_of_another_kind_and_empty_files(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(b"This is a letter, not an image.\n" * 40)
    with pytest.raises(ImageError, match="damaged"):
        read_image(file)
    file.write_bytes(b"")
    with pytest.raises(ImageError, match="empty"):
        read_image(file)


@pytest.mark.parametrize("name", KINDS)
def test_damaged_bytes_never_show_as_a_traceback(name: str, tmp_path: Path) -> None:
    file = write_image(tmp_path / name)
    content = file.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(25):
        broken = bytearray(content)
        for place in rng.integers(0, min(len(content), 600), 4):
            broken[place] = int(rng.integers(256))
        file.write_bytes(bytes(broken))
        try:
            read_image(file)
        except ImageError as error:
            assert str(file) in str(error)


def test_missing_files_come_with_their_neighbours(tmp_path: Path) -> None:
    write_image(tmp_path / "image.nii.gz")
    with pytest.raises(ImageError, match=r"did you mean image\.nii\.gz"):
        read_image(tmp_path / "imag.nii.gz")
    with pytest.raises(ImageError, match="does not exist either"):
        read_image(tmp_path / "nowhere" / "image.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


def test_unknown_endings(tmp_path: Path) -> None:
    (tmp_path / "letter.docx").write_bytes(b"x")
    with pytest.raises(ImageError, match=r"unknown kind.*\.nrrd"):
        read_image(tmp_path / "letter.docx")
    with pytest.raises(ExportError, match=r"did you mean \.tiff"):
        write_labels(tmp_path / "labels.tifff", STACK)
    with pytest.raises(ExportError, match=r"choose one of"):
        write_labels(tmp_path / "labels", STACK)


def test_compression_that_needs_more_is_told(tmp_path: Path) -> None:
    """Whether or not imagecodecs is here, LZW opens or the sentence names what is missing."""
    Image.fromarray(STACK[0].astype(np.uint8)).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    try:
        np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif").data, STACK[0].astype(np.uint8))
    except ImageError as error:
        assert "imagecodecs" in str(error)


@pytest.mark.parametrize(
    ("name", "labels", "words"),
    [
        ("x.png", np.zeros((3, 4, 5), int), "TIFF"),
        ("x.png", np.full((4, 5), 65536), "65535"),
        ("x.tif", np.full((4, 5), -1), "-1"),
        ("x.tif", np.full((4, 5), 2**32), "4294967296"),
        ("x.tif", np.full((4, 5), 0.5), "whole numbers"),
        ("x.tif", np.zeros((0, 5), int), r"\(0, 5\)"),
        ("x.nii", np.zeros(5, int), r"\(5,\)"),
    ],
)
def test_labels_that_no_file_can_hold(name: str, labels: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words) as caught:
        write_labels(tmp_path / name, labels)
    sentence(caught)
    assert not list(tmp_path.iterdir())


def test_labels_of_another_image(tmp_path: Path) -> None:
    like = read_image(write_image(tmp_path / "image.nii"))
    for shape in [(5, 21, 33), (21, 34), (1, 5, 21, 34), (34, 21, 5)]:
        with pytest.raises(ExportError, match=r"image\.nii has \(5, 21, 34\)"):
            write_labels(tmp_path / "labels.nii", np.zeros(shape, int), like)
    for spacing in [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)]:
        with pytest.raises(ExportError, match="3 numbers above 0"):
            write_labels(tmp_path / "labels.tif", STACK, spacing=spacing)


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no folder"):
        write_labels(tmp_path / "nowhere" / "labels.tif", STACK)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ExportError, match="no folder"):
        write_labels(tmp_path / "file" / "labels.tif", STACK)
    (tmp_path / "labels.tif").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        write_labels(tmp_path / "labels.tif", STACK)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = write_labels(tmp_path / "labels.nrrd", STACK)
    before = file.read_bytes()
    with pytest.raises(ExportError, match="export them as TIFF"):
        write_labels(file, np.zeros((1,) * 8, int))
    with pytest.raises(ExportError, match="disk full"), replacing(file) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(28, "disk full")
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["labels.nrrd"]


def test_links_and_permissions_survive(tmp_path: Path) -> None:
    file = write_labels(tmp_path / "labels.tif", STACK)
    file.chmod(0o640)
    (tmp_path / "link.tif").symlink_to(file)
    write_labels(tmp_path / "link.tif", STACK + 1)
    assert (tmp_path / "link.tif").is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(tifffile.imread(file), STACK + 1)
