"""Keeping what an adaptation made: named weights in the user's folder, and a card that says how they came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from napari_iseg.errors import WeightsError
from napari_iseg.inference.opening import resolve
from napari_iseg.zoo import find_method
from napari_iseg.zoo.weights import WEIGHTS, best_options, non_commercial_licence
from napari_iseg.zoo.weights_folder import (
    imported_weights,
    now,
    record_sha256,
    sha256_of,
    usable_name,
    weights_folder,
)

if TYPE_CHECKING:
    from napari_iseg.training.adapting import Adaptation
    from napari_iseg.training.examples import Score
    from napari_iseg.zoo.weights import WeightsSpec
    from napari_iseg.zoo.weights_folder import ImportedWeights

__all__ = ["free_name", "keep_adapted", "summary"]


def free_name(name: str) -> str:
    """Return ``name`` if new weights may have it.

    Raises
    ------
    WeightsError
        If it cannot name weights, or names some already.
    """
    if usable_name(name) in {**WEIGHTS, **imported_weights()}:
        raise WeightsError(
            f"There are weights named {name!r} already; choose another name, or run 'napari-iseg weights remove "
            f"{name}'."
        )
    return name


def keep_adapted(adaptation: Adaptation, name: str, *, method: str, weights: str | Path | None, parts: str) -> Path:
    """Write the adapted network into the user's folder of weights, with its card beside it.

    Parameters
    ----------
    adaptation
        What :func:`napari_iseg.training.adapting.adapt` returned; better than what it began with.
    name
        What to call the weights.
    method, weights, parts
        What was adapted; they stand in the card.

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    WeightsError
        If the name is taken or unusable, the folder cannot be written, or nothing was better.
    """
    if adaptation.network is None:
        raise WeightsError("The adapted weights were not better than those at the start; there is nothing to keep.")
    spec = find_method(method)
    source = str(weights or spec.weights)
    path = weights_folder() / f"{free_name(name)}.safetensors"
    terms = non_commercial_licence(source)
    known: WeightsSpec | ImportedWeights | None = WEIGHTS.get(source) or imported_weights().get(source)
    methods = known.methods if known is not None else (method,)
    metadata = {
        "methods": " ".join((method, *(other for other in methods if other != method))),
        "source": f"{Path(source).name}, adapted",
        "licence": terms or (known.licence if known is not None else ""),
        "non_commercial": "yes" if terms else "no",
        "imported": now(),
        "options": json.dumps(best_options(source)),
    }
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        resolve(spec.family or "").save(partial, adaptation.network, metadata)
        path.with_suffix(".md").write_text(_card(adaptation, name, method, Path(source).name, parts), encoding="utf-8")
        record_sha256(path.name, sha256_of(partial), source=metadata["source"])
        partial.replace(path)
    except (SafetensorError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise WeightsError(
            f"{path} cannot be written ({error}); make room or set NAPARI_ISEG_WEIGHTS to another folder."
        ) from error
    return path


def _card(adaptation: Adaptation, name: str, method: str, source: str, parts: str) -> str:
    rows = "\n".join(
        f"| {label} | {score.clicks:.2f} | {score.first:.3f} | {score.third:.3f} |"
        for label, score in (("before", adaptation.before), ("after", adaptation.after))
    )
    return f"""# {name}

The weights `{source}` of the method `{method}`, adapted on {now()}; what was trained: {parts}.
{adaptation.progress.samples} crops in {adaptation.seconds:.0f} seconds.

Judged on {adaptation.before.objects} objects that were held back, of {", ".join(adaptation.judged_by)}:

| | clicks to 85 % (10 at most) | IoU after 1 click | IoU after 3 |
|---|---|---|---|
{rows}

These objects chose the best moment to stop, so that other images may gain a little less.
"""


def summary(before: Score, after: Score) -> str:
    """Return one sentence that compares two scores."""
    saved = 1 - after.clicks / before.clicks if before.clicks else 0.0
    return (
        f"On {before.objects} held-back objects, clicks to 85 % went from {before.clicks:.2f} to {after.clicks:.2f} "
        f"({saved:.0%} fewer), the IoU after one click from {before.first:.2f} to {after.first:.2f}."
    )
