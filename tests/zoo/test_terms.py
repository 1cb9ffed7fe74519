"""Files without a known name are told from their tensors' names, quickly and without being executed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import torch
from tests.methods import FAMILIES
from tests.released import save_simpleclick

from napari_iseg.zoo.known_weights import MAE_TERMS, SEGFORMER_TERMS
from napari_iseg.zoo.terms import terms_in, terms_of_names
from napari_iseg.zoo.weights import non_commercial_licence

if TYPE_CHECKING:
    from pathlib import Path

MANIFESTS = {
    "simpleclick_vit_base": (MAE_TERMS, True),
    "cfr_icl_vit_base": (MAE_TERMS, True),
    "adaptiveclick_vit_base": (MAE_TERMS, True),
    "focalclick_segformer_b0": (SEGFORMER_TERMS, True),
    "focalclick_segformer_b3": (SEGFORMER_TERMS, True),
    "focalclick_hrnet18s": ("Apache-2.0", False),
    "ritm_hrnet18": ("MIT", False),
    "ritm_hrnet18s": ("MIT", False),
    "ritm_hrnet32": ("MIT", False),
}


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_released_network_is_told_from_its_tensors_names(shared: Path, tmp_path: Path, manifest: str) -> None:
    names = json.loads((shared / "parity" / f"{manifest}.manifest.json").read_text())["state_dict"]
    assert terms_of_names(names) == MANIFESTS[manifest]
    path = tmp_path / "renamed.pth"
    torch.save({"state_dict": {name: torch.zeros(1) for name in names}, "config": {}}, path)
    assert terms_in(path) == MANIFESTS[manifest]
    assert (non_commercial_licence(path) is not None) == MANIFESTS[manifest][1]


def test_every_family_that_was_ever_released_has_terms() -> None:
    for family in FAMILIES.values():
        if family.marks and family.name != "FocalClick":
            assert terms_of_names(family.marks) is not None, family.name


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before-1.6"])
def test_files_of_any_age_and_layout_are_read(tmp_path: Path, old: bool) -> None:
    content = torch.load(save_simpleclick(tmp_path / "whole.pth"), weights_only=True)
    layouts = {"bare": content["state_dict"], "stages": [content, content], "wrapped": {"model": content["state_dict"]}}
    for name, layout in layouts.items():
        path = tmp_path / f"{name}.pth"
        torch.save(layout, path, _use_new_zipfile_serialization=not old)
        assert terms_in(path) == (MAE_TERMS, True), name


def test_a_free_name_does_not_free_a_file(tmp_path: Path) -> None:
    assert non_commercial_licence(save_simpleclick(tmp_path / "coco_lvis_h32_itermask.pth")) == MAE_TERMS
    # While a name that forbids something need not even be there.
    assert non_commercial_licence(tmp_path / "cocolvis_icl_vit_huge.pth") == "CC BY-NC 4.0"


def test_weights_of_ones_own_have_no_terms(tmp_path: Path) -> None:
    for family in FAMILIES.values():
        path = tmp_path / "own.safetensors"
        with torch.no_grad():
            family.save(path, family.build(family.configs["tiny"]), {})
        assert terms_in(path) is None, family.name
        family.save(path, family.build(family.configs["tiny"]), {"licence": "some", "non_commercial": "yes"})
        assert non_commercial_licence(path) == "some"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def test_what_is_no_weights_file_is_never_executed_nor_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    assert terms_in(path) is None
    files = [b"", b"nothing", pickle.dumps(Evil()), b"PK\x05\x06" + bytes(18), b"\x80\x02X\xff\xff\xff\x7fshort"]
    files += [b"\x80\x04" + b"K\x01" * 5_000_000]
    for content in files:
        path.write_bytes(content)
        start = time.monotonic()
        assert terms_in(path) is None
        assert time.monotonic() - start < 5
    torch.save({"state_dict": {"patch_embed_coords.proj.weight": Evil(), "backbone.pos_embed": Evil()}}, path)
    assert terms_in(path) == (MAE_TERMS, True)
    cut = path.read_bytes()
    path.write_bytes(cut[: len(cut) // 2])
    assert terms_in(path) is None


def test_asking_needs_no_torch(tmp_path: Path) -> None:
    path = save_simpleclick(tmp_path / "unknown.pth")
    program = (
        "import sys; from napari_iseg.zoo.weights import non_commercial_licence as ask;"
        f"print(ask({str(path)!r})); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == MAE_TERMS, done.stderr
