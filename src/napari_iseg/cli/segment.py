"""``napari-iseg segment``: one object of one image, from prompts on the command line or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console

from napari_iseg.errors import ExportError, OptionError, PromptError
from napari_iseg.interactions import Click, MaskPrompt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_iseg.interactions import Prompt
    from napari_iseg.io import LoadedImage
    from napari_iseg.planes import PlaneAddress

__all__ = ["parse_click", "parse_options", "segment"]


def segment(
    image: Annotated[Path, typer.Argument(help="PNG, TIFF, NIfTI, MHA or NRRD file.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Label file: .tif, .png, .nii, .nii.gz, .mha or .nrrd.")
    ],
    method: Annotated[str, typer.Option(help="A method of `napari-iseg methods`.")] = "cfr-icl",
    weights: Annotated[str | None, typer.Option(help="Known weights, a .safetensors or a released .pth file.")] = None,
    axis: Annotated[int, typer.Option(help="Volume: the axis that the planes lie across.")] = 0,
    plane: Annotated[int | None, typer.Option(help="Volume: which plane, from 0. The middle one if left out.")] = None,
    click: Annotated[
        list[str] | None, typer.Option(metavar="ROW,COLUMN,+|-", help="Include (+) or exclude (-). Repeatable.")
    ] = None,
    prompts: Annotated[Path | None, typer.Option(help="prompts.json with clicks, boxes and scribbles.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask to start from, an image file; above 0 is in.")] = None,
    probability: Annotated[Path | None, typer.Option(help="Also write the probabilities to this .npy file.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the method. Repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Segment one object. Prompts are given in this order: mask, prompts file, clicks."""
    from napari_iseg.io import read_image, write_labels, write_probability
    from napari_iseg.planes import PlaneAddress

    _check_outputs(output, probability)
    options = parse_options(option or ())
    clicks = [parse_click(text) for text in click or ()]
    loaded = read_image(image)
    address = PlaneAddress.across(loaded.data.shape, axis, plane, rgb=loaded.rgb)
    given = [*_mask_prompts(mask, loaded, address), *_prompts_in(prompts), *clicks]
    if not given:
        raise PromptError("Nothing says which object is meant; give --click ROW,COLUMN,+ or --prompts or --mask.")

    from napari_iseg.inference.opening import open_session

    session = open_session(address.take(loaded.data), method, weights=weights, device=device, options=options)
    for prompt in given:
        session.add(prompt)
    found = session.mask
    if output.suffix.lower() == ".png":
        write_labels(output, found, spacing=address.pixel_size(loaded.spacing))
    else:
        write_labels(output, _on_grid(found, loaded, address), like=loaded)
    if probability is not None:
        write_probability(probability, session.probability)
    Console(stderr=True, soft_wrap=True).print(
        f"{output}: {int(found.sum())} of {found.size} pixels", markup=False, highlight=False
    )


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


def _prompts_in(file: Path | None) -> tuple[Prompt, ...]:
    if file is None:
        return ()
    from napari_iseg.io import read_prompts

    return tuple(read_prompts(file))


def _mask_prompts(file: Path | None, loaded: LoadedImage, address: PlaneAddress) -> list[Prompt]:
    """Read the mask to start from: on the image's whole grid, or on the plane alone."""
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


def _on_grid(found: np.ndarray, loaded: LoadedImage, address: PlaneAddress) -> np.ndarray:
    """Return labels on the image's grid, 0 but for the object on its plane."""
    labels = np.zeros(loaded.grid_shape, np.uint8)
    address.put(labels, found.astype(np.uint8))
    return labels


def _check_outputs(output: Path, probability: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    from napari_iseg.io import LABEL_ENDINGS

    if not output.name.lower().endswith(LABEL_ENDINGS):
        raise ExportError(f"{output.name} is no label file; choose one of {', '.join(LABEL_ENDINGS)} as its ending.")
    if probability is not None and probability.suffix.lower() != ".npy":
        raise ExportError(f"Probabilities are written as NumPy arrays; give {probability.name} the ending .npy.")
    for file in (output, probability):
        if file is not None and not file.resolve().parent.is_dir():
            raise ExportError(f"There is no folder {file.resolve().parent} to write {file.name} in; make it first.")
