"""``napari-iseg segment``: one object of one image, from prompts on the command line or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_iseg.cli.given import (
    look_named,
    mask_prompts,
    parse_box,
    parse_click,
    parse_options,
    prompts_in,
    scribbles_in,
)
from napari_iseg.cli.licences import show_licence
from napari_iseg.cli.outputs import Outputs
from napari_iseg.errors import PromptError
from napari_iseg.zoo import DEFAULT_METHOD

__all__ = ["segment"]


def segment(
    image: Annotated[Path, typer.Argument(help="PNG, TIFF, NIfTI, MHA or NRRD file.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Label file: .tif, .png, .nii, .nii.gz, .mha or .nrrd.")
    ],
    method: Annotated[str, typer.Option(help="A method of `napari-iseg methods`.")] = DEFAULT_METHOD,
    weights: Annotated[str | None, typer.Option(help="Known weights, a .safetensors or a released .pth file.")] = None,
    axis: Annotated[int, typer.Option(help="Volume: the axis that the planes lie across.")] = 0,
    plane: Annotated[int | None, typer.Option(help="Volume: which plane, from 0. The middle one if left out.")] = None,
    contrast: Annotated[
        str,
        typer.Option(
            help="What becomes black and white: layer (as the window shows the image when it is opened: by the file's "
            "own limits, else from its lowest to its highest value), automatic, plane, volume, mri, em, ct-soft, "
            "ct-bone, ..."
        ),
    ] = "layer",
    keep_clicks: Annotated[
        bool,
        typer.Option(
            "--keep-clicks/--as-answered",
            help="Change the mask around a click that the method does not follow, as the window does.",
        ),
    ] = True,
    click: Annotated[
        list[str] | None, typer.Option(metavar="ROW,COLUMN,+|-", help="Include (+) or exclude (-). Repeatable.")
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="R0,C0,R1,C1", help="Box around the object, its end not included. Repeatable."),
    ] = None,
    scribble: Annotated[
        list[Path] | None,
        typer.Option(
            help="Strokes: .json as in a prompts file, or .csv with lines ROW,COLUMN,+|- and an empty line between "
            "two strokes. Repeatable."
        ),
    ] = None,
    prompts: Annotated[Path | None, typer.Option(help="prompts.json with clicks, boxes and scribbles.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask to start from, an image file; above 0 is in.")] = None,
    choose: Annotated[
        int | None, typer.Option(metavar="N", help="Make proposal N, from 0, the answer before it is written.")
    ] = None,
    probability: Annotated[Path | None, typer.Option(help="Also write the probabilities to this .npy file.")] = None,
    proposals: Annotated[
        Path | None, typer.Option(help="Also write every proposal as PNG, and proposals.json, to this folder.")
    ] = None,
    alpha: Annotated[Path | None, typer.Option(help="Also write the alpha matte to this .tif file.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the method. Repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Segment one object. Prompts are given in this order: mask, prompts file, boxes, scribbles, clicks."""
    from napari_iseg.io import read_image
    from napari_iseg.io.pixel_size import pixel_size
    from napari_iseg.planes import PlaneAddress

    outputs = Outputs(labels=output, probability=probability, proposals=proposals, alpha=alpha)
    outputs.check(method, choosing=choose is not None)
    options = parse_options(option or ())
    typed = [*map(parse_box, box or ()), *scribbles_in(scribble or ()), *map(parse_click, click or ())]
    loaded = read_image(image, lazy=True)
    address = PlaneAddress.across(loaded.data.shape, axis, plane, rgb=loaded.rgb)
    given = [*mask_prompts(mask, loaded, address), *prompts_in(prompts), *typed]
    if not given:
        raise PromptError(
            "Nothing says which object is meant; give --click ROW,COLUMN,+ or --box, --scribble, --prompts or --mask."
        )

    from napari_iseg.inference.mask_refinement import PLAIN, USUAL
    from napari_iseg.inference.opening import open_session

    show_licence(weights)
    size = pixel_size(loaded, address.rows, address.columns)
    seen = look_named(contrast, loaded, address).rgb(address.take(loaded.data))
    session = open_session(seen, method, weights=weights, device=device, options=options, pixel_size=size)
    session.refinement = USUAL if keep_clicks else PLAIN
    for prompt in given:
        session.add(prompt)
    if choose is not None:
        session.choose(choose)
    outputs.write(session, loaded, address)
    found = session.mask
    Console(stderr=True, soft_wrap=True).print(
        f"{output}: {int(found.sum())} of {found.size} pixels", markup=False, highlight=False
    )
