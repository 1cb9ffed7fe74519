"""Deformable attention against its definition, sine positions, and the pixel decoder's geometry."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from napari_iseg.models.deformable import DeformableAttention, PixelDecoder, sine_encoding, sine_positions

SHAPES = [(3, 5), (6, 7)]


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scrambled(module: nn.Module, scale: float = 0.5) -> nn.Module:
    """Move every weight off its initial value, zeros included."""
    with torch.no_grad():
        for number, weight in enumerate(module.parameters()):
            weight.add_(scale * tensor(*weight.shape, seed=number))
    return module


def bilinear(value: Tensor, row: float, column: float) -> Tensor:
    """Return (C, h, w) ``value`` between cells, zeros outside; whole numbers are the middles of cells."""
    top, left = math.floor(row), math.floor(column)
    found = torch.zeros(value.shape[0])
    for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= r < value.shape[1] and 0 <= c < value.shape[2]:
            found += (1 - abs(row - r)) * (1 - abs(column - c)) * value[:, r, c]
    return found


def test_deformable_attention_is_its_definition() -> None:
    width, heads, points = 8, 2, 3
    attention = scrambled(DeformableAttention(width, heads=heads, levels=2, points=points), 0.3)
    queries, values = tensor(1, 4, width, seed=50), tensor(1, 15 + 42, width, seed=51)
    centres = torch.rand(4, 2, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        answer = attention(queries, centres, values, SHAPES)[0]
        projected = attention.value_proj(values)[0].split([15, 42])
        offsets = attention.sampling_offsets(queries)[0].view(4, heads, 2, points, 2)
        weights = attention.attention_weights(queries)[0].view(4, heads, -1).softmax(-1).view(4, heads, 2, points)
        expected = torch.zeros(4, width)
        for q in range(4):
            for h in range(heads):
                channels = slice(4 * h, 4 * h + 4)
                for level, (rows, columns) in enumerate(SHAPES):
                    value = projected[level].T.reshape(width, rows, columns)[channels]
                    for p in range(points):
                        across, down = offsets[q, h, level, p].tolist()
                        column = float(centres[q, 0]) * columns + across - 0.5
                        row = float(centres[q, 1]) * rows + down - 0.5
                        expected[q, channels] += weights[q, h, level, p] * bilinear(value, row, column)
        expected = attention.output_proj(expected)
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-4)


def test_a_new_layer_looks_in_as_many_directions_as_it_has_heads() -> None:
    attention = DeformableAttention(32, heads=8, levels=3, points=4)
    offsets = attention.sampling_offsets.bias.detach().view(8, 3, 4, 2)
    assert torch.equal(offsets[:, 0], offsets[:, 2])
    assert offsets[0, 0].tolist() == [[1, 0], [2, 0], [3, 0], [4, 0]]
    torch.testing.assert_close(offsets[1, 0, 1], torch.tensor([2.0, 2.0]))
    assert not attention.sampling_offsets.weight.any()


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        DeformableAttention(30, heads=8)


def test_sine_positions_encode_the_row_first() -> None:
    positions = sine_positions((3, 5), 16, like=torch.zeros(1)).view(3, 5, 16)
    assert torch.equal(positions[1, 0, :8], positions[1, 4, :8])
    assert torch.equal(positions[0, 2, 8:], positions[2, 2, 8:])
    # The third row of three is the whole turn, and sines and cosines alternate.
    angles = [2 * math.pi / 10000 ** (2 * k / 8) for k in range(4)]
    expected = [f(angle) for angle in angles for f in (math.sin, math.cos)]
    assert positions[2, 0, :8].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_place_is_encoded_like_the_cell_it_lies_in() -> None:
    place = torch.tensor([[2 / 3, 4 / 5]])
    cell = sine_positions((3, 5), 16, like=place).view(3, 5, 16)[1, 3]
    torch.testing.assert_close(sine_encoding(place, 16)[0], cell, atol=1e-5, rtol=0)


def pyramid(rows: int, columns: int, seed: int = 0) -> list[Tensor]:
    sizes = [(8, rows, columns)] + [(8 + i, -(-rows // 2**i), -(-columns // 2**i)) for i in (1, 2, 3)]
    return [tensor(2, *size, seed=seed + i) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (13, 22)])
def test_pixel_decoder_returns_the_coarsest_memory_first(rows: int, columns: int) -> None:
    decoder = PixelDecoder((8, 9, 10, 11), width=32, layers=2, heads=4, feedforward=48, mask_channels=20)
    maps = pyramid(rows, columns)
    features = decoder(maps)
    assert features.mask_features.shape == (2, 20, rows, columns)
    assert [memory.shape for memory in features.memories] == [(2, 32, *level.shape[-2:]) for level in maps[:0:-1]]


def test_every_level_reaches_every_other() -> None:
    decoder = scrambled(PixelDecoder((8, 9, 10, 11), width=32, layers=2, heads=4, feedforward=48), 0.2)
    maps = pyramid(16, 24)
    with torch.no_grad():
        before = decoder(maps)
        for number in range(1, 4):
            changed = [level + (i == number) * tensor(*level.shape, seed=9) for i, level in enumerate(maps)]
            after = decoder(changed)
            for old, new in zip(before.memories, after.memories, strict=True):
                assert (old - new).abs().max() > 1e-3
        finest = decoder([maps[0] + tensor(*maps[0].shape, seed=9), *maps[1:]])
    assert (finest.mask_features - before.mask_features).abs().max() > 1e-3
    assert torch.equal(finest.memories[0], before.memories[0])


def test_gradients_reach_every_parameter_of_the_pixel_decoder() -> None:
    decoder = scrambled(PixelDecoder((8, 9, 10, 11), width=32, layers=2, heads=4, feedforward=48), 0.2)
    features = decoder(pyramid(16, 24))
    (features.mask_features.square().mean() + sum(m.square().mean() for m in features.memories)).backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
