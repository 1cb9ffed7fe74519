"""``python -m napari_iseg`` is the command ``napari-iseg``."""

from __future__ import annotations

from napari_iseg.cli import main

if __name__ == "__main__":
    main()
