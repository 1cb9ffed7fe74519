"""The mix transformer and the MLP head by themselves; FocalClick's tests hold them against the goldens."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_iseg.models.segformer import MixTransformer, MLPHead, translate_mit

DIMS, DEPTHS, HEADS = (8, 16, 20, 24), (1, 2, 1, 1), (1, 2, 5, 3)


@pytest.fixture
def encoder() -> MixTransformer:
    torch.manual_seed(0)
    return MixTransformer(DIMS, DEPTHS, HEADS).eval()


@pytest.mark.parametrize(("rows", "columns"), [(64, 96), (72, 104)])
def test_stages_halve_their_map_and_are_what_the_whole_encoder_runs(
    encoder: MixTransformer, rows: int, columns: int
) -> None:
    rgb = torch.rand(2, 3, rows, columns)
    with torch.no_grad():
        levels = encoder(rgb)
        maps = rgb
        for number, level in enumerate(levels, start=1):
            maps = encoder.stage(number, maps)
            assert torch.equal(maps, level)
            side = 2 ** (number + 1)
            assert level.shape == (2, DIMS[number - 1], -(-rows // side), -(-columns // side))


def test_another_stem_takes_the_place_of_the_first_convolution() -> None:
    torch.manual_seed(0)
    encoder = MixTransformer(DIMS, DEPTHS, HEADS, stem=nn.Identity()).eval()
    assert not any(name.startswith("patch_embed1.proj") for name in encoder.state_dict())
    with torch.no_grad():
        assert encoder(torch.rand(1, 8, 16, 24))[0].shape == (1, 8, 16, 24)


def test_the_head_is_projection_enlargement_concatenation_and_fusion() -> None:
    torch.manual_seed(0)
    head = MLPHead(DIMS, 12)
    nn.init.normal_(head.linear_fuse["bn"].running_mean)
    for number in range(1, 5):
        nn.init.normal_(getattr(head, f"linear_c{number}")["proj"].bias)
    head.eval()
    levels = [torch.randn(2, channels, 24 // 2**i, 32 // 2**i) for i, channels in enumerate(DIMS)]
    with torch.no_grad():
        feature, logits = head(levels)
        maps = []
        for number, level in enumerate(levels, start=1):
            projected = getattr(head, f"linear_c{number}")["proj"](level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            maps.append(functional.interpolate(projected, size=(24, 32), mode="bilinear", align_corners=False))
        fused = head.linear_fuse["bn"](head.linear_fuse["conv"](torch.cat(maps[::-1], dim=1))).relu()
    torch.testing.assert_close(feature, fused, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits, head.linear_pred(fused), atol=1e-5, rtol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    encoder, head = MixTransformer(DIMS, DEPTHS, HEADS), MLPHead(DIMS, 12)
    # The drop path could skip the last block.
    head(encoder.eval()(torch.rand(2, 3, 64, 96)))[1].square().mean().backward()
    for name, parameter in [*encoder.named_parameters(), *head.named_parameters()]:
        assert parameter.grad is not None, name
        # A key's bias shifts all scores of a query alike, so that only its half for the values counts.
        assert parameter.grad.abs().sum() > 0, name


def test_blocks_are_skipped_only_while_training() -> None:
    torch.manual_seed(0)
    encoder = MixTransformer(DIMS, DEPTHS, HEADS, drop_path=0.9)
    rgb = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert len({encoder.train()(rgb)[3].sum().item() for _ in range(8)}) > 1
        assert len({encoder.eval()(rgb)[3].sum().item() for _ in range(8)}) == 1


def test_released_names_become_ours(encoder: MixTransformer) -> None:
    released = {name.replace(".dwconv.", ".dwconv.dwconv."): value for name, value in encoder.state_dict().items()}
    released["head.weight"] = torch.zeros(1000, DIMS[3])
    assert translate_mit(released).keys() == encoder.state_dict().keys()
