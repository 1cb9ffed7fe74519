"""Samples of files with references: stacks that this project drew, and real images that are fetched when wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.images import read_image
from napari_iseg.io.sample_files import SampleFile, find_file, read_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_iseg.io.loaded import LoadedImage

__all__ = [
    "FETCHED",
    "SampleStack",
    "find_stack",
    "open_em_stack",
    "open_hippocampus",
    "open_mri_stack",
    "open_nerve_cord",
    "open_nuclei",
    "open_nuclei_stack",
    "open_spine",
]

LayerData = tuple[Any, dict[str, Any], str]

FETCHED = ("nerve_cord", "hippocampus", "nuclei", "spine")
"""The samples whose files come from a mirror folder or the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStack:
    """A sample of one or several files, with a reference where there is one at hand.

    Parameters
    ----------
    name, title
        Its short name, and one line about it.
    licence, citation, source
        What its makers ask for, whom to cite (empty if nobody), and where it comes from.
    files
        Its files.
    spacing, unit
        Size of a voxel per axis, where the files do not say it; else None.
    """

    name: str
    title: str
    licence: str
    citation: str
    source: str
    files: tuple[SampleFile, ...]
    spacing: tuple[float, ...] | None
    unit: str | None

    @property
    def terms(self) -> str:
        """The licence and whom to cite, as a sentence for the user."""
        cited = f" Cite: {self.citation}." if self.citation else ""
        return f"{self.title}. Licence: {self.licence}. Source: {self.source}.{cited}"

    def layers(self, progress: Callable[[float], object] = lambda _share: None) -> list[LayerData]:
        """Return the image, and the reference if there is one, as napari layer data; fetches files if need be.

        Parameters
        ----------
        progress
            Called in this thread with the share of the files that is there, 0 to 1, while something is fetched. What
            it raises ends the transfer and is raised here; files that are whole stay for the next time.

        Raises
        ------
        ImageError
            If a file cannot be fetched or read, or is not the right one.
        """
        image = self._read("image", progress)
        if image is None:
            raise ImageError(f"The sample {self.name!r} has no image file; install napari-iseg again.")
        about = {"licence": self.licence, "citation": self.citation, "about": self.source}
        known = {"source": str(image.source), "image": image, **about}
        attributes = {"name": self.name, "scale": image.scale, "rgb": image.rgb, "metadata": {"napari_iseg": known}}
        layers: list[LayerData] = [(image.data, attributes, "image")]
        reference = self._read("reference", progress)
        if reference is not None:
            # To compare with, not to begin with: it is shown when somebody wants to see it.
            more = {"scale": image.scale, "visible": False, "metadata": {"napari_iseg_sample": about}}
            layers.append((_whole(reference.data), {"name": f"{self.name} reference", **more}, "labels"))
        return layers

    def _read(self, role: str, progress: Callable[[float], object]) -> LoadedImage | None:
        paths: list[Path] = []
        for number, file in enumerate(self.files):
            if file.role != role:
                continue
            path = find_file(self.name, file, partial(self._tell, progress, number))
            if path is not None:
                paths.append(path)
        if not paths:
            return None
        slices = [read_image(path) for path in paths]
        loaded = slices[0]
        if len(slices) > 1:
            data = np.stack([one.data for one in slices])
            # Labels are exported on a grid of their own: no slice's header is that of the stack.
            axes = "ZYX" if loaded.kind == "tiff" else None
            loaded = replace(loaded, data=data, spacing=(1.0, *loaded.spacing), header=axes)
        if self.spacing is not None:
            loaded = replace(loaded, spacing=self.spacing, units=self.unit)
        return loaded

    def _tell(self, progress: Callable[[float], object], number: int, there: int, total: int) -> None:
        """Say which share of all files is there while one of them arrives."""
        # Of what is sent compressed, more arrives than was promised.
        progress((number + (min(there / total, 1) if total else 0)) / len(self.files))


def find_stack(name: str) -> SampleStack:
    """Return a sample by its name: one of :data:`FETCHED`, or a drawn stack.

    Raises
    ------
    ImageError
        If it is no sample of this kind.
    """
    facts = read_facts(name)
    if "files" not in facts:
        raise ImageError(f"The sample {name!r} is a single image; open it with find_sample.")
    return SampleStack(
        name=name,
        title=facts["title"],
        licence=facts["licence"],
        citation=facts["citation"],
        source=facts["source"],
        files=tuple(SampleFile.of_facts(file) for file in facts["files"]),
        spacing=tuple(facts["spacing"]) if facts["spacing"] else None,
        unit=facts["unit"],
    )


def open_em_stack() -> list[LayerData]:
    """Return the drawn sample ``em_stack`` as napari layer data."""
    return find_stack("em_stack").layers()


def open_mri_stack() -> list[LayerData]:
    """Return the drawn sample ``mri_stack`` as napari layer data."""
    return find_stack("mri_stack").layers()


def open_nuclei_stack() -> list[LayerData]:
    """Return the drawn sample ``nuclei_stack`` as napari layer data."""
    return find_stack("nuclei_stack").layers()


def open_nerve_cord() -> list[LayerData]:
    """Return the real sample ``nerve_cord`` as napari layer data; it may have to be fetched."""
    return find_stack("nerve_cord").layers()


def open_hippocampus() -> list[LayerData]:
    """Return the real sample ``hippocampus`` as napari layer data; it may have to be fetched."""
    return find_stack("hippocampus").layers()


def open_nuclei() -> list[LayerData]:
    """Return the real sample ``nuclei`` as napari layer data; it may have to be fetched."""
    return find_stack("nuclei").layers()


def open_spine() -> list[LayerData]:
    """Return the real sample ``spine`` as napari layer data; it may have to be fetched."""
    return find_stack("spine").layers()


def _whole(values: Any) -> Any:
    """Return labels of a type that a Labels layer takes."""
    kind = np.asarray(values).dtype.kind
    return values if kind in "iu" else np.rint(values).astype(np.uint16)
