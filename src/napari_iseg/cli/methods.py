"""``napari-iseg methods``: what there is to choose from."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from napari_iseg.zoo import METHODS

if TYPE_CHECKING:
    from napari_iseg.zoo import MethodSpec

__all__ = ["methods"]


def methods(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every option and its default.")] = False,
) -> None:
    """List the methods."""
    if as_json:
        typer.echo(json.dumps([_facts(spec) for spec in METHODS.values()], indent=2))
        return
    table = Table("method", "what it is", "prompts", "weights", box=None, pad_edge=False, header_style="bold")
    for spec in METHODS.values():
        table.add_row(spec.name, spec.title, ", ".join(_prompts(spec)), spec.weights or "none needed")
    Console().print(table)


def _facts(spec: MethodSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "prompts": _prompts(spec),
        "weights": spec.weights,
        "options": dataclasses.asdict(spec.options),
    }


def _prompts(spec: MethodSpec) -> list[str]:
    """Name the prompts as users do: a MaskPrompt is a mask."""
    return [prompt.__name__.removesuffix("Prompt").lower() for prompt in spec.prompts]
