"""Work in threads: when it is over nothing is held on to, however long the window stays open."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

from napari_iseg.ui._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import Hand


class Large:
    """Stands for the planes, masks and objects that work is about."""


@pytest.mark.parametrize("fails", [False, True])
def test_work_that_is_over_is_let_go(open_hand: Callable[..., Hand], fails: bool) -> None:
    hand = open_hand()
    workers, arrived = Workers(hand.widget), []
    large, about = Large(), Large()
    seen = ref(large), ref(about)

    def work(_cancelled: Any, large: Large = large) -> str:
        if fails:
            raise ValueError(type(large).__name__)
        return type(large).__name__

    def done(answer: Any, about: Large = about) -> None:
        arrived.append((answer, type(about).__name__))

    workers.start(work, done, lambda error, _about=about: arrived.append((str(error), "Large")))
    del large, about, work, done
    hand.qtbot.waitUntil(lambda: not workers.busy, timeout=10000)
    assert arrived == [("Large", "Large")]
    gc.collect()
    assert [one() for one in seen] == [None, None]
