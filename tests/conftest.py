"""What every test may ask for: the shared fixtures folder, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path | None:
    """Return the folder of goldens and development data, or None where this machine has none."""
    folder = Path(os.environ.get("NAPARI_ISEG_SHARED", _CHECKOUT.parent / "shared"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return ``../shared`` (or ``$NAPARI_ISEG_SHARED``); the test is skipped where it is absent."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("../shared is not here; set NAPARI_ISEG_SHARED to its path to run the tests against the goldens")
    return folder
