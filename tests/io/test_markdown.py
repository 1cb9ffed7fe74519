"""Lines of Markdown: cells with pipes, sections beside code that looks like them, tables where they are."""

from __future__ import annotations

import pytest
from rich.markdown import Markdown

from napari_iseg.io.markdown import find_section, find_tables, join_cells, plain_text, split_cells

TEXT = """# Title

## First

```
## No heading
| no | table |
|---|---|
```

| a | b |
|:--|--:|
| 1 | x \\| y |
| 2 |

## Second ##
### Deeper
words | with a pipe
## Third
"""
LINES = TEXT.split("\n")


@pytest.mark.parametrize("cells", [["a", "b"], ["", "a|b", ""], ["one", ""], ["`x` \\ y", "ü"]])
def test_cells_go_into_a_line_and_come_back(cells: list[str]) -> None:
    assert split_cells(join_cells(cells)) == cells


def test_a_cell_of_several_lines_becomes_one_line() -> None:
    assert join_cells(["two\nlines"]) == "| two lines |"


def test_a_section_ends_at_the_next_heading_that_is_no_deeper_and_code_has_no_headings() -> None:
    start, stop = find_section(LINES, "first") or (0, 0)
    assert LINES[start - 1] == "## First"
    assert LINES[stop] == "## Second ##"
    start, stop = find_section(LINES, "Second") or (0, 0)
    assert LINES[start:stop] == ["### Deeper", "words | with a pipe"]
    assert find_section(LINES, "Third") == (len(LINES) - 1, len(LINES))
    assert find_section(LINES, "No heading") is None


def test_the_only_table_is_the_one_that_is_in_no_code() -> None:
    (table,) = find_tables(LINES)
    assert table.header == ("a", "b")
    assert [split_cells(LINES[row]) for row in table.rows] == [["1", "x | y"], ["2"]]
    # Another reader of Markdown finds as many.
    assert sum(token.type == "table_open" for token in Markdown(TEXT).parsed) == 1


def test_marks_are_taken_from_text() -> None:
    assert plain_text("- **CC0**, see [the page](https://x.y/z) and `LICENSE`") == "CC0, see the page and LICENSE"
