"""Rows and pictures in the text of a card; all else stays as it was written."""

from __future__ import annotations

from rich.markdown import Markdown

from napari_iseg.evaluation.card import FAILS, REACHES, method_of, opening_of, with_picture, with_row

KEY = ("data", "method")
ORDER = ("data", "method", "NoC@85", "NoC@90", "IoU")

CARD = """# mine

By hand: a | pipe.\x0c

| | |
|---|---|
| Method | `cfr-icl`: clicks |

## What it reaches

Written before the table.

| data | method | NoC@85 | note |
|---|---|---|---|
| cells | `a` | 3.00 | as  *seen* |
| photos | `a` | 9.00 |

Written after it.

```
## Where it fails
```

## Where it fails

Small ones do.

## More

The end, without a last line's end."""


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_new_row_lies_beside_those_of_its_set_and_nothing_else_changes() -> None:
    after = with_row(CARD, {"data": "cells", "method": "`b`", "NoC@85": "5.00"}, key=KEY, order=ORDER)
    assert changed_lines(CARD, after) == ([], ["| cells | `b` | 5.00 | |"])
    lines = after.split("\n")
    assert lines.index("| cells | `b` | 5.00 | |") == lines.index("| cells | `a` | 3.00 | as  *seen* |") + 1
    assert after.replace("| cells | `b` | 5.00 | |\n", "") == CARD


def test_a_row_of_the_same_key_takes_the_place_of_the_old_one() -> None:
    after = with_row(CARD, {"data": "photos", "method": "`a`", "NoC@85": "4.00"}, key=KEY, order=ORDER)
    assert changed_lines(CARD, after) == (["| photos | `a` | 9.00 |"], ["| photos | `a` | 4.00 | |"])
    again = with_row(after, {"data": "photos", "method": "`a`", "NoC@85": "4.00"}, key=KEY, order=ORDER)
    assert again == after


def test_a_new_measure_becomes_a_column_in_its_place_and_other_rows_keep_their_cells() -> None:
    row = {"data": "volumes", "method": "`a`", "NoC@90": "7.00", "IoU": "0.5"}
    after = with_row(CARD, row, key=KEY, order=ORDER)
    table = [line for line in after.split("\n") if line.startswith("|") and "Method" not in line][2:]
    assert table == [
        "| data | method | NoC@85 | NoC@90 | IoU | note |",
        "|---|---|---|---|---|---|",
        "| cells | `a` | 3.00 | | | as  *seen* |",
        "| photos | `a` | 9.00 | | |",
        "| volumes | `a` | | 7.00 | 0.5 | |",
    ]
    # Another reader of Markdown sees one table of facts and one of measures.
    assert sum(token.type == "table_open" for token in Markdown(after).parsed) == 2


def test_sections_that_are_missing_are_added_at_the_end_once() -> None:
    text = "# mine\n\nWords.\n"
    row = {"data": "cells", "method": "`a`", "IoU": "0.5"}
    after = with_picture(with_row(text, row, key=KEY, order=ORDER), "mine-cells.jpg", "The worst")
    assert after.startswith(text)
    assert after.count(f"## {REACHES}") == after.count(f"## {FAILS}") == 1
    assert after.index("| data | method | IoU |\n|---|---|---|\n| cells | `a` | 0.5 |") < after.index(FAILS)
    assert after.endswith("\n\n![The worst](mine-cells.jpg)\n")
    assert with_picture(with_row(after, row, key=KEY, order=ORDER), "mine-cells.jpg", "The worst") == after


def test_a_section_without_a_table_gets_one_after_its_text() -> None:
    text = "\n".join(("# mine", "", opening_of(REACHES), opening_of(FAILS)))
    after = with_row(text, {"data": "cells", "method": "`a`", "IoU": "0.5"}, key=KEY, order=ORDER)
    assert f"\n\n| data | method | IoU |\n|---|---|---|\n| cells | `a` | 0.5 |\n\n## {FAILS}\n" in after


def test_a_picture_goes_to_the_end_of_its_section_and_replaces_the_one_of_its_file() -> None:
    once = with_picture(CARD, "my card-cells.jpg", "[6] worst")
    assert changed_lines(CARD, once)[1] == ["![(6) worst](my%20card-cells.jpg)"]
    assert "Small ones do.\n\n![(6) worst](my%20card-cells.jpg)\n\n## More" in once
    other = with_picture(once, "my card-cells-box.jpg", "boxes")
    twice = with_picture(other, "my card-cells.jpg", "newer")
    assert twice == other.replace("(6) worst", "newer")


def test_the_method_of_a_card_is_the_one_that_its_facts_state() -> None:
    assert method_of(CARD) == "cfr-icl"
    assert method_of("# mine\n") is None
