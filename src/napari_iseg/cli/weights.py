"""``napari-iseg weights``: what others have trained, fetched, converted and kept in the user's own folder."""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from napari_iseg.cli.licences import accept_licence
from napari_iseg.errors import UnknownNameError, WeightsError
from napari_iseg.zoo import METHODS
from napari_iseg.zoo.known_weights import RELEASED, ReleasedWeights
from napari_iseg.zoo.weights import WEIGHTS, how_to_get
from napari_iseg.zoo.weights_folder import (
    downloads_folder,
    imported_weights,
    recorded_sha256,
    remove_weights,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["weights"]

weights = typer.Typer(no_args_is_help=True, help="Weights of networks: list, fetch, import, check and remove them.")

Accepting = Annotated[bool, typer.Option("--accept-licence", help="Accept a licence without being asked.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="A name of `napari-iseg weights list`.", show_default=False)]


@weights.command("list")
def list_weights(as_json: AsJson = False, method: Annotated[str | None, typer.Option(help="Only its.")] = None) -> None:
    """List bundled, imported and released weights."""
    if method is not None and method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    rows = [facts for facts in _everything() if method is None or method in facts["methods"]]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "method", "terms", "where", "size"):
        table.add_column(heading, no_wrap=True)
    for facts in rows:
        terms = "NC" if facts["non_commercial"] else "free" if facts["licence"] else "?"
        # The first method is the one that they were trained for.
        table.add_row(facts["name"], "".join(facts["methods"][:1]), terms, facts["where"], facts["size"])
    Console().print(table)
    _say("NC: not for commercial use. More of each: napari-iseg weights info NAME")


@weights.command()
def info(name: Name, as_json: AsJson = False) -> None:
    """Say what is known of some weights: where from, which terms, which training data, which published figures."""
    facts = next((facts for facts in _everything() if facts["name"] == name), None)
    if facts is None:
        raise UnknownNameError("weights", name, (facts["name"] for facts in _everything()))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if key == "released_sha256" or value not in ("", None, [], {}):
            first, *more = _in_words(key, value)
            _say(f"{key.replace('_', ' '):<17}{first}")
            for line in more:
                _say(f"{'':17}{line}")


@weights.command()
def download(
    name: Name,
    accept: Accepting = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the downloaded files after the import.")] = False,
) -> None:
    """Fetch released weights and import them; a transfer that was cut goes on where it ended."""
    known = RELEASED.get(name)
    if known is None:
        raise UnknownNameError("released weights", name, RELEASED)
    if name in imported_weights():
        raise WeightsError(f"The weights {name!r} are here already; 'napari-iseg weights verify {name}' checks them.")
    if not known.addresses:
        raise WeightsError(f"The weights {name!r} cannot be fetched by a program. {how_to_get(known)}")
    if known.non_commercial:
        accept_licence(name, known.licence, accepted=accept)
    files = _fetch(known)
    # The table knew the licence, and it is accepted.
    _import(files[0], name, None, -1, lambda _name, _licence: None)
    if not keep:
        for file in files:
            file.unlink()


@weights.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A released .pth, .7z or .7z.001, or our .safetensors.")],
    name: Annotated[str | None, typer.Option(help="The name to ask for it by.")] = None,
    method: Annotated[str | None, typer.Option(help="What it was trained for, where networks are shared.")] = None,
    stage: Annotated[int, typer.Option(help="Which network of several in a file, from 0; the last if left out.")] = -1,
    accept: Accepting = False,
) -> None:
    """Convert a released file and keep it in your folder of weights."""
    _import(file, name, method, stage, partial(accept_licence, accepted=accept))


@weights.command()
def verify(name: Name) -> None:
    """Check that imported weights are unchanged and that their network answers."""
    from napari_iseg.inference.importing import verify_weights

    found = verify_weights(name)
    _say(f"{found.name}: unchanged, sha256 {recorded_sha256(found.path.name) or 'not recorded'}, and it answers.")


@weights.command()
def remove(
    name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without being asked.")] = False
) -> None:
    """Delete imported weights from your folder."""
    found = imported_weights()
    if name in found and not yes:
        if not sys.stdin.isatty():
            raise WeightsError(f"Add --yes to the command to delete {found[name].path}.")
        typer.confirm(f"Delete {found[name].path}?", abort=True, err=True)
    _say(f"{remove_weights(name)} is deleted.")


def _import(file: Path, name: str | None, method: str | None, stage: int, accept: Callable[[str, str], None]) -> None:
    from napari_iseg.inference.importing import import_weights

    with Console(stderr=True).status(f"Converting and trying {file.name}") as status:

        def ask(weights_name: str, licence: str) -> None:
            # Nobody could type beside a moving line.
            status.stop()
            accept(weights_name, licence)
            status.start()

        found = import_weights(file, name=name, method=method, stage=stage, accept=ask)
    _say(f"{found.source} is imported as {found.name}: {found.family}, for {' and '.join(found.methods)}.")
    _say(f"sha256 of the source: {found.source_sha256}")
    _say(f"Use it by: --method {found.methods[0]} --weights {found.name}")


def _fetch(known: ReleasedWeights) -> list[Path]:
    """Download every file of some weights, showing how far it is and, of a first download, the checksum."""
    from napari_iseg.zoo.downloads import fetch, file_name

    again = f"napari-iseg weights download {known.name}"
    files = []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        for address in known.addresses:
            name = file_name(address)
            show = partial(_show, bars, bars.add_task(name, total=None))
            first = known.sha256.get(name) is None and recorded_sha256(name) is None
            files.append(
                fetch(address, downloads_folder(), sha256=known.sha256.get(name), progress=show, instead=again)
            )
            if first:
                line = f"{name}: sha256 {recorded_sha256(name)}, recorded"
                bars.console.print(line, highlight=False, soft_wrap=True)
    return files


def _show(bars: Progress, bar: TaskID, there: int, total: int | None) -> None:
    bars.update(bar, completed=there, total=total)


def _everything() -> list[dict[str, Any]]:
    """Return the facts of all weights: bundled, then imported, then released ones that are not here."""
    rows = [_bundled(name) for name in WEIGHTS]
    imported = imported_weights()
    rows += [_imported(name) for name in imported]
    rows += [_released(known) for known in RELEASED.values() if known.name not in imported]
    return rows


def _bundled(name: str) -> dict[str, Any]:
    spec = WEIGHTS[name]
    return {
        "name": name,
        "methods": list(spec.methods),
        "where": "bundled",
        "size": "",
        "licence": spec.licence,
        "non_commercial": False,
        "file": spec.file,
        "model_card": f"models/{Path(spec.file).stem}.md",
    }


def _imported(name: str) -> dict[str, Any]:
    found = imported_weights()[name]
    about = RELEASED.get(name)
    return {
        "name": name,
        "methods": list(found.methods),
        "where": "here" if found.family else "here, damaged",
        "size": f"{found.path.stat().st_size / 1e6:.1f} MB",
        "licence": found.licence,
        "non_commercial": found.non_commercial,
        "file": str(found.path),
        "network": found.family,
        "sha256": recorded_sha256(found.path.name),
        "source": found.source,
        "source_sha256": found.source_sha256,
        "imported": found.imported,
        **({} if about is None else _origin(about)),
    }


def _released(known: ReleasedWeights) -> dict[str, Any]:
    return {
        "name": known.name,
        "methods": list(known.methods),
        "where": "download" if known.addresses else "by hand",
        "size": known.size,
        "licence": known.licence,
        "non_commercial": known.non_commercial,
        **_origin(known),
        "how_to_get_it": how_to_get(known),
    }


def _origin(known: ReleasedWeights) -> dict[str, Any]:
    return {
        "architecture": known.architecture,
        "trained_on": known.trained_on,
        "page": known.page,
        "addresses": list(known.addresses),
        "released_file": known.file,
        "released_sha256": _released_checksums(known),
        "published_noc": [dataclasses.asdict(clicks) for clicks in known.clicks],
    }


def _released_checksums(known: ReleasedWeights) -> dict[str, str]:
    """Return the checksums of the released files that are known or were recorded at a download, by file."""
    from napari_iseg.zoo.downloads import file_name

    names = [file_name(address) for address in known.addresses]
    found = {name: known.sha256.get(name) or recorded_sha256(name) for name in names}
    return {name: digest for name, digest in found.items() if digest}


def _in_words(key: str, value: Any) -> list[str]:
    """Return the lines that say a value; not empty."""
    if key == "published_noc":
        figures = ((entry["dataset"], _number(entry["noc85"]), _number(entry["noc90"])) for entry in value)
        return [f"{dataset}: NoC@85 {noc85}, NoC@90 {noc90}" for dataset, noc85, noc90 in figures]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, dict):
        return [f"{name}: {entry}" for name, entry in value.items()] or ["not known; the first download records it"]
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _say(sentence: str) -> None:
    Console(soft_wrap=True).print(sentence, markup=False, highlight=False)
