"""What the user said on one plane of an object, as the facts of the object keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.io.prompt_values import prompt_from_values, prompt_to_values
from napari_iseg.io.session_slices import PROMPTED, SliceFact, SliceMaking

if TYPE_CHECKING:
    from napari_iseg.interactions import Prompt
    from napari_iseg.io.session_file import SavedObject
    from napari_iseg.planes import PlaneAddress
    from napari_iseg.ui._objects import FinishedObject

__all__ = ["prompted", "prompts_of"]


def prompted(there: SavedObject, moment: int) -> SliceFact:
    """Return the fact of a plane on which the user said something.

    Parameters
    ----------
    there
        The object as it was made there.
    moment
        When.
    """
    said: list[Any] = []
    for prompt in there.prompts:
        kind, values = prompt_to_values(prompt)
        said.append({"kind": kind, **values})
    making = SliceMaking(
        moment=moment,
        method=there.method,
        weights=there.weights,
        options=there.options,
        threshold=there.threshold,
        answered=there.answered,
        facts=there.facts,
    )
    return SliceFact(PROMPTED, 1.0, tuple(said), making, there.mask_sha256)


def prompts_of(fact: SliceFact | None, record: FinishedObject, plane: PlaneAddress) -> tuple[Prompt, ...]:
    """Return what the user said on a plane of an object before."""
    if fact is None or fact.origin != PROMPTED:
        return ()
    if not fact.prompts:
        return record.prompts if plane == record.plane else ()
    values = [dict(one) for one in fact.prompts]
    return tuple(prompt_from_values(one.pop("kind"), one, f"object {record.label}") for one in values)
