"""A dataset folder written with real files and read back; and the folders of development data where they are."""

from __future__ import annotations

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest
import tifffile

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.dataset import DatasetFolder, held_back_names, in_held_back


def labels_of(*boxes, shape=(21, 33)):
    labels = np.zeros(shape, np.uint16)
    for number, (row, column, rows, columns) in enumerate(boxes, start=1):
        labels[row : row + rows, column : column + columns] = number
    return labels


def write_plane(folder, name, image, labels, room="labels"):
    for part in ("images", room):
        (folder / part).mkdir(parents=True, exist_ok=True)
    iio.imwrite(folder / "images" / f"{name}.png", image)
    iio.imwrite(folder / room / f"{name}.png", labels)


def write_volume(folder, name, volume, labels):
    affine = np.diag([0.5, 0.5, 3.0, 1.0])
    for part, data in (("images", volume), ("labels", labels)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(np.ascontiguousarray(data.T), affine), folder / part / f"{name}.nii.gz")


@pytest.fixture
def grey():
    return np.random.default_rng(4).integers(0, 255, (21, 33), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, grey):
    """Three images of three, two and one objects."""
    boxes = [(1, 1, 4, 5), (8, 2, 6, 6), (3, 20, 9, 7)]
    for count in (3, 2, 1):
        write_plane(tmp_path, f"cells{count}", grey, labels_of(*boxes[:count]))
    return tmp_path


def keys(objects):
    return [(found.name, found.plane, found.object_id) for found in objects]


def test_names_are_sorted_and_other_files_do_not_matter(folder):
    (folder / "images" / "notes.txt").write_text("not an image")
    (folder / "images" / ".cells9.png").write_bytes(b"hidden")
    assert DatasetFolder(folder).names == ("cells1", "cells2", "cells3")


def test_a_sample_is_what_the_files_hold(tmp_path, grey):
    labels = labels_of((1, 1, 4, 5))
    labels[0, :7] = 65535
    write_plane(tmp_path, "cell", grey, labels)
    sample = DatasetFolder(tmp_path).sample("cell")
    assert sample.image.dtype == np.uint8
    np.testing.assert_array_equal(sample.image, grey)
    assert sample.labels.dtype == np.int32
    np.testing.assert_array_equal(sample.labels, np.where(labels == 65535, -1, labels.astype(int)))


def test_an_object_is_one_its_neighbours_zero_and_ignored_pixels_minus_one(tmp_path, grey):
    labels = labels_of((1, 1, 4, 5), (8, 2, 6, 6))
    labels[15:, :] = 65535
    write_plane(tmp_path, "cell", grey, labels)
    second = next(found for found in DatasetFolder(tmp_path).objects() if found.object_id == 2)
    expected = np.zeros((21, 33), np.int8)
    expected[8:14, 2:8] = 1
    expected[15:] = -1
    np.testing.assert_array_equal(second.truth, expected)
    assert second.truth.dtype == np.int8
    np.testing.assert_array_equal(second.image, np.repeat(grey[..., None], 3, axis=2))


def test_a_255_in_labels_is_an_object(tmp_path, grey):
    labels = labels_of((1, 1, 4, 5)).astype(np.uint8) * 255
    write_plane(tmp_path, "cell", grey, labels)
    assert keys(DatasetFolder(tmp_path).objects()) == [("cell", None, 255)]


def test_the_objects_are_always_the_same_and_more_contain_fewer(folder):
    everything = keys(DatasetFolder(folder).objects())
    assert len(everything) == 6 == len(set(everything))
    assert keys(DatasetFolder(folder).objects()) == everything
    two = keys(DatasetFolder(folder).objects(per_image=2))
    assert len(two) == 5
    assert set(keys(DatasetFolder(folder).objects(per_image=1))) < set(two) < set(everything)


def test_a_limit_takes_the_first_object_of_every_image_before_any_second(folder):
    dataset = DatasetFolder(folder)
    assert [name for name, _, _ in keys(dataset.objects(limit=3))] == ["cells1", "cells2", "cells3"]
    assert [name for name, _, _ in keys(dataset.objects(limit=5))] == ["cells1", "cells2", "cells2", "cells3", "cells3"]
    assert [name for name, _, _ in keys(dataset.objects(limit=1))] == ["cells2"]
    assert dataset.count(limit=99) == 6
    assert dataset.count(limit=4, per_image=1) == 3


def test_small_objects_can_be_left_out(folder):
    sizes = {int((found.truth == 1).sum()) for found in DatasetFolder(folder).objects(min_pixels=36)}
    assert sizes == {36, 63}


def test_a_volume_is_cut_where_the_object_is_largest(tmp_path):
    labels = np.zeros((5, 14, 19), np.int16)
    labels[1, 2:4, 2:4] = 1
    labels[3, 2:9, 2:7] = 1
    labels[0, 10:13, 5:9] = 2
    volume = np.random.default_rng(2).normal(size=labels.shape).astype(np.float32)
    write_volume(tmp_path, "brain", volume, labels)
    dataset = DatasetFolder(tmp_path)
    sample = dataset.sample("brain")
    assert sample.is_volume
    np.testing.assert_array_equal(sample.image, volume)
    found = {obj.object_id: obj for obj in dataset.objects()}
    assert {number: obj.plane for number, obj in found.items()} == {1: 3, 2: 0}
    np.testing.assert_array_equal(found[1].truth == 1, labels[3] == 1)
    assert found[1].image.shape == (14, 19, 3)


def test_another_folder_of_references(folder, grey):
    write_plane(folder, "cells1", grey, labels_of((2, 3, 5, 6)), room="labels_fine")
    for name in ("cells2", "cells3"):
        write_plane(folder, name, grey, labels_of(), room="labels_fine")
    assert keys(DatasetFolder(folder, labels="labels_fine").objects()) == [("cells1", None, 1)]


