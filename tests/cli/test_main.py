"""What holds for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_iseg.cli import _spread_data

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.mark.parametrize("command", ["methods", "segment", "evaluate", "train"])
def test_every_command_has_help(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert f"napari-iseg {command}" in done.out


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    done = run("segment", "image.tif", "-o", "out.tif", "--colour", "red")
    assert done.code == 2
    assert "--colour" in done.err


def test_train_takes_several_folders_after_one_data() -> None:
    given = ["train", "recipe", "--data", "a", "b", "--output", "o", "--data", "c"]
    assert _spread_data(given) == ["train", "recipe", "--data", "a", "--data", "b", "--output", "o", "--data", "c"]


def test_other_commands_keep_their_words() -> None:
    given = ["evaluate", "--data", "a", "b"]
    assert _spread_data(given) == given


def test_missing_dataset_folder_is_one_sentence(run: Run) -> None:
    done = run("evaluate", "--method", "random-walker", "--data", "no-such-folder")
    assert done.code == 2
    assert "no-such-folder" in done.err
    assert "Traceback" not in done.err
