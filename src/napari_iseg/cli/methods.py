"""``napari-iseg methods``: what there is to choose from, and what can be set."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_iseg.zoo import METHODS, describe_options, find_method
from napari_iseg.zoo.known_weights import RELEASED

if TYPE_CHECKING:
    from napari_iseg.zoo import MethodSpec, OptionInfo

__all__ = ["methods"]


def methods(
    name: Annotated[str | None, typer.Argument(help="A method, to see its options.", show_default=False)] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with every option: its type, default, range and description.")
    ] = False,
) -> None:
    """List the methods, or the options of one."""
    if name is not None:
        spec = find_method(name)
        if as_json:
            typer.echo(json.dumps(_facts(spec), indent=2))
        else:
            _print_method(spec)
    elif as_json:
        typer.echo(json.dumps([_facts(spec) for spec in METHODS.values()], indent=2))
    else:
        _print_all()


def _print_all() -> None:
    # The titles stand below, so that the table fits 80 columns and no name is cut.
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("method", "takes", "also gives", "weights"):
        table.add_column(head, no_wrap=True)
    console = Console()
    for spec in METHODS.values():
        table.add_row(spec.name, _prompts(spec), ", ".join(_gives(spec)), _weights(spec))
    console.print(table)
    console.print()
    for spec in METHODS.values():
        console.print(f"{spec.name}: {spec.title}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "\nPrompts in brackets are put in terms of the others. Options of a method: napari-iseg methods NAME\n"
        "Released weights of others: napari-iseg weights list",
        highlight=False,
        soft_wrap=True,
    )


def _print_method(spec: MethodSpec) -> None:
    # Lines of prose are left to the terminal to wrap, so that whatever reads them finds each whole.
    console = Console(soft_wrap=True, highlight=False)
    lines = {
        "paper": spec.paper,
        "prompts": ", ".join(_words(spec.prompts)),
        "translated prompts": ", ".join(_words(spec.translated)) or "none",
        "gives": ", ".join(["mask", *_gives(spec)]),
        "weights": _weights(spec),
        **({"note": spec.note} if spec.note else {}),
    }
    console.print(f"[bold]{escape(spec.name)}[/bold]: {escape(spec.title)}")
    for head, text in lines.items():
        console.print(f"{head}: {text}", markup=False)
    table = Table("option", "type", "default", "range", "description", box=None, pad_edge=False, header_style="bold")
    for info in describe_options(spec.options):
        cells = (info.name, info.kind, _text(info.default), _range(info), info.description)
        table.add_row(*map(escape, cells))
    console.print()
    Console(highlight=False).print(table)


def _facts(spec: MethodSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "prompts": _words(spec.prompts),
        "translated": _words(spec.translated),
        "proposals": spec.proposals,
        "published_proposals": spec.published_proposals,
        "alpha": spec.alpha,
        "weights": spec.weights,
        "note": spec.note,
        "options": dataclasses.asdict(spec.options),
        "option_facts": [dataclasses.asdict(info) for info in describe_options(spec.options)],
    }


def _words(prompts: tuple[type, ...]) -> list[str]:
    """Name prompts as users do: a MaskPrompt is a mask."""
    return [prompt.__name__.removesuffix("Prompt").lower() for prompt in prompts]


def _gives(spec: MethodSpec) -> list[str]:
    """Name what a method gives besides the mask."""
    return [ability for ability in ("proposals", "alpha") if getattr(spec, ability)]


def _prompts(spec: MethodSpec) -> str:
    return ", ".join([*_words(spec.prompts), *(f"({word})" for word in _words(spec.translated))])


def _weights(spec: MethodSpec) -> str:
    if spec.family is None:
        return "none needed"
    released = [known for known in RELEASED.values() if spec.name in known.methods]
    if spec.weights is not None or not released:
        return spec.weights or "your own"
    return "to download" if any(known.addresses for known in released) else "to import"


def _text(value: Any) -> str:
    """Write a value as ``--option`` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _range(info: OptionInfo) -> str:
    if info.choices is not None:
        return ", ".join(info.choices)
    if info.kind == "bool":
        return "true, false"
    if info.minimum is not None and info.maximum is not None:
        words = [f"{info.minimum:g} to {info.maximum:g}"]
    else:
        ends = {">=": info.minimum, ">": info.above, "<=": info.maximum, "<": info.below}
        words = [" and ".join(f"{sign} {end:g}" for sign, end in ends.items() if end is not None)]
    return " or ".join(filter(None, [*words, *(f"{number:g}" for number in info.also)])) or "any"
