"""What READMEs say of a licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_iseg.io.stated_licence import NOT_STATED, stated_licence

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """# Data
| other | table |
|---|---|
| cells | no |

| dataset | what | licence, as stated |
|---|---|---|
| `cells` | nuclei \\| more | CC0, see [here](http://x.y) |
| empty | | |
"""


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    (tmp_path / "cells").mkdir()
    return tmp_path / "cells"


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "# Cells\n\n## Licence\n\n**License:** CC BY 4.0\n", "CC BY 4.0"),
        ("readme.txt", "Pictures of cells.\nReleased under the MIT licence.\n", "Released under the MIT licence."),
        ("README.md", "# Cells\n## License\nno line that tells\n", NOT_STATED),
        ("README.pdf", "License: none\n", NOT_STATED),
    ],
)
def test_the_readme_in_the_folder_counts(cells: Path, name: str, text: str, licence: str) -> None:
    (cells / name).write_text(text)
    assert stated_licence(cells) == licence


def test_a_table_beside_the_folder_counts_where_the_folder_says_nothing(cells: Path) -> None:
    (cells.parent / "README.md").write_text(TABLE)
    assert stated_licence(cells) == "CC0, see here"
    assert stated_licence(cells.parent / "empty") == NOT_STATED
    assert stated_licence(cells.parent / "pack.zip", "cells") == "CC0, see here"
    (cells / "README.md").write_text("Licence: mine\n")
    assert stated_licence(cells) == "mine"


def test_a_long_sentence_is_cut(cells: Path) -> None:
    (cells / "README").write_text("The licence " + "of many words " * 50)
    assert len(stated_licence(cells)) <= 200
    assert stated_licence(cells).endswith("…")


def test_the_development_sets_have_theirs(shared: Path) -> None:
    assert "CC0" in stated_licence(shared / "data" / "dsb2018")
    assert "NonCommercial" in stated_licence(shared / "data" / "sstem_vnc")
