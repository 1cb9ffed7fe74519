"""The model card that a run writes beside its weights: what they are, what they learnt from, and how it went."""

from __future__ import annotations

import logging
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import torch

from napari_iseg import __version__
from napari_iseg.errors import ExportError
from napari_iseg.evaluation.card import FAILS, REACHES, opening_of
from napari_iseg.io.files import replacing
from napari_iseg.io.markdown import join_cells
from napari_iseg.training.held_back import CLICKS
from napari_iseg.training.learning_curve import learning_curve
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch import nn

    from napari_iseg.training.data_rows import DataRow
    from napari_iseg.training.recipe import Recipe
    from napari_iseg.training.watching import Position

__all__ = ["RunCard", "held_back_lists"]

# Told elsewhere in the card.
_TOLD = {"name", "method", "network", "stages", "data", "seconds", "steps", "samples", "seed", "parts_from"}

# Of a set, in a card.
_MOST_NAMES = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """What a run's card says that is known before its first step.

    Parameters
    ----------
    recipe
        What is run.
    command
        The command line that does it again, without folders of this machine and without the weights to start from.
    data
        What it draws from.
    hardware
        What it computes on, in words.
    """

    recipe: Recipe
    command: str
    data: Sequence[DataRow]
    hardware: str

    def write(
        self, weights: Path, position: Position, network: nn.Module, *, started_from: str | None, licence: str | None
    ) -> None:
        """Write the card beside the weights; one that cannot be written (a full disk) costs the run nothing but it.

        Parameters
        ----------
        weights
            Their file, which is there; ``log.jsonl`` lies beside it.
        position
            How far the run is, what came before a resume among it.
        network
            What was trained.
        started_from
            Name of the weights that the run started from; None for none.
        licence
            Not for commercial use, and inherited from those; None where nothing is inherited.
        """
        path = weights.with_suffix(".md")
        try:
            facts = self._facts(weights, position, network, started_from, licence)
            parts = [
                f"# {self.recipe.name}\n\n{self._description()}\n",
                _table(("", ""), facts),
                self._data(),
                self._recipe(started_from),
                _curve(weights.with_name("log.jsonl")),
                opening_of(REACHES),
                opening_of(FAILS),
            ]
            with replacing(path) as file:
                file.write_text("\n".join(parts), encoding="utf-8")
        except (OSError, ExportError) as error:
            _log.warning("The weights are written, but not their card: %s", error)

    def _description(self) -> str:
        spec = find_method(self.recipe.method)
        return f"Weights of the method `{spec.name}`, trained by napari-iseg {__version__}. {spec.paper}."

    def _facts(
        self, weights: Path, position: Position, network: nn.Module, started_from: str | None, licence: str | None
    ) -> list[tuple[str, str]]:
        parameters = sum(parameter.numel() for parameter in network.parameters())
        of = f"; stopped at {position.fraction:.0%} of its length" if position.fraction < 1 else ""
        terms = "nothing inherited; the images trained on keep their own licences (below)"
        if licence is not None:
            terms = f"not for commercial use: inherited from `{started_from}`, {licence}"
        return [
            ("Method", f"`{self.recipe.method}`: {find_method(self.recipe.method).title}"),
            ("Network", f"{_network_in_words(self.recipe)}; {parameters:,} parameters"),
            ("File", f"`{weights.name}`, float16, {weights.stat().st_size / 1e6:.1f} MB"),
            ("Started from", f"`{started_from}`" if started_from else "random initialisation"),
            ("Recipe", f"`{self.recipe.name}`, seed {self.recipe.seed}"),
            ("Run", f"{position.elapsed:,.0f} seconds, {position.step:,} steps, {position.samples:,} samples{of}"),
            ("Hardware", self.hardware),
            ("Software", f"napari-iseg {__version__}, PyTorch {torch.__version__}"),
            ("Licence", terms),
        ]

    def _data(self) -> str:
        rows = []
        for row in self.data:
            if row.planes is None:
                shown = ("generated", "made while training", "", f"{row.share:.1%}", "", row.licence)
            else:
                held = f"{len(row.held_back)} of {row.images} images"
                shown = (row.name, f"{row.planes:,}", f"{row.objects:,}", f"{row.share:.1%}", held, row.licence)
            rows.append(shown)
        titles = ("set", "planes", "objects", "share drawn", "held back", "licence as its source states it")
        return (
            "## Data\n\n"
            "Held-back images were not trained on: one in five, by a hash of the file's name, and at least a tenth\n"
            "(`napari-iseg data held-back FOLDER` lists them), or those that a published set names itself.\n"
            "Planes and objects are those trained on.\n\n" + _table(titles, rows) + held_back_lists(self.data)
        )

    def _recipe(self, started_from: str | None) -> str:
        recipe, command = self.recipe, self.command
        if started_from is not None and recipe.parts_from is None:
            # Going on, nobody types them again.
            command += f" \\\n    --weights {started_from}"
        stages, start = [], 0.0
        for stage in recipe.stages:
            size = " x ".join(str(side) for side in stage.shape)
            stages.append(f"{start:.0%} to {stage.until:.0%}: crops of {size}, batches of {stage.batch}")
            start = stage.until
        told = [f"`{field.name}` {value}" for field in fields(recipe) if (value := _unusual(recipe, field)) is not None]
        of = [f"`{field.name}` {value}" for field in fields(recipe.data) if (value := _unusual(recipe.data, field))]
        paragraphs = [
            f"`{recipe.name}`, seed {recipe.seed}. {'; '.join(stages)}.",
            f"Other than a recipe's defaults: {', '.join(told)}." if told else "",
            f"Of the data: {', '.join(of)}." if of else "",
            f"```\n{command}\n```",
        ]
        return "## Recipe\n\n" + "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _network_in_words(recipe: Recipe) -> str:
    """Return the published configuration that the recipe's is most like, and what differs."""
    published = {name: config for name, config in recipe.family.configs.items() if name != "tiny"}
    base = find_method(recipe.method).base
    # Of equally like ones the method's own.
    names = sorted(published, key=lambda name: (len(_differing(recipe.network, published[name])), name != base))
    if not names:
        return recipe.family.name
    differing = _differing(recipe.network, published[names[0]])
    but = f" but for {', '.join(f'{name}={value}' for name, value in differing.items())}" if differing else ""
    return f"{recipe.family.name}, as `{names[0]}`{but}"


