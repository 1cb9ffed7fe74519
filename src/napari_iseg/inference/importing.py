"""Taking weights into the user's folder: recognised, converted, tried, and only then given their name."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iseg.errors import UnknownNameError, WeightsError
from napari_iseg.inference.opening import resolve
from napari_iseg.inference.session import Session
from napari_iseg.interactions import Click
from napari_iseg.models.checkpoints import load_state
from napari_iseg.models.recognition import recognise
from napari_iseg.zoo import METHODS, find_method, make_options
from napari_iseg.zoo.archives import unpack, volumes_of
from napari_iseg.zoo.known_weights import RELEASED
from napari_iseg.zoo.weights import WEIGHTS, released_file, terms_of_file
from napari_iseg.zoo.weights_folder import (
    ImportedWeights,
    imported_weights,
    now,
    record_sha256,
    recorded_sha256,
    sha256_of,
    stated_options,
    usable_name,
    weights_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from napari_iseg.models.families import Family
    from napari_iseg.zoo.methods import MethodSpec
    from napari_iseg.zoo.terms import Terms

__all__ = ["import_weights", "methods_in", "verify_weights"]


def import_weights(
    file: Path,
    *,
    name: str | None = None,
    method: str | None = None,
    stage: int = -1,
    accept: Callable[[str, str], None] | None = None,
) -> ImportedWeights:
    """Take weights into the user's folder.

    Parameters
    ----------
    file
        A released ``.pth`` of any method, the ``.7z`` or the first ``.7z.001`` of an archive with one, or a
        safetensors file of ours.
    name
        The name to ask for them by. None takes the known name of a released file, else the file's own.
    method
        The method that they were trained for, where several have the same network. None takes what is known of the
        file, else what its name says.
    stage
        Which network of a file with several; the last serves every click.
    accept
        Called with the name and the licence if the weights are not for commercial use, before anything is kept; it
        raises if the licence is not accepted. None only notes the licence.

    Returns
    -------
    ImportedWeights
        What now lies in the folder, every number as it was.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    WeightsError
        If the file cannot be read, holds no network of a known method, gives no answer, or the name is taken.
    """
    if method is not None:
        find_method(method)
    if not file.is_file():
        raise WeightsError(f"There is no file {file}; give one that exists.")
    chosen = usable_name(name or _name_for(file))
    if chosen in WEIGHTS or chosen in imported_weights():
        raise WeightsError(
            f"There are weights named {chosen!r} already; choose another --name, or remove them first "
            f"(napari-iseg weights remove {chosen})."
        )
    folder = weights_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="importing-", dir=folder) as room:
            source, terms = _agree(file, chosen, accept, Path(room))
            return _convert(source, file.name, chosen, method, stage, terms, Path(room))
    except OSError as error:
        raise WeightsError(f"{folder} cannot be written ({error}); make room or set NAPARI_ISEG_WEIGHTS.") from error


def methods_in(file: Path) -> tuple[str, ...]:
    """Return the methods that can use a weights file, the one that it was trained for first, as far as its name says.

    Raises
    ------
    WeightsError
        If the file cannot be read or holds no network of a known method.
    """
    family, _ = _read(file, -1)
    return _methods(family, None, file.stem, file)


def verify_weights(name: str) -> ImportedWeights:
    """Check imported weights: the file is the one that was imported, and its network answers.

    Raises
    ------
    UnknownNameError
        If nothing of that name is in the user's folder.
    WeightsError
        If the file has changed or is damaged, or the network gives no usable answer.
    """
    imported = imported_weights()
    if name not in imported:
        raise UnknownNameError("weights of your own", name, imported)
    found = imported[name]
    recorded = recorded_sha256(found.path.name)
    if recorded is not None and sha256_of(found.path) != recorded:
        raise WeightsError(
            f"{found.path} has changed since it was imported (its SHA-256 is not {recorded}); remove it and import it "
            "again."
        )
    if not found.methods:
        raise WeightsError(f"{found.path} is damaged; remove it and import it again.")
    spec = find_method(found.methods[0])
    _try(resolve(spec.family or "").load(found.path), spec, found.path)
    return found


def _agree(file: Path, name: str, accept: Callable[[str, str], None] | None, room: Path) -> tuple[Path, Terms | None]:
    """Have terms accepted that forbid something; return the file, unpacked if it is an archive, and its terms."""

    def ask(source: Path) -> Terms | None:
        terms = terms_of_file(source, RELEASED.get(name) or released_file(source.name))
        if terms is not None and terms.non_commercial and accept is not None:
            accept(name, terms.licence)
        return terms

    # An archive has its name alone to say, which is asked about before it is unpacked, and then what is in it.
    terms = ask(file)
    volumes = volumes_of(file)
    if not volumes:
        return file, terms
    source = unpack(volumes, room)
    return source, terms if terms is not None and terms.non_commercial else ask(source)


def _convert(
    source: Path, file: str, name: str, method: str | None, stage: int, terms: Terms | None, room: Path
) -> ImportedWeights:
    family, network = _read(source, stage)
    methods = _methods(family, method, name, source)
    spec = METHODS[methods[0]]
    answer = _try(network, spec, source)
    metadata = {
        "methods": " ".join(methods),
        "source": file,
        "source_sha256": sha256_of(source),
        "licence": terms.licence if terms else "",
        "non_commercial": "yes" if terms and terms.non_commercial else "no",
        "imported": now(),
        "options": json.dumps(stated_options(source)),
    }
    written = room / f"{name}.safetensors"
    family.save(written, network, metadata, exact=True)
    # A huge network fits into the memory twice, not three times.
    del network
    # What counts is the file: it must give the very answer that the original gave.
    if not np.array_equal(answer, _try(family.load(written), spec, source)):
        raise WeightsError(f"{source.name} gives another answer after conversion; please report this file.")
    target = weights_folder() / written.name
    record_sha256(target.name, sha256_of(written), source=file)
    written.replace(target)
    return imported_weights()[name]


def _read(source: Path, stage: int) -> tuple[Family, nn.Module]:
    families = _families()
    state, metadata = load_state(source, stage=stage)
    if "config_json" not in metadata:
        return recognise(state, metadata.get("upstream", {}), families.values(), source=source)
    # Our own files from before families had names hold SimpleClick's network.
    family = next((f for f in families.values() if f.name == metadata.get("family", "SimpleClick")), None)
    if family is None:
        raise WeightsError(
            f"{source.name} is for a network named {metadata['family']!r}, which is not in this version."
        )
    return family, family.load(source)


def _families() -> dict[str, Family]:
    """Return every family of the table of methods by its reference."""
    return {spec.family: resolve(spec.family) for spec in METHODS.values() if spec.family is not None}


def _methods(family: Family, wanted: str | None, name: str, source: Path) -> tuple[str, ...]:
    """Return the methods that have this network, the one that the weights were trained for first."""
    able = [spec.name for spec in METHODS.values() if spec.family and resolve(spec.family) is family]
    if wanted is not None and wanted not in able:
        raise WeightsError(f"{source.name} holds a network of {' or '.join(able)}, not of {wanted}.")
    known = RELEASED.get(name) or released_file(source.name)
    if wanted is not None:
        first = wanted
    elif known is not None and known.methods[0] in able:
        first = known.methods[0]
    else:
        # SimpleClick and CFR-ICL share their network; only a name tells them apart.
        said = f"{name} {source.name}".lower()
        by_name = [method for method in able if method in said or method.rsplit("-", 1)[-1] in said]
        first = (by_name or [method for method in able if family.name.lower() == method] or able)[0]
    return (first, *(method for method in able if method != first))


def _name_for(file: Path) -> str:
    stem = file.name
    for ending in (".001", ".7z", ".pth", ".pt", ".ckpt", ".safetensors"):
        stem = stem.removesuffix(ending)
    known = released_file(f"{stem}.pth")
    if known is not None:
        return known.name
    return "".join(character if character.isalnum() or character in "-_." else "-" for character in stem).strip("-_.")


def _try(network: nn.Module, spec: MethodSpec, source: Path) -> np.ndarray:
    """Return the network's answer to a click on a bright disc, (120, 152) float32.

    Raises
    ------
    WeightsError
        If a weight is no finite number, or the answer is not.
    """
    if not all(bool(torch.isfinite(p).all()) for p in network.state_dict().values() if p.is_floating_point()):
        raise WeightsError(f"{source.name} holds weights that are not finite numbers; fetch it again.")
    fields = {name: value for name, value in {"flip": False, "cascade_steps": 0}.items() if hasattr(spec.options, name)}
    predictor = resolve(spec.predictor)(network, options=make_options(spec.options, fields))
    row, column = np.ogrid[:120, :152]
    inside = np.hypot(row - 52, column - 81) < 31
    image = np.repeat(np.where(inside, 190, 60).astype(np.uint8)[..., None], 3, axis=2)
    session = Session(image, predictor)
    session.add(Click(52, 81, positive=True))
    answer = session.probability
    if answer.shape != inside.shape or not np.isfinite(answer).all():
        raise WeightsError(f"The network in {source.name} gives no usable answer; fetch the file again.")
    return np.asarray(answer)
