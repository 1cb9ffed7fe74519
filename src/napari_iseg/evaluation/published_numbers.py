"""What the papers report on their data sets, to stand beside what was measured here."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KnownSet", "PublishedRow", "known_set", "published_rows"]


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A data set that papers report on.

    Parameters
    ----------
    key
        Its name in the table of numbers.
    title
        Its name in the papers.
    objects
        How many objects the papers evaluate; None where they do not agree or do not say.
    """

    key: str
    title: str
    objects: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One method as a paper reports it on one set.

    Parameters
    ----------
    method, backbone, training
        In the paper's words.
    source
        Which paper and which table of it.
    values
        Measure to number, under the names of a report's summary; IoU between 0 and 1.
    """

    method: str
    backbone: str
    training: str
    source: str
    values: Mapping[str, float] = field(default_factory=dict)


def known_set(data: str, layout: str | None = None) -> KnownSet | None:
    """Return which of the papers' sets a data set is.

    Parameters
    ----------
    data
        The name of its folder; letters and digits count, so that ``COCO_MVal`` is ``cocomval``.
    layout
        The published layout that the folder has, where it has one.

    Returns
    -------
    KnownSet or None
        None for a set of one's own.
    """
    # The folder's name first: DAVIS-585, a set of its own, may come in the layout of DAVIS.
    for given in (data, layout or ""):
        plain = re.sub(r"[^a-z0-9]", "", given.lower())
        for key, values in _content()["sets"].items():
            if plain in values["names"]:
                return KnownSet(key, values["title"], values.get("objects"))
    return None


def published_rows(known: KnownSet, prompt: str = "click") -> list[PublishedRow]:
    """Return what the papers report on a set with one kind of prompt, paper by paper.

    Parameters
    ----------
    known
        Of :func:`known_set`.
    prompt
        As in :class:`napari_iseg.evaluation.Report`.

    Returns
    -------
    list of PublishedRow
        Empty where nothing is known.
    """
    found = []
    for table in _content()["tables"]:
        if table["prompt"] != prompt:
            continue
        columns = [column.split(" ", 1) for column in table["columns"]]
        for method, backbone, training, *numbers in table["rows"]:
            values = {
                measure: float(number)
                for (key, measure), number in zip(columns, numbers, strict=True)
                if key == known.key and not math.isnan(number)
            }
            if values:
                found.append(PublishedRow(method, backbone, training, table["source"], values))
    return found


@cache
def _content() -> dict[str, Any]:
    text = files("napari_iseg.evaluation").joinpath("published_numbers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