def _differing(ours: Any, theirs: Any) -> dict[str, Any]:
    values = {field.name: getattr(ours, field.name) for field in fields(ours)}
    return {name: value for name, value in values.items() if value != getattr(theirs, name)}


def held_back_lists(rows: Sequence[DataRow]) -> str:
    """Return the names of the images that were held back, set by set, folded away.

    Parameters
    ----------
    rows
        The sets; of those with very many such images the names are left to ``napari-iseg data held-back``.
    """
    lists = [
        f"\n<details><summary>Held back of {row.name}</summary>\n\n{', '.join(row.held_back)}\n\n</details>\n"
        for row in rows
        if 0 < len(row.held_back) <= _MOST_NAMES
    ]
    return "".join(lists)


def _unusual(values: Any, field: Any) -> str | None:
    """Return a value of a recipe as text; None where it is the default or stands elsewhere in the card."""
    value = getattr(values, field.name)
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    # How often each folder is drawn is in the table of the data.
    if field.name in _TOLD or field.name == "weights" or value == default:
        return None
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        changed = _differing(value, type(value)())
        return ", ".join(f"{name}={one}" for name, one in changed.items())
    return str(value)


def _curve(log: Path) -> str:
    entries = learning_curve(log)
    titles = ["seconds", "samples", "loss"]
    looked = any("iou" in entry for entry in entries)
    if looked:
        titles += [f"IoU after {click} {'click' if click == 1 else 'clicks'}" for click in CLICKS]
    rows = []
    for entry in entries:
        row = [f"{entry['seconds']:,.0f}", f"{entry['samples']:,}", f"{entry['loss']:.4f}"]
        ious = entry.get("iou", {}).get("all", {})
        rows.append(row + [f"{ious[str(click)]:.2f}" if str(click) in ious else "" for click in CLICKS if looked])
    told = "The IoU is the mean over a few held-back objects of each set.\n\n" if looked else ""
    table = _table(titles, rows) if rows else "Too short to have one.\n"
    return f"## Learning curve\n\n{told}{table}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join((join_cells(titles), "|" + "---|" * len(titles), *map(join_cells, rows), ""))
