"""Weights of others become weights of the user: recognised, exact, tried, and whole or not there at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import py7zr
import pytest
import torch
from tests.released import released_from_manifest, released_state, save_released, save_simpleclick
from tests.seeded import TINY, seeded_image, seeded_network

from napari_iseg import METHODS, Click, open_session
from napari_iseg.errors import UnknownNameError, WeightsError
from napari_iseg.inference.importing import import_weights, verify_weights
from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.models.unpickling import read_pickled
from napari_iseg.zoo.weights import find_weights, names_for, non_commercial_licence
from napari_iseg.zoo.weights_folder import imported_weights, recorded_sha256, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a small SimpleClick file as upstream's trainer writes it."""
    return save_simpleclick(tmp_path / "mine.pth")


def probability(method: str, weights: str | Path) -> np.ndarray:
    """Return the answer to two clicks on a seeded image."""
    session = open_session(seeded_image(61, 83), method, weights=weights, device="cpu")
    session.add(Click(27.0, 45.0))
    session.add(Click(5.0, 5.0, positive=False))
    return np.asarray(session.probability)


def test_an_imported_file_answers_as_the_released_one(user_folder: Path, released: Path) -> None:
    found = import_weights(released)
    assert found.name == "mine"
    assert found.path == user_folder / "mine.safetensors"
    assert (found.family, set(found.methods)) == ("SimpleClick", {"simpleclick", "cfr-icl"})
    assert found.source == "mine.pth"
    assert found.source_sha256 == sha256_of(released)
    assert recorded_sha256("mine.safetensors") == sha256_of(found.path)
    assert sorted(item.name for item in user_folder.iterdir()) == ["mine.safetensors", "sha256.json"]
    np.testing.assert_array_equal(probability("simpleclick", "mine"), probability("simpleclick", released))
    network = seeded_network(TINY)
    for name, tensor in FAMILY.load(found.path).state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name
    assert verify_weights("mine") == found


@pytest.mark.parametrize(
    ("file", "name", "method", "first"),
    [
        ("weights.pth", None, None, "simpleclick"),
        ("cocolvis_icl_vit.pth", None, None, "cfr-icl"),
        ("weights.pth", "my-cfr-icl", None, "cfr-icl"),
        ("weights.pth", None, "cfr-icl", "cfr-icl"),
        ("cocolvis_icl_vit_huge.pth", None, None, "cfr-icl"),
        ("cocolvis_vit_base.pth", None, None, "simpleclick"),
    ],
)
def test_the_name_or_the_user_decides_between_methods_of_one_network(
    user_folder: Path, released: Path, file: str, name: str | None, method: str | None, first: str
) -> None:
    path = released.rename(released.with_name(file))
    found = import_weights(path, name=name, method=method)
    assert found.methods[0] == first
    assert set(found.methods) == {"simpleclick", "cfr-icl"}
    assert found.path.parent == user_folder


def test_a_released_file_gets_its_known_name_and_licence(user_folder: Path, released: Path) -> None:
    found = import_weights(released.rename(released.with_name("cocolvis_vit_base.pth")))
    assert found.name == "simpleclick-vit-base-cocolvis"
    assert found.non_commercial
    assert "CC BY-NC" in found.licence
    assert non_commercial_licence(found.name) == found.licence
    assert find_weights(found.name, "simpleclick") == user_folder / "simpleclick-vit-base-cocolvis.safetensors"


def test_a_file_of_unknown_name_has_the_terms_of_its_network(user_folder: Path, released: Path) -> None:
    asked = []
    found = import_weights(released, accept=lambda name, licence: asked.append((name, licence)))
    assert found.non_commercial
    assert asked == [("mine", found.licence)]
    assert "CC BY-NC" in found.licence
    # A copy of what was imported, or what was made of it, is no freer.
    again = import_weights(found.path, name="again")
    assert (again.non_commercial, again.licence) == (True, found.licence)


def test_terms_that_are_not_accepted_leave_nothing(user_folder: Path, released: Path) -> None:
    def refuse(name: str, licence: str) -> None:
        raise WeightsError(f"{name}: {licence}")

    with pytest.raises(WeightsError, match="CC BY-NC"):
        import_weights(released, accept=refuse)
    assert list(user_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("manifest", "licence", "forbids"),
    [
        ("focalclick_hrnet18s", "Apache-2.0", False),
        ("focalclick_segformer_b0", "NVIDIA", True),
        ("ritm_hrnet18s", "MIT", False),
    ],
)
def test_free_networks_stay_free(
    user_folder: Path, shared: Path, tmp_path: Path, manifest: str, licence: str, forbids: bool
) -> None:
    path = released_from_manifest(shared, manifest, tmp_path / "unknown.pth")
    found = import_weights(path)
    assert (licence in found.licence, found.non_commercial) == (True, forbids)


def test_imported_weights_are_offered_for_their_methods(user_folder: Path, released: Path) -> None:
    before = names_for("simpleclick")
    import_weights(released, name="a-cfr-icl")
    import_weights(released, name="b")
    assert names_for("simpleclick") == [*before, "b", "a-cfr-icl"]
    assert names_for("cfr-icl")[-2:] == ["a-cfr-icl", "b"]
    assert names_for("random-walker") == []
    assert user_folder.is_dir()


