"""The documents keep up with the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_iseg import METHODS

TOP = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([TOP / "README.md", TOP / "CHANGELOG.md", *TOP.glob("docs/*.md"), *TOP.glob("sample_data/*.md")])


def test_readme_lists_every_method_and_its_weights() -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    for spec in METHODS.values():
        assert f"| `{spec.name}` |" in text
        assert spec.weights is None or f"`{spec.weights}`" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []
