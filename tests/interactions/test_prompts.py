"""What a prompt holds."""

from __future__ import annotations

import numpy as np

from napari_iseg.interactions import MaskPrompt


def test_a_mask_prompt_is_the_mask_that_was_given_and_takes_little_memory() -> None:
    mask = np.zeros((2000, 1500), bool)
    mask[700:731, 20:45] = True
    mask[710, 30] = False
    prompt = MaskPrompt(mask)
    mask[0, 0] = True
    assert not prompt.mask[0, 0]
    mask[0, 0] = False
    assert prompt.mask.dtype == bool
    assert np.array_equal(prompt.mask, mask)
    assert prompt.shape == (2000, 1500)
    assert prompt.nbytes < 200
    soft = np.random.default_rng(0).random((7, 5)).astype(np.float32) * mask[705:712, 25:30]
    assert np.array_equal(MaskPrompt(soft).mask, soft)
    assert MaskPrompt(soft).mask.dtype == np.float32
    assert not MaskPrompt(np.zeros((3, 4), bool)).mask.any()
