"""From folders to a pack: what of each image is worth keeping, at what size, and what fits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError, OptionError
from napari_iseg.io.datasets import PACK, kinds_of_labels, layout_of, open_dataset
from napari_iseg.io.pack_file import write_pack
from napari_iseg.io.pack_plan import PlanePlan, encoded
from napari_iseg.training.cutting import object_boxes, planes_of, reduced, reduced_labels
from napari_iseg.training.pictures import readable_samples
from napari_iseg.training.windows import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iseg.io.bad_input import BadInput
    from napari_iseg.io.labelled_images import LabelledImages, Split

__all__ = ["PackReport", "pack_folders"]

MAX_SIDE = 512
"""The longest side of a packed plane in pixels, unless another is asked for."""

_MEGABYTE = 10**6
# Header, settings and the space before the first pixel.
_OVERHEAD = 4096


@dataclass(frozen=True, slots=True)
class PackReport:
    """What was packed.

    Parameters
    ----------
    path
        The pack.
    bytes
        Its length.
    planes
        Planes in it, by the name of their folder.
    found
        Planes that there were, by the name of their folder; the difference was thinned out to keep the limit.
    held_back
        Planes in it that are marked as held back.
    objects
        Objects in it, each counted on every plane that shows it.
    vanished
        Objects of the planes in it that reduction made too small for any pixel.
    """

    path: Path
    bytes: int
    planes: dict[str, int]
    found: dict[str, int]
    held_back: int
    objects: int
    vanished: int


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """A plane in its final size."""

    plan: PlanePlan
    rgb: NDArray[np.uint8] = field(repr=False)
    labels: list[NDArray[np.int32]] = field(repr=False)
    vanished: int

    @property
    def image(self) -> NDArray[np.uint8]:
        """As the pack holds it."""
        return self.rgb[..., 0] if self.plan.grey else self.rgb


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A folder opened for each kind of its references."""

    name: str
    folders: list[LabelledImages]
    images: list[str]


@dataclass(frozen=True, slots=True)
class _Options:
    max_side: int
    compress: bool


def pack_folders(
    paths: Sequence[Path],
    output: Path,
    *,
    bad_input: BadInput,
    max_mb: float | None = None,
    max_side: int = MAX_SIDE,
    layout: str | None = None,
    split: Split = "all",
    progress: Callable[[float], None] | None = None,
) -> PackReport:
    """Pack folders into one file.

    Images that are larger than ``max_side`` are cropped around their objects; what is still larger is reduced, or cut
    into windows at its own resolution where reduction would leave small objects with nothing. Labels keep their ids.
    Volumes are cut into planes along every axis. Every image is read twice, once to know what there is.

    Parameters
    ----------
    paths
        Folders in any layout that :func:`napari_iseg.io.datasets.open_dataset` knows, with all kinds of references.
    output
        The file.
    bad_input
        Takes files that cannot be used.
    max_mb
        Most length of the file in millions of bytes. References are compressed, and where that is not enough evenly
        spaced planes of each folder are kept, of all folders the same share. None keeps all, and lets references be
        mapped from the file as images are.
    max_side
        Longest side of a plane, in pixels.
    layout
        Forces a layout; None recognises that of each folder.
    split
        Which images; held-back ones among them are marked as such in the pack.
    progress
        Called with the share of the work that is done.

    Raises
    ------
    ImageError
        If a folder is missing or of no known layout, or nothing can be packed.
    OptionError
        If a number is out of range, or one plane of each folder is too much.
    ExportError
        If the file cannot be written.
    """
    if max_side < 32 or (max_mb is not None and not max_mb > 0):
        raise OptionError(f"max-side must be at least 32 and max-mb above 0; {max_side} and {max_mb} were given.")
    options = _Options(max_side, compress=max_mb is not None)
    images = list(_images(_open(paths, layout, split, bad_input)))
    say = progress or (lambda share: None)
    planned: list[list[tuple[PlanePlan, int]]] = []
    for done, (source, name) in enumerate(images):
        planned.append([(plane.plan, plane.vanished) for plane in _planes(source, name, options, bad_input)])
        say(done / len(images) / 2)
    plans: dict[str, list[PlanePlan]] = {}
    for plan, _ in chain.from_iterable(planned):
        plans.setdefault(plan.source, []).append(plan)
    if not plans:
        reason = f" ({bad_input.found[0].sentence})" if bad_input.found else ""
        raise ImageError(f"There is no object to pack in {', '.join(map(str, paths))}{reason}")
    kept = _thinned(plans, max_mb)
    chosen = {(plan.source, plan.name) for plan in kept}

    def pixels() -> Iterator[tuple[PlanePlan, NDArray[np.uint8], list[NDArray[np.int32]]]]:
        for done, ((source, name), found) in enumerate(zip(images, planned, strict=True)):
            say(0.5 + done / len(images) / 2)
            if any((plan.source, plan.name) in chosen for plan, _ in found):
                for plane in _planes(source, name, options, bad_input):
                    if (plane.plan.source, plane.plan.name) in chosen:
                        yield plane.plan, plane.image, plane.labels

    found = {source: len(of_source) for source, of_source in plans.items()}
    settings = {"max_side": max_side, "max_mb": max_mb, "split": split, "found": found}
    length = write_pack(output, kept, pixels(), settings)
    say(1.0)
    return PackReport(
        path=output,
        bytes=length,
        planes={source: sum(plan.source == source for plan in kept) for source in plans},
        found=found,
        held_back=sum(plan.held_back for plan in kept),
        objects=sum(len(boxes) for plan in kept for _, boxes in plan.references),
        vanished=sum(lost for plan, lost in chain.from_iterable(planned) if (plan.source, plan.name) in chosen),
    )


def _open(paths: Sequence[Path], layout: str | None, split: Split, bad_input: BadInput) -> list[_Source]:
    sources: list[_Source] = []
    for path in map(Path, paths):
        kind = layout_of(path, layout)
        if kind == PACK:
            raise ImageError(f"{path} is a pack already; name the folders that it was made of.")
        folders = []
        for labels in kinds_of_labels(path, layout=kind):
            try:
                folders.append(open_dataset(path, layout=kind, labels=labels, split=split, bad_input=bad_input))
            except ImageError as error:
                bad_input.add(path, str(error))
        # Two folders of one name stay apart: images of the same name in both are not the same.
        name, taken = path.resolve().name, {source.name for source in sources}
        unique = next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
        sources.append(_Source(unique, folders, sorted({image for folder in folders for image in folder.names})))
    return sources


def _images(sources: Sequence[_Source]) -> Iterator[tuple[_Source, str]]:
    for source in sources:
        for name in source.images:
            yield source, name


def _planes(source: _Source, name: str, options: _Options, bad_input: BadInput) -> Iterator[_Plane]:
    read = readable_samples(source.folders, name, bad_input)
    if not read:
        return
    kinds = [folder.labels for folder, _ in read]
    held_back = read[0][0].is_held_back(name)
    try:
        for where, rgb, labels in planes_of([sample for _, sample in read]):
            for suffix, window, size in windows(labels, options.max_side):
                cut = [np.ascontiguousarray(layer[window]) for layer in labels]
                small = [reduced_labels(layer, size) for layer in cut]
                boxes = [object_boxes(layer) for layer in small]
                # A reference without an object in this window says nothing.
                shown = [i for i, found in enumerate(boxes) if found]
                if not shown:
                    continue
                image = reduced(np.ascontiguousarray(rgb[window]), size)
                grey = bool((image == image[..., :1]).all())
                references = tuple((kinds[i], boxes[i]) for i in shown)
                plan = PlanePlan(source.name, name + where + suffix, held_back, size, grey, references)
                if options.compress:
                    types = zip(shown, plan.types, strict=True)
                    lengths = tuple(len(encoded(small[i], kind, compress=True)) for i, kind in types)
                    plan = replace(plan, compressed=lengths)
                lost = sum(len(object_boxes(cut[i])) - len(boxes[i]) for i in shown) if size != cut[0].shape else 0
                yield _Plane(plan, image, [small[i] for i in shown], lost)
    except ImageError as error:
        bad_input.add(read[0][0].source(name), str(error))


def _thinned(plans: dict[str, list[PlanePlan]], max_mb: float | None) -> list[PlanePlan]:
    """Keep evenly spaced planes of each folder, of all folders the largest same share that fits."""
    everything = [plan for found in plans.values() for plan in found]
    if max_mb is None:
        return everything
    sizes = {source: np.array([plan.bytes for plan in found], dtype=np.int64) for source, found in plans.items()}
    limit = int(max_mb * _MEGABYTE) - _OVERHEAD

    def chosen(share: float) -> dict[str, Any]:
        return {source: _spaced(len(found), share) for source, found in sizes.items()}

    def length(share: float) -> int:
        return sum(int(sizes[source][places].sum()) for source, places in chosen(share).items())

    if length(0.0) > limit:
        raise OptionError(
            f"One plane of each folder takes {(length(0.0) + _OVERHEAD) / _MEGABYTE:.1f} MB, but max-mb is {max_mb:g}; "
            "raise it, lower max-side or name fewer folders."
        )
    if length(1.0) <= limit:
        return everything
    low, high = 0.0, 1.0
    for _ in range(30):
        half = (low + high) / 2
        low, high = (half, high) if length(half) <= limit else (low, half)
    return [plans[source][i] for source, places in chosen(low).items() for i in places.tolist()]


def _spaced(count: int, share: float) -> NDArray[np.int64]:
    kept = min(max(int(count * share), 1), count)
    return np.asarray((2 * np.arange(kept) + 1) * count // (2 * max(kept, 1)), dtype=np.int64)
