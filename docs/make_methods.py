"""Write methods.md from the table of methods: ``python docs/make_methods.py``. A test holds the file to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_iseg import METHODS
from napari_iseg.zoo import OptionInfo, describe_options
from napari_iseg.zoo.known_weights import RELEASED

if TYPE_CHECKING:
    from napari_iseg.zoo import MethodSpec

FILE = Path(__file__).with_name("methods.md")

_HEAD = """# Methods

Every method is driven by the same window, command line and Python session. A prompt that a method does not take as it
is, is put in terms that it does; nothing is invented on the way (a method that does it otherwise says so below):

- a **box** becomes a positive click in its middle, and the box (with its surroundings) the first crop;
- a **scribble** becomes clicks of its sign at even distances along it, at most eight;
- a **mask** is itself the answer, and what the next prompt refines.

Options are set in the window under *Options*, by `--option name=value` on the command line, and by `options={...}` in
Python. A changed option asks the unfinished objects again; it loads nothing anew.

| method | what it is | takes | in other terms | gives | weights |
|---|---|---|---|---|---|
"""


def main() -> None:
    """Write the file."""
    FILE.write_text(document(), encoding="utf-8")


def document() -> str:
    """Return the document as Markdown."""
    rows = "".join(_row(spec) for spec in METHODS.values())
    return _HEAD + rows + "\n" + "\n".join(_section(spec) for spec in METHODS.values())


def _row(spec: MethodSpec) -> str:
    gives = ["a mask", *(["proposals"] if spec.proposals else []), *(["an alpha matte"] if spec.alpha else [])]
    cells = (
        f"`{spec.name}`",
        spec.title,
        _words(spec.prompts),
        _words(spec.translated),
        ", ".join(gives),
        _weights(spec),
    )
    return "| " + " | ".join(cells) + " |\n"


def _weights(spec: MethodSpec) -> str:
    if spec.weights or spec.family is None:
        return f"`{spec.weights}`" if spec.weights else "none needed"
    return "[a released file](weights.md)" if any(spec.name in r.methods for r in RELEASED.values()) else "none yet"


def _section(spec: MethodSpec) -> str:
    lines = [f"## `{spec.name}`", "", f"{spec.title}. {spec.paper}.", "", *([spec.note, ""] if spec.note else [])]
    lines += ["| option | default | may be | what it does |", "|---|---|---|---|"]
    lines += [_option(info) for info in describe_options(spec.options)]
    return "\n".join(lines) + "\n"


def _option(info: OptionInfo) -> str:
    default = str(info.default).lower() if isinstance(info.default, bool) else str(info.default)
    return f"| `{info.name}` | {default} | {info.wanted} | {info.description} |"


def _words(prompts: tuple[type, ...]) -> str:
    return ", ".join(prompt.__name__.removesuffix("Prompt").lower() for prompt in prompts)


if __name__ == "__main__":
    main()
