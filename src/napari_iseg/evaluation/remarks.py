"""What a reader of the numbers must know besides them, one sentence each: failures, specks, and objects left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iseg.interactions.simulated_defects import DEFECT_IOU, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iseg.evaluation.protocol import ObjectResult
    from napari_iseg.evaluation.report import Report

__all__ = ["FEW_PIXELS", "remarks"]

FEW_PIXELS = 10
"""Of an object with fewer, one pixel is more than a tenth: an IoU of 90 % asks for every single one."""


def remarks(report: Report) -> list[str]:
    """Return the sentences that belong under a report's table; none where there is nothing to say."""
    said = []
    failed = [result for result in report.results if result.error is not None]
    if failed:
        counts = f"{report.max_clicks} {report.unit}s" if report.until_good else "an IoU of 0"
        said.append(
            f"The method failed on {_objects(failed)}, which {_are(failed)} in the table as {counts}; the first was "
            f"{_place(failed[0])}: {failed[0].error}"
        )
    specks = [result for result in report.counted if result.measures.get("pixels", FEW_PIXELS) < FEW_PIXELS]
    if specks:
        said.append(
            f"{_objects(specks, have=True)} fewer than {FEW_PIXELS} pixels, the first {_place(specks[0])}; "
            f"--min-pixels {FEW_PIXELS} leaves them out."
        )
    counted = {id(result) for result in report.counted}
    without = [result for result in report.results if id(result) not in counted]
    if without:
        low, high = (round(100 * bound) for bound in DEFECT_IOU)
        said.append(
            f"{_objects(without, have=True)} no initial mask and {_are(without)} not in the table, the first "
            f"{_place(without[0])}: defects that leave an IoU of {low} to {high} % cannot be made of every object, and "
            f"not of one with fewer than {SMALLEST} pixels."
        )
    return said


def _objects(results: Sequence[ObjectResult], *, have: bool = False) -> str:
    count = f"{len(results)} object{'' if len(results) == 1 else 's'}"
    return f"{count} {'has' if len(results) == 1 else 'have'}" if have else count


def _are(results: Sequence[ObjectResult]) -> str:
    return "is" if len(results) == 1 else "are"


def _place(result: ObjectResult) -> str:
    plane = "" if result.plane is None else f" on plane {result.plane}"
    return f"object {result.object_id} of {result.name!r}{plane}"
