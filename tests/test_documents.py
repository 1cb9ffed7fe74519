"""The documents keep up with the program."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from napari_iseg import METHODS
from napari_iseg.cli import app

TOP = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([TOP / "README.md", TOP / "CHANGELOG.md", *TOP.glob("docs/*.md"), *TOP.glob("sample_data/*.md")])


def test_readme_lists_every_method_and_its_weights() -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    for spec in METHODS.values():
        assert f"| `{spec.name}` |" in text
        assert spec.weights is None or f"`{spec.weights}`" in text


def test_the_page_on_the_methods_is_what_the_table_says() -> None:
    made = runpy.run_path(str(TOP / "docs" / "make_methods.py"))["document"]()
    assert (TOP / "docs" / "methods.md").read_text(encoding="utf-8") == made, "run python docs/make_methods.py"


def test_readme_shows_every_flag_of_segment() -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    command = get_command(app).commands["segment"]  # type: ignore[attr-defined]
    flags = {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}
    assert {flag for flag in flags if flag not in text} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []
