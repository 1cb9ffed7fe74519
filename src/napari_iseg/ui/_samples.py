"""Real samples as napari's menu and the dock open them: their licence and whom to cite are told."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_info

from napari_iseg.io.sample_stacks import find_stack
from napari_iseg.ui._sample_fetching import fetched_layers

__all__ = ["MORE", "open_hippocampus", "open_nerve_cord", "open_nuclei", "open_spine", "tell_terms"]

MORE: tuple[tuple[str, str], ...] = (
    ("EM stack (drawn)", "em_stack"),
    ("MRI stack (drawn)", "mri_stack"),
    ("Nuclei stack (drawn)", "nuclei_stack"),
    ("Nerve cord, ssTEM (fetched, 4 MB)", "nerve_cord"),
    ("Hippocampus, MRI (fetched, 0.1 MB)", "hippocampus"),
    ("Nuclei, DSB2018 (fetched, 0.1 MB)", "nuclei"),
    ("Spine, MRI (fetched, 0.1 MB)", "spine"),
)
"""Further samples: what a menu calls them, and their names."""


def open_nerve_cord() -> list[Any]:
    """Return the sample ``nerve_cord`` as napari layer data, and tell its terms."""
    return _told("nerve_cord")


def open_hippocampus() -> list[Any]:
    """Return the sample ``hippocampus`` as napari layer data, and tell its terms."""
    return _told("hippocampus")


def open_nuclei() -> list[Any]:
    """Return the sample ``nuclei`` as napari layer data, and tell its terms."""
    return _told("nuclei")


def open_spine() -> list[Any]:
    """Return the sample ``spine`` as napari layer data, and tell its terms."""
    return _told("spine")


def tell_terms(name: str) -> None:
    """Show the licence and the citation of a sample; nothing for those that this project drew."""
    stack = find_stack(name)
    if stack.citation:
        show_info(stack.terms)


def _told(name: str) -> list[Any]:
    layers = fetched_layers(name)
    tell_terms(name)
    return layers
