"""A way to run the command line inside the test process, and small files to run it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import nibabel
import numpy as np
import pytest
import tifffile

from napari_iseg.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class Run(Protocol):
    def __call__(self, *arguments: object) -> Done: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs ``napari-iseg`` with its arguments."""

    def call(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Done(int(end.value.code or 0), printed.out, printed.err)

    return call


def picture() -> np.ndarray:
    """Return (41, 57) uint8 with a bright disk of radius 9 around row 17, column 33."""
    row, column = np.ogrid[:41, :57]
    return np.where((row - 17) ** 2 + (column - 33) ** 2 <= 81, 200, 30).astype(np.uint8)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Return a 2-D TIFF."""
    path = tmp_path / "flat.tif"
    tifffile.imwrite(path, picture())
    return path


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return a NIfTI of 5 slices, (57, 41, 5) voxels in the file, with uneven spacing and an oblique affine."""
    path = tmp_path / "volume.nii.gz"
    data = np.repeat(picture()[np.newaxis], 5, axis=0).T.astype(np.int16)
    affine = np.array([[-0.7, 0.02, 0, 12], [0.01, 0.9, 0.1, -7], [0, -0.1, 2.5, 3], [0, 0, 0, 1]])
    nibabel.Nifti1Image(data, affine).to_filename(path)
    return path
