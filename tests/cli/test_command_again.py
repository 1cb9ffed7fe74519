"""The command line that a card repeats."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it at run time
from typing import Annotated

import typer
from typer.testing import CliRunner

from napari_iseg.cli.given import command_again


def told(*arguments: str) -> str:
    said: list[str] = []

    def train(
        context: typer.Context,
        recipe: str,
        data: Annotated[list[Path], typer.Option()],
        seconds: Annotated[float, typer.Option()] = 5.0,
        share: Annotated[float, typer.Option()] = 0.5,
        on_device: Annotated[bool | None, typer.Option("--on-device/--on-host")] = None,
        resume: Annotated[bool, typer.Option("--resume")] = False,
    ) -> None:
        said.append(command_again(context, leave_out=("resume",)))

    app = typer.Typer()
    app.command()(train)
    assert CliRunner().invoke(app, arguments, prog_name="train").exit_code == 0
    return said[0]


def test_it_names_what_was_typed_and_no_folder_of_this_machine() -> None:
    given = ("/home/me/mini.toml", "--data", "/home/me/cells", "--data", "../up/pho tos", "--seconds", "60", "--resume")
    assert told(*given) == "napari-iseg train mini.toml --data cells 'pho tos' --seconds 60"
    given = ("mini", "--on-host", "--data", "cells/", "--share", "0.25")
    assert told(*given) == "napari-iseg train mini --data cells --share 0.25 --on-host"


def test_a_long_one_breaks_between_options_and_between_folders() -> None:
    folders = [f"folder {number:02}" for number in range(12)]
    given = [part for folder in folders for part in ("--data", folder)]
    lines = told("mini", *given, "--seconds", "60").split(" \\\n    ")
    assert len(lines) == 2
    assert max(map(len, lines)) <= 112
    assert " ".join(lines) == f"napari-iseg train mini --data {' '.join(map(repr, folders))} --seconds 60"
