"""The same image and clicks give the same mask in the window and on the command line, both at their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_iseg.cli import main
from napari_iseg.ui._loading import load_method
from napari_iseg.ui._method_choice import MethodChoice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.conftest import Hand

CLICKS = ((40, 52, True), (10, 12, False))


def volume(kind: str) -> np.ndarray:
    """Return a disc in a stack whose values have a few far outliers: percentiles and range differ widely."""
    rows, columns = np.mgrid[:81, :99]
    plane = 400 + 120 * ((rows - 40) ** 2 + (columns - 50) ** 2 <= 250)
    noise = np.random.default_rng(2).normal(0, 50, (5, *plane.shape))
    stack = plane + noise
    stack[1, 3, 5] = 4000
    return stack.astype(kind)


@pytest.mark.parametrize("kind", ["uint16", "float32", "uint8"])
def test_window_and_command_line_give_the_same_mask(
    open_hand: Callable[..., Hand], tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "stack.ome.tif"
    data = np.clip(volume("float64") / 16, 0, 255).astype("uint8") if kind == "uint8" else volume(kind)
    tifffile.imwrite(path, data, metadata={"axes": "ZYX"})
    hand = open_hand(load=load_method)
    hand.widget.controller.use(MethodChoice("random-walker"))
    hand.viewer.open(str(path), plugin="napari-iseg")
    hand.viewer.dims.set_current_step(0, 2)
    hand.viewer.reset_view()
    hand.qtbot.wait(300)
    hand.wait()
    image = hand.viewer.layers[0]
    for row, column, positive in CLICKS:
        hand.click_data(image, 2, row, column, right=not positive)
        hand.wait()
    work = hand.widget.controller.work
    assert work is not None
    assert work.session is not None
    clicks = [f"{one.row!r},{one.column!r},{'+' if one.positive else '-'}" for one in work.prompts]
    typed = [part for click in clicks for part in ("--click", click)]
    arguments = ["segment", str(path), "-o", str(tmp_path / "mask.tif"), "--method", "random-walker", "--plane", "2"]
    for contrast, same in ((None, True), ("automatic", kind == "uint8")):
        with pytest.raises(SystemExit) as end:
            main([*arguments, *typed, *(["--contrast", contrast] if contrast else [])])
        assert not end.value.code, capsys.readouterr().err
        found = tifffile.imread(tmp_path / "mask.tif")[2] > 0
        assert found.any()
        assert np.array_equal(found, work.session.mask) == same
