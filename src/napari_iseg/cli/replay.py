"""``napari-iseg replay``: the labels of a session, made anew from its prompts and compared with the stored ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from napari_iseg.errors import ExportError, ImageError

if TYPE_CHECKING:
    from napari_iseg.inference.predictor import Predictor
    from napari_iseg.inference.replaying import Replay
    from napari_iseg.io import LoadedImage, SavedObject, SavedSession

__all__ = ["image_of_session", "replay"]


def replay(
    session: Annotated[Path, typer.Argument(help="A session file, NAME.iseg.json.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the labels here: .tif, .nii.gz, .png, .mha, .nrrd.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="The image, where it does not lie where the session says.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Make the objects of a session anew from their prompts and verify the labels that lie next to it.

    Ends with exit code 0 if every object is the very same, and 1 if one differs or cannot be made anew.
    """
    from napari_iseg.io import read_image, read_session, write_labels
    from napari_iseg.io.session_labels import read_session_labels

    saved = read_session(session)
    _check_output(output)
    loaded = read_image(image_of_session(session, saved, image))
    grid = loaded.grid_shape
    if grid != saved.shape:
        raise ImageError(
            f"{loaded.source} has the shape {grid} but the session belongs to one of {saved.shape}; name the image "
            "that it was made on with --image."
        )
    console = Console(stderr=True, soft_wrap=True)

    def say(sentence: str) -> None:
        console.print(sentence, markup=False, highlight=False)

    stored = read_session_labels(session, saved)

    from napari_iseg.inference.replaying import replay as made_anew

    done = made_anew(
        saved, loaded.data, _loader(device), stored, told=lambda one: say(one.trouble) if one.trouble else None
    )
    if output is not None:
        _write(output, done, loaded, write_labels)
    for sentence in _verdict(done):
        say(sentence)
    if output is not None:
        say(f"The labels were written to {output}.")
    if any(one.saved.prompts and not one.is_same for one in done.objects):
        raise typer.Exit(1)


def image_of_session(session: Path, saved: SavedSession, given: Path | None) -> Path:
    """Return the file of a session's image: the one that is given, the one it names, or that one beside the session.

    Raises
    ------
    ImageError
        If the session names none and none is given.
    """
    if given is not None:
        return given
    if saved.source is None:
        raise ImageError(f"{session} does not say which file its image is; name it with --image.")
    source = Path(saved.source)
    # A folder that was moved or copied as a whole still has the image beside its session.
    beside = session.parent / source.name
    return beside if not source.exists() and beside.exists() else source


def _loader(device: str) -> Any:
    from napari_iseg.inference.opening import make_predictor

    def load(item: SavedObject) -> Predictor:
        options = {name: value for name, value in item.options.items() if name != "threshold"}
        return make_predictor(item.method, weights=item.weights, device=device, options=options)

    return load


def _check_output(output: Path | None) -> None:
    from napari_iseg.io import LABEL_ENDINGS

    if output is not None and not output.name.lower().endswith(LABEL_ENDINGS):
        raise ExportError(f"{output.name} is no label file; choose one of {', '.join(LABEL_ENDINGS)} as its ending.")


def _write(output: Path, done: Replay, loaded: LoadedImage, write_labels: Any) -> None:
    flat = output.suffix.lower() == ".png"
    write_labels(output, done.labels, None if flat else loaded)


def _verdict(done: Replay) -> list[str]:
    """Return what is to be said at the end."""
    sentences = []
    made = [one for one in done.objects if one.saved.prompts]
    same = sum(one.is_same for one in made)
    noted = sum(one.is_same and one.saved.mask_sha256 is not None for one in made)
    weights = sorted({str(one.saved.weights) for one in made if one.other_weights})
    if weights:
        sentences.append(f"The weights {', '.join(weights)} are not the file that the objects were made with.")
    told = f"{same} of {len(made)} objects were made anew"
    if noted == len(made):
        told += ", bit for bit" if same == len(made) else "; the others differ"
    elif same == len(made):
        told += "; the session does not say what their masks were, so that nothing tells whether they are the same"
    sentences.append(f"{told}.")
    further = sum(one.planes for one in done.objects)
    if further:
        sentences.append(f"Among them are {further:,} further planes of objects of a volume.")
    kept = sum(one.kept for one in done.objects)
    if kept:
        sentences.append(
            f"{kept:,} further planes are as the label file has them: they were merged, or come from an older version, "
            "or the plane that they were made from was changed by hand."
        )
    if done.by_hand:
        sentences.append(
            f"{done.by_hand:,} pixels of the label file were painted or changed by hand; they are kept as they are."
        )
    if not done.verified:
        sentences.append("There is no label file with this session; pixels painted by hand are not in the result.")
    return sentences