def test_the_splits_share_nothing_and_a_fifth_is_held_back(tmp_path, grey):
    for number in range(30):
        write_plane(tmp_path, f"{number:03}", grey, labels_of((1, 1, 4, 5)))
    train = set(DatasetFolder(tmp_path, split="train").names)
    held_back = set(DatasetFolder(tmp_path, split="held-back").names)
    assert not train & held_back
    assert train | held_back == set(DatasetFolder(tmp_path).names)
    assert held_back == {name for name in DatasetFolder(tmp_path).names if in_held_back(name)}
    assert 1700 < sum(in_held_back(str(number)) for number in range(10000)) < 2300


def test_the_split_of_a_name_never_changes():
    # sha1 of the name modulo 10, computed with sha1sum.
    assert not in_held_back("00071198d059ba7f")
    assert not in_held_back("section00")
    assert in_held_back("193ffaa5272d5c42")


def test_no_such_folder(tmp_path):
    with pytest.raises(ImageError, match=r"There is no folder .*images"):
        DatasetFolder(tmp_path / "nothing")


def test_no_images(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(ImageError, match="holds no images"):
        DatasetFolder(tmp_path)


def test_no_such_folder_of_references(folder):
    with pytest.raises(ImageError, match=r"There is no folder .*labels_mito"):
        DatasetFolder(folder, labels="labels_mito")


def test_an_image_without_a_reference(folder):
    (folder / "labels" / "cells2.png").unlink()
    with pytest.raises(ImageError, match=r"1 of 3 images .* have no reference, first 'cells2'"):
        DatasetFolder(folder)


def test_two_images_of_one_name(folder, grey):
    iio.imwrite(folder / "images" / "cells2.jpg", grey)
    with pytest.raises(ImageError, match="share the name 'cells2'"):
        DatasetFolder(folder)


def test_a_reference_of_another_shape(folder):
    iio.imwrite(folder / "labels" / "cells2.png", labels_of((1, 1, 4, 5), shape=(21, 32)))
    with pytest.raises(ImageError, match=r"'cells2' has the shape \(21, 32\) but the image \(21, 33\)"):
        DatasetFolder(folder).sample("cells2")


def test_references_without_objects(tmp_path, grey):
    write_plane(tmp_path, "cell", grey, labels_of())
    with pytest.raises(ImageError, match="hold no object"):
        next(DatasetFolder(tmp_path).objects())


def test_one_image_without_objects_is_left_out_and_said(folder, grey, caplog):
    write_plane(folder, "empty", grey, labels_of())
    assert "empty" not in {name for name, _, _ in keys(DatasetFolder(folder).objects())}
    assert "'empty'" in caplog.text


def test_a_reference_of_fractions(tmp_path):
    volume = np.zeros((3, 5, 7), np.float32)
    write_volume(tmp_path, "brain", volume, volume + 0.5)
    with pytest.raises(ImageError, match="not whole numbers"):
        DatasetFolder(tmp_path).sample("brain")


def test_a_damaged_image(folder):
    (folder / "images" / "cells2.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="cells2"):
        DatasetFolder(folder).sample("cells2")


def test_an_unknown_name_and_an_unknown_split(folder):
    with pytest.raises(UnknownNameError, match="Did you mean 'cells2'"):
        DatasetFolder(folder).sample("cels2")
    with pytest.raises(UnknownNameError, match="held-back"):
        DatasetFolder(folder, split="heldback")


@pytest.mark.parametrize(("name", "images"), [("grabcut", 50), ("sstem_vnc", 10), ("gala_fibsem", 2)])
def test_the_development_data_are_read(shared, name, images):
    dataset = DatasetFolder(shared / "data" / name)
    assert len(dataset.names) == images
    found = list(dataset.objects(limit=2))
    assert len(found) == 2
    for one in found:
        assert one.image.shape == (*one.truth.shape, 3)
        assert (one.truth == 1).any()


def test_a_small_set_holds_back_a_tenth_at_least_and_a_single_image_nothing() -> None:
    taken = [name for name in map(str, range(200)) if not in_held_back(name)]
    assert held_back_names(taken[:1]) == frozenset()
    assert len(held_back_names(taken[:2])) == 1
    assert len(held_back_names(taken[:10])) == 1
    assert len(held_back_names(taken[:11])) == 2
    # In whatever order they come, the same ones; where chance has taken enough, its own alone.
    assert held_back_names(taken[:10]) == held_back_names(reversed(taken[:10]))
    many = list(map(str, range(200)))
    assert held_back_names(many) == {name for name in many if in_held_back(name)}


def test_of_one_two_and_four_images_something_is_left_to_train_on_and_of_more_than_one_something_to_judge_by():
    names = list(map(str, range(200)))
    taken = [name for name in names if not in_held_back(name)]
    kept = [name for name in names if in_held_back(name)]
    # The luckiest and the unluckiest names, and a mixture.
    for some in (taken, kept, [taken[0], kept[0], taken[1], kept[1]]):
        assert held_back_names(some[:1]) == frozenset()
        assert len(held_back_names(some[:2])) == 1
        assert 1 <= len(held_back_names(some[:4])) <= 3
    assert held_back_names([]) == frozenset()


def test_a_single_volume_can_be_trained_on_whatever_its_name(tmp_path):
    name = next(name for name in map(str, range(200)) if in_held_back(name))
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
        tifffile.imwrite(tmp_path / part / f"{name}.tif", np.ones((5, 9, 11), np.uint8))
    assert DatasetFolder(tmp_path, split="train").names == (name,)
    with pytest.raises(ImageError, match="use 'all'"):
        DatasetFolder(tmp_path, split="held-back")