def test_an_archive_is_unpacked_and_leaves_nothing_behind(user_folder: Path, released: Path, tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "whole.7z", "w") as target:
        target.write(released, "inside.pth")
    content = (tmp_path / "whole.7z").read_bytes()
    for number in range(1, 4):
        part = content[(number - 1) * len(content) // 3 : number * len(content) // 3]
        (tmp_path / f"net.pth.7z.{number:03}").write_bytes(part)
    found = import_weights(tmp_path / "net.pth.7z.001")
    assert found.name == "net"
    assert found.source_sha256 == sha256_of(released)
    assert sorted(item.name for item in user_folder.iterdir()) == ["net.safetensors", "sha256.json"]


def test_of_a_file_with_stages_one_is_imported(user_folder: Path, tmp_path: Path) -> None:
    networks = [seeded_network(TINY, seed) for seed in (1, 2)]
    path = tmp_path / "stages.pth"
    torch.save([{"state_dict": released_state(network), "config": {}} for network in networks], path)
    for stage, name in ((-1, "last"), (0, "first")):
        loaded = FAMILY.load(import_weights(path, name=name, stage=stage).path)
        assert torch.equal(loaded.neck.down_16[0].weight, networks[stage].neck.down_16[0].weight)


def test_our_own_file_is_imported_too(user_folder: Path) -> None:
    found = import_weights(find_weights("cfr-icl-small", "cfr-icl"), name="copy")
    assert found.methods[0] == "cfr-icl"
    np.testing.assert_array_equal(
        probability("cfr-icl", found.path), probability("cfr-icl", find_weights("cfr-icl-small", "cfr-icl"))
    )


def test_what_is_no_known_network_says_so_and_leaves_nothing(user_folder: Path, tmp_path: Path) -> None:
    state = released_state(seeded_network(TINY))
    broken = {
        "backbone": ({"patch_embed.proj.weight": torch.ones(3)}, "holds no network of a known method"),
        "missing": ({k: v for k, v in state.items() if k != "neck.down_4.3.bias"}, r"neck\.down_4\.3\.bias"),
        "more": ({**state, "extra.weight": torch.ones(2)}, r"extra\.weight"),
        "shapeless": ({**state, "backbone.pos_embed": torch.ones(2)}, "make no configuration"),
        "nan": ({**state, "head.conv_seg.bias": torch.tensor([torch.nan])}, "not finite"),
    }
    for name, (tensors, words) in broken.items():
        path = tmp_path / f"{name}.pth"
        torch.save({"state_dict": tensors}, path)
        with pytest.raises(WeightsError, match=words):
            import_weights(path)
    assert imported_weights() == {}
    assert list(user_folder.iterdir()) == []


def test_names_that_are_taken_or_unusable_are_refused(user_folder: Path, released: Path) -> None:
    import_weights(released, name="one")
    for name, words in (("one", "already"), ("cfr-icl-small", "already"), ("../evil", "cannot name"), ("", "mine")):
        if name == "":
            assert import_weights(released, name=None).name == "mine"
            continue
        with pytest.raises(WeightsError, match=words):
            import_weights(released, name=name)
    with pytest.raises(UnknownNameError, match="simpleclick"):
        import_weights(released, method="simple-click")
    with pytest.raises(WeightsError, match="no file"):
        import_weights(released.with_name("gone.pth"))
    assert sorted(imported_weights()) == ["mine", "one"]


def test_a_changed_or_damaged_file_does_not_pass(user_folder: Path, released: Path) -> None:
    path = import_weights(released).path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="has changed since"):
        verify_weights("mine")
    path.write_bytes(content[:20])
    assert imported_weights()["mine"].family == ""
    with pytest.raises(WeightsError, match="is damaged"):
        find_weights("mine", "simpleclick")
    (user_folder / "sha256.json").unlink()
    with pytest.raises(WeightsError, match="is damaged"):
        verify_weights("mine")
    with pytest.raises(UnknownNameError, match="mine"):
        verify_weights("mind")


def test_nothing_bundled_is_taken_for_the_user_s(user_folder: Path) -> None:
    with pytest.raises(UnknownNameError):
        verify_weights("cfr-icl-small")
    assert json.dumps(list(imported_weights())) == "[]"


MANIFESTS = {
    "simpleclick_tiny": "simpleclick",
    "cfr_icl_tiny": "cfr-icl",
    "adaptiveclick_tiny": "adaptiveclick",
    "ritm_hrnet18s": "ritm",
    "focalclick_hrnet18s": "focalclick",
    "focalclick_segformer_b0": "focalclick",
}


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_every_released_family_is_recognised_among_all(
    user_folder: Path, shared: Path, tmp_path: Path, manifest: str
) -> None:
    method = MANIFESTS[manifest]
    if method not in METHODS:
        pytest.skip(f"the table has no method {method} yet")
    path = released_from_manifest(shared, manifest, tmp_path / f"{manifest}.pth")
    found = import_weights(path)
    assert found.methods[0] == method
    np.testing.assert_array_equal(probability(method, found.name), probability(method, path))


def test_a_file_for_another_method_says_for_which(released: Path) -> None:
    other = next(s.name for s in METHODS.values() if s.family and not s.family.endswith("simpleclick:FAMILY"))
    with pytest.raises(WeightsError, match=r"another network .* use --method simpleclick\.$"):
        open_session(seeded_image(40, 50), other, weights=released)


def test_a_network_without_mask_guidance_is_recognised_too(shared: Path, tmp_path: Path) -> None:
    if "ritm" not in METHODS:
        pytest.skip("the table has no method ritm yet")
    content = read_pickled(released_from_manifest(shared, "ritm_hrnet18s", tmp_path / "guided.pth"))
    state = content["state_dict"]
    state["maps_transform.0.weight"] = state["maps_transform.0.weight"][:, 1:].clone()
    path = save_released(tmp_path / "coco_lvis_h18_baseline.pth", state, "HRNetModel", {"with_prev_mask": False})
    found = import_weights(path)
    assert found.name == "ritm-hrnet18-cocolvis-baseline"
    assert found.methods == ("ritm",)
    assert np.isfinite(probability("ritm", found.name)).all()
