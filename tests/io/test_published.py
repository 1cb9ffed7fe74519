"""Published data sets: a small folder in each published layout, with real files, opened without saying which it is."""

from __future__ import annotations

import json
import pickle
from functools import partial
from io import BytesIO

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image
from scipy.io import savemat

from napari_iseg.errors import ImageError, UnknownNameError
from napari_iseg.io.bad_input import BadInput
from napari_iseg.io.dataset import in_held_back
from napari_iseg.io.datasets import kinds_of_labels, layout_names, layout_of, open_dataset
from napari_iseg.io.published import LAYOUTS
from napari_iseg.io.published.coco_masks import decode_mask, in_layers
from napari_iseg.io.published.pickles import read_annotation_pickle

SHAPE = (19, 27)
RNG = np.random.default_rng(7)


def photo(shape=SHAPE):
    return RNG.integers(0, 255, (*shape, 3), dtype=np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, array)


def blocks(*values, dtype=np.uint8):
    """Return a plane with a block of 4 x 5 pixels for each value, side by side on row 3."""
    plane = np.zeros(SHAPE, dtype)
    for place, value in enumerate(values):
        plane[3:7, 1 + 6 * place : 6 + 6 * place] = value
    return plane


def make_grabcut(root):
    write(root / "data_GT" / "llama.jpg", photo())
    write(root / "data_GT" / "flower.v2.bmp", photo())
    write(root / "boundary_GT" / "llama.bmp", blocks(64, 128, 255))
    write(root / "boundary_GT" / "flower.bmp", blocks(127, 129))


def make_berkeley(root):
    for name in ("3096", "12084"):
        write(root / "images" / f"{name}.jpg", photo())
        write(root / "masks" / f"{name}.png", np.repeat(blocks(255, 128)[..., None], 3, axis=2))


def make_davis(root):
    colours = np.zeros((*SHAPE, 3), np.uint8)
    colours[2:5, 2:6, 0] = 128
    colours[9:12, 12:20, 2] = 1
    for name in ("bear_00000", "bear_00012"):
        write(root / "img" / f"{name}.jpg", photo())
        write(root / "gt" / f"{name}.png", colours)


def make_davis585(root):
    """Draw two frames of a bear and one of a car; the bear's first has two objects, of which one has no masks."""
    for folder, frame, objects in (("bear", "00000", (1, 2)), ("bear", "00009", (1,)), ("car", "00009", (1,))):
        write(root / folder / f"{frame}.jpg", photo())
        for number in objects:
            truth = blocks(*(255 if place == number else 128 for place in (1, 2)))
            write(root / folder / f"object{number}_{frame}.png", np.repeat(truth[..., None], 3, axis=2))
            if number == 1:
                for kind, row in (("sp", 4), ("stm", 5)):
                    start = truth.copy()
                    start[row:] = 0
                    write(root / folder / f"init_{kind}_object{number}_{frame}.png", start)


def make_sbd(root):
    (root / "inst").mkdir(parents=True)
    for name in ("2008_000001", "2008_000002", "2008_000003"):
        write(root / "img" / f"{name}.jpg", photo())
        instances = {
            "Segmentation": blocks(1, 2, 255),
            "Boundaries": np.zeros((2, 1)),
            "Categories": np.array([[3], [7]]),
        }
        savemat(root / "inst" / f"{name}.mat", {"GTinst": instances})
    (root / "train.txt").write_text("2008_000001\n2008_000003\n")
    (root / "val.txt").write_text("2008_000002\n")


def make_voc(root):
    palette = RNG.integers(0, 255, 768, dtype=np.uint8)
    # Two instances of one colour: told apart by their index only.
    palette[6:9] = palette[3:6]
    for name in ("2007_000032", "2007_000039"):
        write(root / "JPEGImages" / f"{name}.jpg", photo())
        image = Image.fromarray(blocks(1, 2, 255))
        image.putpalette(palette.tobytes())
        (root / "SegmentationObject").mkdir(exist_ok=True)
        image.save(root / "SegmentationObject" / f"{name}.png")
    write(root / "JPEGImages" / "2007_000027.jpg", photo())  # of detection only: in no list
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000032\n")
    (lists / "val.txt").write_text("2007_000039\n")


