"""The dock "Adapt" in a real window, with real training in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from tests.seeded import TINY, seeded_network
from tests.training.test_adapting import example

from napari_iseg.inference.importing import import_weights
from napari_iseg.models.simpleclick import FAMILY
from napari_iseg.ui._adapt_widget import AdaptWidget
from napari_iseg.zoo.weights import names_for

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def open_dock(make_napari_viewer: Any, qtbot: Any) -> Callable[..., tuple[Any, AdaptWidget]]:
    """Return a function that opens a window with the dock."""

    def open_window() -> tuple[Any, AdaptWidget]:
        viewer = make_napari_viewer(show=True)
        widget = AdaptWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Adapt", area="right")
        qtbot.wait(50)
        return viewer, widget

    return open_window


def add(viewer: Any, name: str) -> None:
    one = example(name)
    viewer.add_image(one.rgb, name=name, rgb=True)
    viewer.add_labels(one.labels, name=f"{name} labels")


def finished(qtbot: Any, widget: AdaptWidget, seconds: int) -> None:
    qtbot.waitUntil(lambda: not widget.running, timeout=seconds * 1000)


def test_labels_are_listed_with_the_image_that_they_fit(open_dock: Callable[..., tuple[Any, AdaptWidget]]) -> None:
    viewer, widget = open_dock()
    assert widget.pairs.count() == 0
    add(viewer, "first")
    add(viewer, "second")
    viewer.add_labels(np.zeros((7, 9), int), name="of another shape")
    texts = [widget.pairs.item(row).text() for row in range(widget.pairs.count())]
    assert texts == ["first labels  on  first", "second labels  on  second"]
    widget.pairs.item(0).setCheckState(Qt.CheckState.Unchecked)
    add(viewer, "third")
    ticks = [widget.pairs.item(row).checkState() == Qt.CheckState.Checked for row in range(3)]
    assert ticks == [False, True, True]
    # Any image of its shape will do where none has its name.
    del viewer.layers["first"]
    assert widget.pairs.item(0).text() == "first labels  on  second"


def test_it_runs_in_a_thread_shows_its_course_and_can_be_stopped(
    open_dock: Callable[..., tuple[Any, AdaptWidget]], qtbot: Any, user_folder: Any
) -> None:
    viewer, widget = open_dock()
    for name in ("a", "b"):
        add(viewer, name)
    qtbot.mouseClick(widget.start_button, Qt.MouseButton.LeftButton)
    assert widget.running
    assert not widget.start_button.isEnabled()
    qtbot.waitUntil(lambda: "crops learned from" in widget.report.text(), timeout=120_000)
    qtbot.waitUntil(lambda: widget._latest.samples >= 8, timeout=120_000)
    assert widget.bar.value() > 0
    qtbot.mouseClick(widget.stop_button, Qt.MouseButton.LeftButton)
    finished(qtbot, widget, 120)
    assert "before" in widget.report.text()
    # It was stopped before anything could be better.
    assert "nothing was written" in widget.report.text()
    assert not user_folder.exists()
    assert "mine" not in names_for("cfr-icl")


def test_a_whole_adaptation_ends_with_weights_that_the_window_offers(
    open_dock: Callable[..., tuple[Any, AdaptWidget]], qtbot: Any, user_folder: Any, tmp_path: Any, notes: list[str]
) -> None:
    # Weights that have learned nothing, of a network small enough to learn within the shortest time there is.
    FAMILY.save(tmp_path / "blank.safetensors", seeded_network(TINY), {})
    import_weights(tmp_path / "blank.safetensors", name="blank", method="simpleclick")
    viewer, widget = open_dock()
    for name in ("a", "b", "c", "d", "e"):
        add(viewer, name)
    widget.method_box.setCurrentText("simpleclick")
    widget.weights_box.setCurrentText("blank")
    assert widget.weights_box.currentText() == "blank"
    widget.name_edit.clear()
    qtbot.keyClicks(widget.name_edit, "my-discs")
    widget.minutes_box.setValue(1)
    qtbot.mouseClick(widget.start_button, Qt.MouseButton.LeftButton)
    told = set()
    qtbot.waitUntil(lambda: bool(told.add(widget.bar.value())) or not widget.running, timeout=180_000)
    assert len(told) > 5, "The bar moved on while it learned."
    assert widget.bar.value() == widget.bar.maximum()
    assert widget.start_button.isEnabled()
    assert not widget.stop_button.isEnabled()
    assert "before" in widget.report.text()
    assert "after" in widget.report.text()
    assert "They are the weights 'my-discs' now." in widget.report.text()
    assert "'my-discs'" in notes[-1]
    assert widget.weights_box.currentText() == "my-discs"
    assert {"blank", "my-discs"} <= set(names_for("simpleclick"))
    assert (user_folder / "my-discs.safetensors").is_file()
    assert "| after |" in (user_folder / "my-discs.md").read_text()
    assert len(widget._latest.scores) >= 2


def test_what_is_missing_is_told(
    open_dock: Callable[..., tuple[Any, AdaptWidget]], qtbot: Any, notes: list[str]
) -> None:
    viewer, widget = open_dock()
    widget.start()
    assert "no labelled image" in notes[-1]
    viewer.add_image(np.zeros((30, 40)), name="image")
    viewer.add_labels(np.zeros((30, 40), int), name="labels")
    widget.start()
    assert "are empty" in notes[-1]
    viewer.layers["labels"].data[3:9, 3:9] = 1
    widget.start()
    finished(qtbot, widget, 60)
    assert "1 labelled objects" in widget.report.text()
    widget.name_edit.setText("cfr-icl-small")
    widget.start()
    finished(qtbot, widget, 60)
    assert "already" in widget.report.text()
