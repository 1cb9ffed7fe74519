"""Folders with something wrong in them: what cannot be evaluated is named with its file, and the rest is evaluated."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest

from napari_iseg.errors import ImageError
from napari_iseg.evaluation import ObjectResult, Report, evaluate_folder, evaluate_objects
from napari_iseg.evaluation.remarks import remarks
from napari_iseg.inference.opening import make_predictor
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.dataset import DatasetFolder

SHAPE = (43, 57)


def labels_with(*sizes):
    """Return labels with a block of each size, (rows, columns)."""
    labels = np.zeros(SHAPE, np.uint16)
    for number, (rows, columns) in enumerate(sizes, start=1):
        labels[5 : 5 + rows, 20 * number - 15 : 20 * number - 15 + columns] = number
    return labels


def write_image(folder, name, labels):
    noise = np.random.default_rng(3).normal(60, 6, SHAPE)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    iio.imwrite(folder / "images" / f"{name}.png", (noise + 110 * (labels > 0)).clip(0, 255).astype(np.uint8))


def write_pair(folder, name, labels):
    write_image(folder, name, labels)
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    iio.imwrite(folder / "labels" / f"{name}.png", labels)


@pytest.fixture
def good(tmp_path):
    """One image of an object of 300 pixels and one of four."""
    write_pair(tmp_path / "data", "good", labels_with((20, 15), (2, 2)))
    return tmp_path / "data"


class Fails:
    """A method that fails with what lies on the right."""

    def __init__(self, predictor):
        self.options, self.encode, self._predict = predictor.options, predictor.encode, predictor.predict

    def predict(self, encoding, prompts, previous, **keywords):
        if prompts[-1].column > 24:
            raise RuntimeError("out of memory")
        return self._predict(encoding, prompts, previous, **keywords)


def spoil(folder, what):
    """Add one bad file; return the name of the file that is to be named."""
    name = what.replace(" ", "-")
    if what == "no objects":
        write_pair(folder, name, labels_with())
    elif what == "no reference":
        write_image(folder, name, labels_with((9, 9)))
    elif what == "no image":
        iio.imwrite(folder / "labels" / f"{name}.png", labels_with((9, 9)))
    elif what == "another shape":
        write_pair(folder, name, labels_with((9, 9)))
        iio.imwrite(folder / "labels" / f"{name}.png", labels_with((9, 9))[:-2])
    elif what == "no image file":
        write_pair(folder, name, labels_with((9, 9)))
        (folder / "images" / f"{name}.png").write_bytes(b"nothing of the kind")
    elif what == "fractions":
        write_pair(folder, name, labels_with((9, 9)))
        (folder / "labels" / f"{name}.png").unlink()
        iio.imwrite(folder / "labels" / f"{name}.tif", np.full(SHAPE, 0.3, np.float32))
    return name


BAD = ("no objects", "no reference", "no image", "another shape", "no image file", "fractions")


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_named_and_left_out_and_the_rest_is_evaluated(good, what):
    name = spoil(good, what)
    bad_input = BadInput("skip")
    report = evaluate_folder("geodesic", good, bad_input=bad_input, max_clicks=3)
    assert {result.name for result in report.results} == {"good"}
    assert len(report.results) == 2
    (bad,) = bad_input.found
    assert str(good) in bad.sentence
    assert name in bad.sentence
    assert report.settings["files_left_out"] == 1


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_can_be_the_end_with_its_name(good, what):
    name = spoil(good, what)
    with pytest.raises(ImageError, match=name):
        evaluate_folder("geodesic", good, bad_input=BadInput("stop"), max_clicks=1)


def test_another_shape_is_told_with_both_shapes_and_the_reference_s_file(good):
    spoil(good, "another shape")
    with pytest.raises(ImageError, match=r"\(41, 57\) but the image \(43, 57\); correct .*labels.another-shape\.png"):
        evaluate_folder("geodesic", good, max_clicks=1)


def test_references_without_a_single_object_are_no_evaluation(tmp_path):
    write_pair(tmp_path / "data", "bare", labels_with())
    with pytest.raises(ImageError, match="hold no object of at least 1 pixels"):
        evaluate_folder("geodesic", tmp_path / "data", bad_input=BadInput("skip"))


def test_objects_of_a_few_pixels_are_evaluated_and_named(good):
    report = evaluate_folder("geodesic", good, max_clicks=2)
    assert sorted(result.measures["pixels"] for result in report.results) == [4, 300]
    (sentence,) = remarks(report)
    assert sentence == (
        "1 object has fewer than 10 pixels, the first object 2 of 'good'; --min-pixels 10 leaves them out."
    )
    assert remarks(evaluate_folder("geodesic", good, max_clicks=2, min_pixels=10)) == []


def test_a_method_that_fails_on_an_object_is_told_with_the_object_and_the_reason(good):
    predictor = Fails(make_predictor("geodesic"))
    results = evaluate_objects(predictor, DatasetFolder(good).objects(min_pixels=1))
    report = Report(results)
    assert report.summary()["failed"] == 1
    assert report.noc(0.9) == pytest.approx((20 + len(next(one for one in results if one.error is None).ious)) / 2)
    assert remarks(report)[0] == (
        "The method failed on 1 object, which is in the table as 20 clicks; the first was object 2 of 'good': "
        "RuntimeError: out of memory"
    )


def test_remarks_speak_of_several_objects_on_planes_and_of_what_is_given_once():
    failed = [ObjectResult("a", 3, 7, error="RuntimeError: no"), ObjectResult("b", 0, 1, error="RuntimeError: no")]
    assert remarks(Report(failed, prompt="box")) == [
        "The method failed on 2 objects, which are in the table as an IoU of 0; the first was object 7 of 'a' on plane "
        "3: RuntimeError: no"
    ]
    assert remarks(Report([ObjectResult("a", ious=[1.0], measures={"pixels": 10})])) == []