def make_sstem(root):
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:5, 2:6] = 255
    mask[5:9, 6:10] = 255  # touches the first at a corner
    mask[12, 20] = 255
    for name in ("00", "01"):
        (root / "raw").mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / "raw" / f"{name}.tif", photo()[..., 0])
        write(root / "mitochondria" / f"{name}.png", mask)


def classes():
    """Return (5, 19, 27) with oedema (2), necrosis (1) and enhancing tumour (4)."""
    volume = np.zeros((5, *SHAPE), np.int16)
    volume[1:4, 2:12, 3:20] = 2
    volume[1:4, 4:9, 5:15] = 1
    volume[2, 5:8, 7:12] = 4
    return volume


def write_volume(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mha":
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(data), str(path))
    else:
        nib.save(nib.Nifti1Image(data.T, np.eye(4)), path)


def make_brats(root, end=".nii.gz"):
    for case in ("BraTS20_Training_001", "BraTS20_Training_002"):
        for modality in ("flair", "t1", "t1ce", "t2"):
            write_volume(root / case / f"{case}_{modality}{end}", RNG.normal(500, 90, (5, *SHAPE)).astype(np.float32))
        write_volume(root / case / f"{case}_seg{end}", classes())


def make_brats_slices(root):
    for name in ("BraTS20_001", "BraTS20_002"):
        write(root / "image" / f"{name}.png", photo())
        write(root / "annotation" / f"{name}.png", blocks(1, 4))


def make_oaizib(root):
    for name in ("9001104_60", "9002316_60"):
        write(root / "test" / "image" / f"{name}.png", photo()[..., 0])
        write(root / "test" / "annotations" / f"{name}.png", blocks(1, 2))


def make_oaizib_volumes(root, end=".nii.gz"):
    for part, name in (("Tr", "oaizib_001"), ("Tr", "oaizib_002"), ("Ts", "oaizib_404")):
        write_volume(root / f"images{part}" / f"{name}_0000{end}", RNG.normal(size=(5, *SHAPE)).astype(np.float32))
        write_volume(root / f"labels{part}" / f"{name}{end}", classes())


def png(layer):
    file = BytesIO()
    Image.fromarray(layer).save(file, format="PNG")
    return np.frombuffer(file.getvalue(), np.uint8).copy()


def make_coco_lvis(root, protocol=4):
    """Draw a car (0) with a wheel (1) in it, a dog (2), and sky (3), which is stuff."""
    first, second = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    first[2:12, 2:14] = 1
    first[2:12, 16:20] = 2
    first[15:, :] = 3
    second[4:7, 4:8] = 1
    masks = ([png(first), png(second)], [(0, 1), (1, 1), (0, 2), (0, 3)])
    whole, part = ({"children": [1], "parent": None, "node_level": 0}, {"children": [], "parent": 0, "node_level": 1})
    about = {"num_instance_masks": 3, "hierarchy": {0: whole, 1: part, 2: None}}
    for part_name, name in (("train", "000000000009"), ("val", "000000000139")):
        write(root / part_name / "images" / f"{name}.jpg", photo())
        (root / part_name / "masks").mkdir()
        (root / part_name / "masks" / f"{name}.pickle").write_bytes(pickle.dumps(masks, protocol=protocol))
        (root / part_name / "hannotation.pickle").write_bytes(pickle.dumps({name: about}, protocol=protocol))


# Encoded by pycocotools 2.0.11 from the mask that `blob` draws.
BLOB_COUNTS = "[45=2N2N2O00JI076001N2N2N`1NcN00000000000A"


def blob():
    row, column = np.ogrid[:19, :27]
    mask = (row - 8) ** 2 + (column - 12) ** 2 <= 30
    mask[15:18, 20:] = True
    mask[8, 12] = False
    return mask


