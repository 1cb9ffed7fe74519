"""What is typed on a command line, or named there, as prompts and options."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import OptionError, PromptError, UnknownNameError
from napari_iseg.interactions import Box, Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    import typer

    from napari_iseg.interactions import Prompt
    from napari_iseg.io import LoadedImage
    from napari_iseg.planes import PlaneAddress, PlaneLook

__all__ = [
    "command_again",
    "look_named",
    "mask_prompts",
    "parse_box",
    "parse_click",
    "parse_options",
    "prompts_in",
    "scribbles_in",
]


def parse_click(text: str) -> Click:
    """Read ``ROW,COLUMN,+`` or ``ROW,COLUMN,-``.

    Raises
    ------
    PromptError
        If it is written otherwise.
    """
    try:
        first, second, sign = (part.strip() for part in text.split(","))
        row, column, positive = float(first), float(second), {"+": True, "-": False}[sign]
    except (ValueError, KeyError):
        raise PromptError(f"A click is ROW,COLUMN,+ or ROW,COLUMN,- (as in 120,88,+); {text!r} was given.") from None
    return Click(row, column, positive)


def parse_box(text: str) -> Box:
    """Read ``R0,C0,R1,C1``: the box from row R0 and column C0 up to, and not with, row R1 and column C1.

    Raises
    ------
    PromptError
        If it is written otherwise or encloses nothing.
    """
    try:
        top, left, bottom, right = (float(part) for part in text.split(","))
    except ValueError:
        raise PromptError(f"A box is R0,C0,R1,C1 (as in 40,30,160,150); {text!r} was given.") from None
    return Box((top, left), (bottom, right))


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` texts; a key given twice has its last value.

    Raises
    ------
    OptionError
        If one has no ``=``.
    """
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise OptionError(f"An option is KEY=VALUE (as in flip=true); {text!r} was given.")
        options[key.strip().replace("-", "_")] = value.strip()
    return options


def look_named(name: str, loaded: LoadedImage, address: PlaneAddress) -> PlaneLook:
    """Return how a plane of an image is looked at with a contrast of this name.

    Raises
    ------
    UnknownNameError
        If there is no such contrast.
    """
    from napari_iseg.io.layer_limits import layer_limits
    from napari_iseg.planes import PlaneLook
    from napari_iseg.planes.contrasts import CONTRASTS, LAYER

    known = {contrast.key: contrast for contrast in CONTRASTS}
    if name not in known:
        raise UnknownNameError("contrast", name, known)
    if name == LAYER.key:
        return PlaneLook(limits=layer_limits(loaded, address))
    return known[name].look(loaded.data, address)


def prompts_in(file: Path | None) -> list[Prompt]:
    """Read a prompts file; nothing without one."""
    if file is None:
        return []
    from napari_iseg.io import read_prompts

    return read_prompts(file)


def scribbles_in(files: Iterable[Path]) -> list[Prompt]:
    """Read files of scribbles, one after the other."""
    from napari_iseg.io import read_scribbles

    return [scribble for file in files for scribble in read_scribbles(file)]


def mask_prompts(file: Path | None, loaded: LoadedImage, address: PlaneAddress) -> list[Prompt]:
    """Read the mask to start from: on the image's whole grid, or on the plane alone.

    Raises
    ------
    PromptError
        If it has another shape than either.
    """
    if file is None:
        return []
    from napari_iseg.io import read_image

    values = read_image(file).data
    if values.shape == loaded.grid_shape:
        values = address.take_labels(values)
    if values.ndim != 2:
        raise PromptError(
            f"The mask {file} has the shape {values.shape} but the image has {loaded.grid_shape}; "
            "give a mask of the same grid, without colours."
        )
    return [MaskPrompt(values > 0)]


def command_again(context: typer.Context, *, leave_out: Iterable[str] = ()) -> str:
    """Return the command line that was given, with names instead of paths, so that it says nothing of this machine.

    Parameters
    ----------
    context
        Of the command; only what was typed is told.
    leave_out
        Names of parameters that are not.

    Returns
    -------
    str
        One command, on several lines where it is long.
    """
    words: list[str] = []
    options: list[str] = []
    for parameter in context.command.params:
        name, value = str(parameter.name), context.params.get(str(parameter.name))
        source = context.get_parameter_source(name)
        if name in leave_out or source is None or source.name != "COMMANDLINE":
            continue
        values = [_bare(one) for one in (value if isinstance(value, list | tuple) else [value])]
        # Nothing breaks a line inside of a word, nor between an option and its first value.
        typed = " ".join(shlex.quote(one).replace(" ", "\0") for one in values)
        if parameter.param_type_name == "argument":
            words.append(typed)
        elif isinstance(value, bool):
            options.append(parameter.opts[0] if value else (parameter.secondary_opts or parameter.opts)[0])
        else:
            options.append(f"{parameter.opts[0]}\0{typed}")
    line = " ".join(["napari-iseg", str(context.info_name), *words, *options])
    lines = textwrap.wrap(line, 112, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return " \\\n".join(lines).replace("\0", " ")


def _bare(value: Any) -> str:
    """Return a value as it is typed, a path without the folders before it."""
    if isinstance(value, Path):
        return value.resolve().name
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return Path(text).name if "/" in text or "\\" in text else text
