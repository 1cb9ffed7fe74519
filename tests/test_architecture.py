"""The rules of the rooms, looked at from outside: what an import loads, and whether every name in a table exists."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_iseg import METHODS

TORCH = ("torch", "timm", "torchvision", "lightning_fabric")
WINDOW = ("napari", "qtpy", "magicgui", "superqt")
PACKAGE = Path(import_module("napari_iseg").__file__ or "").parent


def modules_of(*rooms: str) -> list[str]:
    """Return the dotted names of every module in some rooms."""
    files = [path for room in rooms for path in (PACKAGE / room).rglob("*.py")]
    parts = [("napari_iseg", *path.relative_to(PACKAGE).with_suffix("").parts) for path in files]
    return sorted(".".join(p[:-1] if p[-1] == "__init__" else p) for p in parts)


def loaded_by(modules: list[str], watched: tuple[str, ...]) -> set[str]:
    """Return which of the watched packages a fresh process has loaded after importing the modules."""
    lines = ["import sys, importlib", *(f"importlib.import_module({module!r})" for module in modules)]
    code = "\n".join([*lines, f"print(*(set({watched!r}) & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["interactions", "planes", "io", "zoo"])
def test_light_rooms_load_neither_torch_nor_the_window(room: str) -> None:
    modules = modules_of(room)
    assert modules
    assert loaded_by(modules, TORCH + WINDOW) == set()


@pytest.mark.parametrize("room", ["models", "inference", "evaluation", "training", "cli"])
def test_rooms_below_the_window_do_not_load_it(room: str) -> None:
    modules = modules_of(room)
    assert modules
    assert loaded_by(modules, WINDOW) == set()


def test_package_loads_neither_torch_nor_the_window() -> None:
    assert loaded_by(["napari_iseg"], TORCH + WINDOW) == set()


def test_command_line_starts_without_torch() -> None:
    assert loaded_by(["napari_iseg.cli"], TORCH + WINDOW) == set()


def test_window_opens_without_torch() -> None:
    assert loaded_by(["napari_iseg.ui"], TORCH) == set()


def test_the_watch_would_notice_torch() -> None:
    assert loaded_by(["torch"], TORCH) >= {"torch"}


@pytest.mark.parametrize("spec", METHODS.values(), ids=lambda spec: spec.name)
def test_every_method_names_things_that_exist(spec) -> None:
    for reference in filter(None, (spec.predictor, spec.family)):
        module, name = reference.split(":")
        assert getattr(import_module(module), name) is not None


def manifest() -> PluginManifest:
    return PluginManifest.from_file(PACKAGE / "napari.yaml")


@pytest.mark.parametrize("command", manifest().contributions.commands or [], ids=lambda command: command.id)
def test_every_command_of_the_manifest_resolves(command) -> None:
    module, name = command.python_name.split(":")
    assert callable(getattr(import_module(module), name))


def test_the_manifest_offers_the_widget_and_every_sample() -> None:
    from napari_iseg.io.samples import sample_names

    contributions = manifest().contributions
    assert contributions.widgets
    assert sorted(sample.key for sample in contributions.sample_data or []) == sample_names()
