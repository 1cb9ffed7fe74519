"""The documents keep up with the program."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from napari_iseg import METHODS
from napari_iseg.cli import app
from napari_iseg.zoo.weights import weights_sha256

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


def test_the_table_of_results_is_that_of_the_last_measurement() -> None:
    quality = runpy.run_path(str(TOP / "benchmarks" / "quality.py"))
    found, note = quality["read_results"]()
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    table = readme.partition(quality["BEGIN"] + "\n")[2].partition(quality["END"])[0]
    assert table == quality["readme_table"](found), "run python benchmarks/quality.py --write"
    written = (TOP / "docs" / "results.md").read_text(encoding="utf-8")
    assert written == quality["document"](found, note), "run python benchmarks/quality.py --write"


def test_every_bundled_network_was_measured_as_it_is_now() -> None:
    quality = runpy.run_path(str(TOP / "benchmarks" / "quality.py"))
    found, _ = quality["read_results"]()
    for name, row in quality["SETS"].items():
        # Those that must be there, and whatever else is: a row of former weights is no result of these.
        for text in {*(row.methods or quality["METHODS"]), *found[name]}:
            method = text.partition(":")[0]
            now = weights_sha256(METHODS[method].weights, method)
            assert found[name][text]["weights_sha256"] == now, f"run python benchmarks/quality.py DATA --sets {name}"


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