def make_lvis(root):
    images = [
        {"id": 7, "coco_url": "http://images.cocodataset.org/train2017/000000000007.jpg", "height": 19, "width": 27},
        {"id": 8, "coco_url": "http://images.cocodataset.org/val2017/000000000008.jpg", "height": 19, "width": 27},
        {"id": 9, "coco_url": "http://images.cocodataset.org/train2017/000000000009.jpg", "height": 19, "width": 27},
    ]
    square = [[10.0, 6.0, 14.0, 6.0, 14.0, 10.0, 10.0, 10.0]]
    crowd = {"size": [19, 27], "counts": [0, 19, 494]}
    annotations = [
        {"image_id": 7, "segmentation": {"size": [19, 27], "counts": BLOB_COUNTS}},
        {"image_id": 7, "segmentation": square},
        {"image_id": 7, "segmentation": crowd, "iscrowd": 1},
        {"image_id": 8, "segmentation": square},
    ]
    (root / "annotations").mkdir(parents=True)
    file = root / "annotations" / "lvis_v1_train.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    write(root / "train2017" / "000000000007.jpg", photo())
    write(root / "val2017" / "000000000008.jpg", photo())


MAKERS = {
    "sbd": (make_sbd,),
    "coco-lvis": (make_coco_lvis, partial(make_coco_lvis, protocol=2), partial(make_coco_lvis, protocol=5)),
    "lvis": (make_lvis,),
    "grabcut": (make_grabcut,),
    "berkeley": (make_berkeley,),
    "davis": (make_davis,),
    "davis-585": (make_davis585,),
    "pascal-voc": (make_voc,),
    "sstem": (make_sstem,),
    "brats": (make_brats, partial(make_brats, end=".mha"), make_brats_slices),
    "oaizib": (make_oaizib, make_oaizib_volumes, partial(make_oaizib_volumes, end=".mha")),
}
CASES = [(name, maker) for name, makers in MAKERS.items() for maker in makers]


def test_every_layout_is_made_here():
    assert set(MAKERS) == set(LAYOUTS)
    assert set(layout_names()) == {"folder", "pack", *LAYOUTS}


@pytest.mark.parametrize(("name", "maker"), CASES)
def test_a_layout_is_recognised_by_its_files_and_gives_samples_and_objects(tmp_path, name, maker):
    maker(tmp_path)
    assert layout_of(tmp_path) == name
    # By nothing else, so that the order of recognition does not matter.
    assert [layout.name for layout in LAYOUTS.values() if layout.recognise(tmp_path)] == [name]
    for labels in kinds_of_labels(tmp_path):
        dataset = open_dataset(tmp_path, labels=labels)
        assert dataset.names == tuple(sorted(dataset.names))
        for image in dataset.names:
            assert dataset.source(image).is_file()
            for sample in dataset.samples(image):
                assert sample.labels.dtype == np.int32
                assert sample.labels.min() >= -1
                assert sample.labels.max() >= 1
                assert sample.image.shape[: sample.labels.ndim] == sample.labels.shape
        found = list(dataset.objects())
        assert len(found) == dataset.count() >= len(dataset.names)
        for one in found:
            assert one.image.shape == (*one.truth.shape, 3)
            assert (one.truth == 1).any()
        train = set(open_dataset(tmp_path, labels=labels, layout=name).names)
        assert train == set(dataset.names)


def ids(sample):
    return sorted(np.unique(sample.labels).tolist())


