"""The dock "Evaluate" in a real window, with real methods in a thread."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool
from tests.ui.conftest import DISCS, Hand, _keep_context_current, disc

from napari_iseg.evaluation import ObjectResult, evaluate_objects
from napari_iseg.evaluation.objects import published_options
from napari_iseg.inference.opening import make_predictor
from napari_iseg.interactions import Click
from napari_iseg.io.labelled_arrays import LabelledArray, PlacedObject
from napari_iseg.ui._evaluate_model import EvaluateModel, EvaluateSorting
from napari_iseg.ui._evaluate_widget import EvaluateWidget
from napari_iseg.ui._evaluate_work import Contestant, Evaluation, Wish
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWN = {"Evaluate: clicks", "Evaluate: answer", "Evaluate: reference"}


@pytest.fixture
def open_dock(make_napari_viewer: Any, qtbot: Any) -> Any:
    """Return a function that opens a window with the dock, and with an image and its reference."""

    def open_window(image: np.ndarray | None = None, labels: np.ndarray | None = None, **options: Any) -> Any:
        viewer = make_napari_viewer(show=True)
        _keep_context_current(viewer)
        widget = EvaluateWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Evaluate", area="right")
        if image is not None:
            viewer.add_image(image, name="cells", **options)
        if labels is not None:
            viewer.add_labels(labels, name="drawn", **options)
        qtbot.wait(50)
        return viewer, widget

    yield open_window
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=60_000)


@pytest.fixture
def drawn() -> np.ndarray:
    """(81, 123) int32: the discs 1, 2 and 5, each a little larger than what is seen of it."""
    rows, columns = np.mgrid[:81, :123]
    labels = np.zeros((81, 123), np.int32)
    for value, (row, column) in zip((1, 2, 5), DISCS, strict=True):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= 169] = value
    return labels


def run(widget: EvaluateWidget, qtbot: Any, *methods: str) -> Evaluation:
    """Start by the mouse and wait until it is done."""
    widget.form.methods.tick(*methods)
    widget.form.clicks_box.setValue(4)
    qtbot.mouseClick(widget.start_button, Qt.MouseButton.LeftButton)
    assert widget.running
    qtbot.waitUntil(lambda: not widget.running, timeout=240_000)
    assert widget.evaluation is not None
    return widget.evaluation


def texts(widget: EvaluateWidget) -> list[list[str]]:
    """Return what the table shows, row by row."""
    model = widget.results.table.sorting
    return [
        [str(model.index(row, column).data()) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def click_row(widget: EvaluateWidget, qtbot: Any, row: int, column: int) -> int:
    """Click a cell of the table; return the number of its object."""
    table = widget.results.table
    place = table.visualRect(table.sorting.index(row, column)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.wait(50)
    return table.object_at(row)


def test_its_numbers_are_those_of_the_evaluation_itself_and_can_be_saved(
    open_dock: Any, qtbot: Any, discs: np.ndarray, drawn: np.ndarray, tmp_path: Path
) -> None:
    _, widget = open_dock(discs, drawn)
    assert "Choose an image and a Labels layer" in widget.status.text()
    assert not widget.results.isVisible()
    evaluation = run(widget, qtbot, "random-walker", "geodesic")
    assert widget.evaluation.names == ["random-walker", "geodesic"]
    whole = LabelledArray("cells", discs, drawn, evaluation.source.planes)
    for method, results in zip(("random-walker", "geodesic"), evaluation.results, strict=True):
        predictor = make_predictor(method, options=published_options(find_method(method)))
        expected = evaluate_objects(predictor, whole.objects(evaluation.places), max_clicks=4)
        assert [(r.object_id, r.prompts, r.ious, r.masks, r.error) for r in results] == [
            (r.object_id, r.prompts, r.ious, r.masks, r.error) for r in expected
        ]
    rows = texts(widget)
    assert {row[1] for row in rows} == {"1", "2", "5"}
    shown = {(row[1], row[3]) for row in rows}
    assert shown == {(str(r.object_id), f"{r.ious[-1]:.2f}") for r in evaluation.results[0]}
    assert widget.results.table.isColumnHidden(0), "An image of one plane needs no column for it."
    badness = [0 if row[2] == "-" else float(row[2].replace(">", "1")) for row in rows]
    assert badness == sorted(badness, reverse=True), "The worst come first."
    report = evaluation.reports()[0]
    assert f"{report.noc(0.90):.2f}" in widget.results.summary.text()
    curve = widget.results.curves.curve.figure.axes[0].get_lines()
    means = [np.mean([r.ious[min(n, len(r.ious) - 1)] for r in evaluation.results[0]]) for n in range(4)]
    assert np.allclose(curve[1].get_ydata(), means)
    widget.save(tmp_path / "saved.json")
    qtbot.waitUntil(lambda: "Saved" in widget.status.text(), timeout=20_000)
    written = json.loads(next(tmp_path.glob("saved*.json")).read_text())
    assert {run["settings"]["labels"] for run in written.get("runs", [written])} == {"drawn"}
    table = list(csv.DictReader((tmp_path / "saved.csv").read_text(encoding="utf-8").splitlines()))
    assert [(line["contestant"], line["object"]) for line in table] == [
        (method, str(place.object_id)) for method in ("random-walker", "geodesic") for place in evaluation.places
    ]


def test_a_row_goes_to_its_plane_and_replays_its_clicks_step_by_step(
    open_dock: Any, qtbot: Any, discs: np.ndarray, drawn: np.ndarray
) -> None:
    stack = np.stack([discs, discs, discs])
    labels = np.zeros(stack.shape, np.int32)
    labels[0][disc(0)] = 4
    labels[2][drawn == 1] = 4
    labels[1][drawn == 2] = 9
    viewer, widget = open_dock(stack, labels, scale=(3, 0.5, 0.5), translate=(0, 10, 0))
    viewer.dims.set_current_step(0, 0)
    active = viewer.layers.selection.active
    assert widget.form.plane_box.isVisible()
    evaluation = run(widget, qtbot, "geodesic")
    assert {(place.plane, place.object_id) for place in evaluation.places} == {(2, 4), (1, 9)}, "The largest planes."
    index = click_row(widget, qtbot, 0, 3)
    result, replay = evaluation.results[0][index], widget.results.replay
    assert viewer.dims.current_step[0] == result.plane
    assert OWN <= {layer.name for layer in viewer.layers}
    assert viewer.layers.selection.active is active
    answer, clicks = viewer.layers["Evaluate: answer"], viewer.layers["Evaluate: clicks"]
    reference = viewer.layers["Evaluate: reference"]
    assert not any(viewer.layers[name].editable for name in OWN)
    assert replay.step == len(result.prompts) > 0
    replay.first()
    assert not answer.data.any()
    assert not clicks.shown.any()
    for step, mask in enumerate(result.masks, start=1):
        qtbot.mouseClick(replay.forward_button, Qt.MouseButton.LeftButton)
        assert replay.step == step
        assert answer.data.shape == (1, 81, 123)
        assert np.array_equal(answer.data[0] > 0, mask.mask())
        assert list(clicks.shown) == [n < step for n in range(len(result.prompts))]
        click = result.prompts[step - 1]
        sign = "positive" if click.positive else "negative"
        words = f"Click {step} of {len(result.prompts)}: {sign} at ({click.row:.0f}, {click.column:.0f}), IoU "
        assert replay.words.text() == f"{words}{result.ious[step - 1]:.2f}"
    assert not replay.forward_button.isEnabled()
    assert [tuple(point) for point in clicks.data] == [(result.plane, c.row, c.column) for c in result.prompts]
    # They lie where the image lies, also along the axis that is not shown.
    assert np.allclose(clicks.data_to_world(clicks.data[0]), viewer.layers["cells"].data_to_world(clicks.data[0]))
    corner = viewer.layers["cells"].data_to_world((result.plane, 7, 9))
    assert np.allclose(reference.data_to_world((0, 7, 9)), corner)
    edge = reference.data[0] > 0
    assert edge.any()
    assert not (edge & ~(labels[result.plane] == result.object_id)).any()
    qtbot.mouseClick(replay.play_button, Qt.MouseButton.LeftButton)
    assert replay.step == 0
    qtbot.waitUntil(lambda: replay.step == len(result.prompts) and not replay.playing, timeout=10_000)
    other = click_row(widget, qtbot, 1, 3)
    assert viewer.dims.current_step[0] == evaluation.results[0][other].plane
    assert np.array_equal(answer.data[0] > 0, evaluation.results[0][other].masks[-1].mask())
    qtbot.mouseClick(widget.clear_button, Qt.MouseButton.LeftButton)
    assert [layer.name for layer in viewer.layers] == ["cells", "drawn"]
    assert not widget.results.isVisible()
    # The plane that is shown and no other: there the object is smaller.
    viewer.dims.set_current_step(0, 0)
    widget.form.plane_box.setChecked(True)
    widget.form.prompt_box.setCurrentIndex(widget.form.prompt_box.findData("box"))
    evaluation = run(widget, qtbot, "geodesic")
    assert [(place.plane, place.object_id) for place in evaluation.places] == [(0, 4)]
    assert [len(result.prompts) for result in evaluation.results[0]] == [1]
    assert "mean IoU" in widget.results.summary.text()
    click_row(widget, qtbot, 0, 2)
    assert len(viewer.layers["Evaluate: scribbles and boxes"].data) == 1
    assert widget.results.replay.words.text().startswith("Box 1 of 1: rows ")


def test_cancel_keeps_what_was_done_and_taking_the_dock_away_ends_the_work(
    open_dock: Any, qtbot: Any, dots: np.ndarray
) -> None:
    from skimage.measure import label

    viewer, widget = open_dock(dots, label(dots > 100).astype(np.int32))
    widget.form.methods.tick("random-walker")
    widget.form.objects_box.setValue(0)
    widget.form.target_box.setValue(1.0)
    qtbot.mouseClick(widget.start_button, Qt.MouseButton.LeftButton)
    assert not widget.start_button.isEnabled()
    assert not widget.form.isEnabled()
    evaluation = widget.evaluation
    qtbot.waitUntil(lambda: evaluation.done >= 2 and widget.bar.value() >= 2, timeout=240_000)
    assert "random-walker, object " in widget.bar.format()
    assert widget.bar.maximum() == 40
    qtbot.mouseClick(widget.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert 2 <= evaluation.done < 40
    assert all(result.error is None and result.ious for result in evaluation.results[0])
    assert f"Cancelled after {evaluation.done} of 40" in widget.status.text()
    assert len(texts(widget)) == evaluation.done
    assert widget.save_button.isEnabled()
    assert widget.form.isEnabled()
    click_row(widget, qtbot, 0, 2)
    assert OWN <= {layer.name for layer in viewer.layers}
    qtbot.mouseClick(widget.start_button, Qt.MouseButton.LeftButton)
    again = widget.evaluation
    assert again is not evaluation
    assert [layer.name for layer in viewer.layers] == ["cells", "drawn"]
    qtbot.waitUntil(lambda: again.done >= 1, timeout=60_000)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20_000)
    assert again.stopped
    assert again.done < 40


def test_what_is_missing_or_does_not_fit_is_said_in_the_dock(
    open_dock: Any, qtbot: Any, discs: np.ndarray, drawn: np.ndarray
) -> None:
    viewer, widget = open_dock()

    def start() -> str:
        widget.start()
        qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
        return str(widget.status.text())

    assert "There is no image yet" in start()
    viewer.add_image(discs, name="cells")
    assert "There is no Labels layer to judge by" in start()
    other = viewer.add_labels(np.ones((7, 9), np.int32), name="small")
    assert "'small' has the shape (7, 9), but the image 'cells' has (81, 123)" in start()
    empty = viewer.add_labels(np.zeros_like(drawn), name="empty")
    assert widget.form.reference is other, "What was chosen stays chosen when a layer comes."
    viewer.layers.remove(other)
    assert widget.form.reference is empty
    assert "The reference 'empty' holds no object" in start()
    assert widget.evaluation is None
    widget.form.methods.tick()
    assert "No method is ticked" in start()
    viewer.dims.ndisplay = 3
    widget.form.methods.tick("geodesic")
    assert "go back from 3-D to 2-D" in start()


def test_a_method_that_cannot_be_loaded_is_left_out_and_one_that_fails_counts_as_not_reached(
    qtbot: Any, discs: np.ndarray, drawn: np.ndarray
) -> None:
    from napari_iseg.planes import PlaneAddress

    wish = Wish((Contestant("focalclick", "nowhere.safetensors"), Contestant("geodesic")), max_clicks=3)
    evaluation = Evaluation(lambda: LabelledArray("cells", discs, drawn, {None: PlaneAddress()}), wish)
    evaluation.run(lambda: False)
    assert "There is no weights file nowhere.safetensors" in evaluation.errors[0]
    assert [len(results) for results in evaluation.results] == [0, 3]
    assert evaluation.total == evaluation.done == 3
    assert [report.settings["name"] for report in evaluation.reports()] == ["geodesic"]
    assert evaluation.names[0] == "focalclick@nowhere.safetensors"
    failed = ObjectResult("cells", None, 1, [Click(2, 3)], [0.5], [0.1], error="RuntimeError: no room")
    evaluation.results[1][1] = failed
    model = EvaluateModel()
    model.show(evaluation)
    sorting = EvaluateSorting(model)
    sorting.sort(4, Qt.SortOrder.DescendingOrder)
    worst = sorting.index(0, 4)
    assert worst.data() == "error"
    assert "no room" in worst.data(Qt.ItemDataRole.ToolTipRole)
    assert model.index(0, 2).data() == "", "It has no results of the method that was left out."
    assert evaluation.reports()[0].failed == 1


def test_rows_grow_while_it_runs_and_keep_their_order() -> None:
    evaluation = Evaluation(lambda: None, Wish((Contestant("geodesic"), Contestant("random-walker"))))  # type: ignore[arg-type]
    evaluation.places = [PlacedObject(None, n, 5) for n in (3, 1, 2)]
    model = EvaluateModel()
    model.show(evaluation)
    assert not model.refresh()
    for n, ious in ((3, [0.95]), (1, [0.2, 0.3])):
        evaluation.results[0].append(ObjectResult("", None, n, [], ious))
    assert model.refresh()
    assert [model.index(row, 2).data() for row in range(model.rowCount())] == ["1", ">20"]
    evaluation.results[1].append(ObjectResult("", None, 3, [], [0.5, 0.92]))
    changed: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    assert model.refresh()
    assert changed == [(0, 0)]
    assert model.index(0, 4).data() == "2"


def test_the_segment_dock_beside_it_takes_no_notice(
    open_hand: Callable[..., Hand], discs: np.ndarray, drawn: np.ndarray, qtbot: Any
) -> None:
    hand = open_hand(discs, name="cells")
    widget = EvaluateWidget(hand.viewer)
    hand.viewer.window.add_dock_widget(widget, name="Evaluate", area="right")
    hand.viewer.add_labels(drawn, name="drawn")
    hand.click(*DISCS[0])
    hand.wait()
    before = hand.mask
    assert before.any()
    names = [widget.form.labels_box.itemText(row) for row in range(widget.form.labels_box.count())]
    assert names == ["drawn", "Objects"]
    widget.form.labels_box.setCurrentText("drawn")
    run(widget, qtbot, "geodesic")
    click_row(widget, qtbot, 0, 2)
    assert OWN <= {layer.name for layer in hand.viewer.layers}
    hand.wait()
    assert np.array_equal(hand.mask, before)
    assert hand.widget.controller.image is hand.layer("cells")
    assert [image.name for image in hand.widget.controller.images] == ["cells"]
    take_over = hand.widget.objects.take_over.layer_box
    assert [take_over.itemText(row) for row in range(take_over.count())] == ["drawn"]
    assert [widget.form.labels_box.itemText(row) for row in range(widget.form.labels_box.count())] == names
    hand.undo()
    hand.wait()
    assert not hand.mask.any(), "Undo takes the click back, not a step of the replay."
    widget.clear()
    assert not OWN & {layer.name for layer in hand.viewer.layers}


def test_the_dock_is_there_before_torch() -> None:
    code = (
        "import sys, napari_iseg.ui._evaluate_widget\n"
        "print(*({'torch', 'timm', 'torchvision', 'napari_iseg.evaluation'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_widget_is_in_the_menu_of_plugins() -> None:
    from npe2 import PluginManifest

    import napari_iseg

    manifest = PluginManifest.from_file(f"{napari_iseg.__path__[0]}/napari.yaml")
    found = {widget.display_name: widget.command for widget in manifest.contributions.widgets or []}
    assert found["Evaluate"] == "napari-iseg.evaluate"