def test_grabcut_has_an_ignored_band_and_scores_the_rest(tmp_path):
    make_grabcut(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("flower", "llama")
    labels = dataset.sample("llama").labels
    assert (labels[4, 2], labels[4, 8], labels[4, 14], labels[0, 0]) == (0, -1, 1, 0)
    np.testing.assert_array_equal(dataset.sample("flower").labels, blocks(0, 1))


def test_davis_merges_all_objects_and_counts_the_faintest_pixel(tmp_path):
    make_davis(tmp_path)
    (one,) = (found for found in open_dataset(tmp_path).objects() if found.name == "bear_00000")
    assert one.object_id == 1
    assert int((one.truth == 1).sum()) == 12 + 24


def test_davis_585_has_single_objects_with_masks_to_be_corrected(tmp_path):
    make_davis585(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("bear/object1_00000", "bear/object1_00009", "bear/object2_00000", "car/object1_00009")
    assert dataset.source("bear/object2_00000") == tmp_path / "bear" / "00000.jpg"
    first, second, third, _ = sorted(dataset.objects(), key=lambda one: one.name)
    # 128 is no object here, and no ignored band.
    np.testing.assert_array_equal(first.truth, blocks(1))
    np.testing.assert_array_equal(third.truth, blocks(0, 1))
    np.testing.assert_array_equal(first.start, blocks(1) & (np.arange(19)[:, None] < 4))
    assert first.start.dtype == bool
    assert second.start is not None
    assert third.start is None
    # A video is held back as a whole.
    for name in dataset.names:
        assert dataset.is_held_back(name) == in_held_back(name.split("/")[0])


def test_the_kind_of_initial_masks_can_be_chosen_and_a_missing_one_is_named(tmp_path):
    make_davis585(tmp_path)
    assert kinds_of_labels(tmp_path) == ("labels",)
    for kind, last in (("init_sp", 4), ("init_stm", 5)):
        found = open_dataset(tmp_path, labels=kind).find_object("bear/object1_00009", 1)
        np.testing.assert_array_equal(found.start, blocks(1) & (np.arange(19)[:, None] < last))
        np.testing.assert_array_equal(found.truth, blocks(1))
    bad_input = BadInput("skip")
    assert len(list(open_dataset(tmp_path, labels="init_stm", bad_input=bad_input).objects())) == 3
    (bad,) = bad_input.found
    assert "init_stm_object2_00000.png" in bad.sentence
    write(tmp_path / "car" / "init_sp_object1_00009.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(ImageError, match=r"initial mask of 'car/object1_00009' has the shape \(9, 9\)"):
        open_dataset(tmp_path).sample("car/object1_00009")
    with pytest.raises(UnknownNameError, match="Did you mean 'init_sp'"):
        open_dataset(tmp_path, labels="init_s")


def test_sbd_keeps_instances_ignores_255_and_holds_back_its_own_validation_list(tmp_path):
    make_sbd(tmp_path)
    np.testing.assert_array_equal(open_dataset(tmp_path).sample("2008_000001").labels, blocks(1, 2, -1, dtype=np.int32))
    assert open_dataset(tmp_path, split="train").names == ("2008_000001", "2008_000003")
    held_back = open_dataset(tmp_path, split="held-back")
    assert held_back.names == ("2008_000002",)
    assert held_back.is_held_back("2008_000002")


def test_voc_keeps_instances_of_one_colour_apart_and_reads_listed_images_only(tmp_path):
    make_voc(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.names == ("2007_000032", "2007_000039")
    np.testing.assert_array_equal(dataset.sample("2007_000032").labels, blocks(1, 2, -1, dtype=np.int32))
    assert open_dataset(tmp_path, split="train").names == ("2007_000032",)


def test_pieces_of_mitochondria_that_touch_at_a_corner_are_two(tmp_path):
    make_sstem(tmp_path)
    labels = open_dataset(tmp_path).sample("00").labels
    assert np.bincount(labels.ravel())[1:].tolist() == [12, 16, 1]


@pytest.mark.parametrize("end", [".nii.gz", ".mha"])
def test_a_tumour_is_whole_and_its_regions_lie_over_each_other(tmp_path, end):
    make_brats(tmp_path, end)
    dataset = open_dataset(tmp_path)
    assert len(dataset.names) == 8
    sample = dataset.sample("BraTS20_Training_001_t1ce")
    np.testing.assert_array_equal(sample.labels, classes() > 0)
    assert sample.image.shape == (5, *SHAPE)
    core, enhancing = open_dataset(tmp_path, labels="labels_regions").samples("BraTS20_Training_001_flair")
    np.testing.assert_array_equal(core.labels == 2, np.isin(classes(), (1, 4)))
    np.testing.assert_array_equal(enhancing.labels == 3, classes() == 4)


def test_all_modalities_of_a_case_are_held_back_together(tmp_path):
    make_brats(tmp_path)
    dataset = open_dataset(tmp_path)
    for name in dataset.names:
        assert dataset.is_held_back(name) == in_held_back(name.rpartition("_")[0])


def test_slices_of_brats_show_the_whole_tumour(tmp_path):
    make_brats_slices(tmp_path)
    np.testing.assert_array_equal(open_dataset(tmp_path).sample("BraTS20_001").labels, blocks(1, 1))


def test_each_cartilage_is_an_object_and_the_test_part_is_never_trained_on(tmp_path):
    make_oaizib(tmp_path / "slices")
    dataset = open_dataset(tmp_path / "slices")
    assert ids(dataset.sample("9001104_60")) == [0, 1, 2]
    with pytest.raises(ImageError, match="split 'train'"):
        open_dataset(tmp_path / "slices", split="train")
    make_oaizib_volumes(tmp_path / "volumes")
    assert open_dataset(tmp_path / "volumes", split="held-back").names == ("oaizib_404_0000",)
    np.testing.assert_array_equal(open_dataset(tmp_path / "volumes").sample("oaizib_001_0000").labels, classes())


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_parts_lie_in_layers_above_their_wholes_and_stuff_is_background(tmp_path, protocol):
    make_coco_lvis(tmp_path, protocol)
    dataset = open_dataset(tmp_path)
    wholes, parts = dataset.samples("000000000009")
    assert (ids(wholes), ids(parts)) == ([0, 1, 3], [0, 2])
    assert (wholes.labels[15:] == 0).all()
    assert (wholes.labels == 1)[parts.labels == 2].all()
    assert {(one.name, one.object_id) for one in dataset.objects()} == {
        (n, i) for n in dataset.names for i in (1, 2, 3)
    }
    assert open_dataset(tmp_path, split="train").names == ("000000000009",)


def test_lvis_reads_run_lengths_and_polygons_and_ignores_crowds(tmp_path):
    make_lvis(tmp_path)
    dataset = open_dataset(tmp_path)
    # The third image has no annotation and no file, which is no fault.
    assert dataset.names == ("000000000007", "000000000008")
    large, small = (sample.labels for sample in dataset.samples("000000000007"))
    np.testing.assert_array_equal(large == 1, blob())
    square = np.zeros(SHAPE, bool)
    square[6:10, 10:14] = True
    np.testing.assert_array_equal(small == 2, square)
    assert (large[:, 0] == -1).all()
    assert (small[:, 0] == -1).all()
    assert (large[:, 1] != -1).all()


def test_a_mask_that_does_not_fit_its_image_is_refused():
    with pytest.raises(ValueError, match="size"):
        decode_mask({"size": [27, 19], "counts": BLOB_COUNTS}, SHAPE)
    with pytest.raises(ValueError, match="cut off"):
        decode_mask({"size": [19, 27], "counts": BLOB_COUNTS[:2] + "P"}, SHAPE)
    with pytest.raises(ValueError, match="cover"):
        decode_mask({"size": [19, 27], "counts": [3, 4]}, SHAPE)
    np.testing.assert_array_equal(decode_mask({"size": [19, 27], "counts": BLOB_COUNTS.encode()}, SHAPE), blob())


def test_masks_are_drawn_in_as_few_layers_as_they_need():
    masks = [blob(), ~blob(), blob() & (np.arange(27) > 12), np.zeros(SHAPE, bool)]
    layers = in_layers(masks, np.zeros(SHAPE, bool))
    assert len(layers) == 2
    for number, mask in enumerate(masks, start=1):
        drawn = [layer == number for layer in layers if (layer == number).any()]
        assert len(drawn) == mask.any()
        assert all((layer == mask).all() for layer in drawn)


class Mischief:
    def __reduce__(self):
        import os

        return os.system, ("echo run > mischief",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_coco_lvis(tmp_path)
    file = tmp_path / "train" / "masks" / "000000000009.pickle"
    file.write_bytes(pickle.dumps(([Mischief()], [(0, 1)])))
    with pytest.raises(ImageError, match=r"masks/000000000009\.pickle .* asks for .*system"):
        open_dataset(tmp_path).sample("000000000009")
    assert not (tmp_path / "mischief").exists()
    file.write_bytes(file.read_bytes()[:9])
    with pytest.raises(ImageError, match="damaged or cut off"):
        read_annotation_pickle(file)
    file.write_bytes(pickle.dumps([1, 2, 3]))
    with pytest.raises(ImageError, match="layers and masks"):
        open_dataset(tmp_path).sample("000000000009")


@pytest.mark.parametrize(
    ("maker", "broken", "name"),
    [
        (make_sbd, "inst/2008_000001.mat", "2008_000001"),
        (make_voc, "SegmentationObject/2007_000032.png", "2007_000032"),
        (make_grabcut, "boundary_GT/llama.bmp", "llama"),
        (make_brats, "BraTS20_Training_001/BraTS20_Training_001_seg.nii.gz", "BraTS20_Training_001_t2"),
        (make_coco_lvis, "train/masks/000000000009.pickle", "000000000009"),
    ],
)
def test_a_damaged_reference_is_named_with_its_path(tmp_path, maker, broken, name):
    maker(tmp_path)
    (tmp_path / broken).write_bytes(b"nothing of the kind")
    with pytest.raises(ImageError, match=broken):
        open_dataset(tmp_path).samples(name)


def test_a_damaged_list_is_named_with_its_path(tmp_path):
    make_lvis(tmp_path)
    file = tmp_path / "annotations" / "lvis_v1_train.json"
    for text in ("{", "[]", '{"images": 3}', '{"images": [{}], "annotations": [{}]}'):
        file.write_text(text)
        with pytest.raises(ImageError, match=r"lvis_v1_train\.json"):
            open_dataset(tmp_path)


def test_missing_halves_are_named_and_left_out(tmp_path):
    make_sbd(tmp_path)
    (tmp_path / "inst" / "2008_000001.mat").unlink()
    (tmp_path / "img" / "2008_000003.jpg").unlink()
    with pytest.raises(ImageError, match=r"2008_000001\.jpg has no reference"):
        open_dataset(tmp_path)
    bad_input = BadInput("skip")
    assert open_dataset(tmp_path, bad_input=bad_input).names == ("2008_000002",)
    assert {bad.path.name for bad in bad_input.found} == {"2008_000001.jpg", "2008_000003.mat"}
    with pytest.raises(ImageError, match="2008_00000"):
        open_dataset(tmp_path, bad_input=BadInput("stop"))


def test_a_layout_can_be_forced_and_a_wrong_one_says_what_it_has(tmp_path):
    make_berkeley(tmp_path)
    with pytest.raises(ImageError, match="not laid out as sbd, which has the folders img and inst"):
        open_dataset(tmp_path, layout="sbd")
    with pytest.raises(UnknownNameError, match="Did you mean 'berkeley'"):
        open_dataset(tmp_path, layout="berkley")
    with pytest.raises(UnknownNameError, match="kind of labels"):
        open_dataset(tmp_path, labels="labels_fine")
    with pytest.raises(UnknownNameError):
        open_dataset(tmp_path).sample("nothing")


def test_a_folder_of_no_known_layout_says_which_there_are(tmp_path):
    (tmp_path / "stuff").mkdir()
    with pytest.raises(ImageError, match=r"none of the known data sets \(folder, pack, sbd"):
        open_dataset(tmp_path)
    with pytest.raises(ImageError, match="no folder or pack"):
        open_dataset(tmp_path / "nowhere")


def test_the_generic_folder_stays_what_it_was(tmp_path):
    for kind, plane in (
        ("images", photo()),
        ("labels", blocks(1, 2)),
        ("labels_fine", blocks(3)),
        ("masks", blocks(9)),
    ):
        write(tmp_path / kind / "a.png", plane)
    assert layout_of(tmp_path) == "folder"
    assert kinds_of_labels(tmp_path) == ("labels", "labels_fine")
    assert ids(open_dataset(tmp_path, labels="labels_fine").sample("a")) == [0, 3]
