"""Make the three sample stacks anew: ``python sample_data/make_stacks.py``. No network, always the same files.

Every object is known because it was drawn: sections of nerve tissue in an electron microscope, a head in an MRI scanner
with thick slices, nuclei in a confocal microscope. They are drawings, not recordings; nothing biological follows from
them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import tifffile
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HERE = Path(__file__).resolve().parent


def em(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return 16 sections of 192 x 224 pixels of neurites between membranes, (K, H, W), and the number of each."""
    shape, spacing = (16, 192, 224), np.array((50.0, 8.0, 8.0))
    size = np.array(shape) * spacing
    seeds = rng.uniform(-0.1, 1.1, (60, 3)) * size
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing
    places = places + 55 * np.stack([_smooth(rng, shape, 130 / spacing) for _ in range(3)], axis=-1)
    # Neurites run through the sections: across them distances count more.
    stretch = np.array((0.35, 1.0, 1.0))
    distances = np.stack([np.linalg.norm((places - seed) * stretch, axis=-1) for seed in seeds])
    order = np.argpartition(distances, 1, axis=0)[:2]
    near = np.take_along_axis(distances, order, axis=0)
    gap = np.abs(near[1] - near[0])
    owner = np.where(near[0] <= near[1], order[0], order[1])
    inside = gap > 26
    labels = np.where(inside, owner + 1, 0)
    tones = 0.72 + rng.normal(0, 0.05, len(seeds))
    image = tones[owner] + 0.05 * _smooth(rng, shape, (0, 1.6, 1.6)) + 0.03 * _smooth(rng, shape, (0.5, 6, 6))
    image = _with_mitochondria(rng, image, owner, gap, places)
    image -= 0.5 * np.exp(-((gap / 16) ** 2))
    image = ndimage.gaussian_filter(image, (0, 0.7, 0.7)) + 0.035 * rng.standard_normal(shape)
    # Every section is stained and exposed by itself.
    image = image * rng.normal(1, 0.05, (shape[0], 1, 1)) + rng.normal(0, 0.03, (shape[0], 1, 1))
    return _bytes(image * 235), _numbered(labels, least=200)


def mri(rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Return 28 slices of 5 mm of a head, and its tissues: 1 white and 2 grey matter, 3 ventricles, 4 a lesion."""
    shape, spacing = (28, 144, 120), np.array((5.0, 1.2, 1.2))
    fine = (shape[0] * 4, shape[1], shape[2])
    step = spacing / (4, 1, 1)
    middle = np.array(fine) * step / 2
    z, y, x = np.moveaxis((np.moveaxis(np.indices(fine), 0, -1) * step - middle) / (66, 82, 66), -1, 0)
    warp = 0.05 * _smooth(rng, fine, 14 / step)
    depth = np.sqrt(x**2 + y**2 + z**2) + 0.4 * warp
    folds = np.abs(_smooth(rng, fine, 4.5 / step))
    tissue = np.zeros(fine, np.int8)
    for number, reach in ((4, 1.0), (5, 0.95), (6, 0.9), (1, 0.86)):  # scalp, skull, fluid, white matter
        tissue[depth < reach] = number
    brain = depth < 0.86
    ribbon = (depth > 0.78) | (folds < 0.5 * np.clip(depth - 0.5, 0, 1) / 0.35)
    tissue[brain & ribbon] = 2
    tissue[brain & (np.abs(x) < 0.02) & (np.abs(y) > 0.3)] = 6
    for side in (-1, 1):
        body = ((x - side * 0.12) / 0.07) ** 2 + ((y + 0.05) / 0.42) ** 2 + ((z - 0.08) / 0.2) ** 2
        tissue[brain & (body + warp < 1)] = 3
    spot = ((x - 0.36) / 0.13) ** 2 + ((y - 0.3) / 0.16) ** 2 + ((z - 0.2) / 0.17) ** 2
    tissue[brain & (spot + 2 * warp < 1)] = 7
    signal = np.array((0.02, 0.62, 0.78, 0.16, 0.9, 0.1, 0.14, 1.05))[tissue]  # as FLAIR shows them
    signal = signal * (1 + 0.05 * _smooth(rng, fine, 3 / step))
    # A slice is the mean of what lies in its 5 mm.
    image = ndimage.gaussian_filter(signal.reshape(shape[0], 4, *shape[1:]).mean(axis=1), (0, 0.6, 0.6))
    image = image * np.exp(0.12 * _smooth(rng, shape, 60 / spacing))
    noise = 0.025 * rng.standard_normal((2, *shape))
    image = np.hypot(image + noise[0], noise[1])
    labels = tissue[2::4].astype(np.uint8)
    labels[labels == 7] = 8
    labels[(labels >= 4) & (labels < 8)] = 0
    labels[labels == 8] = 4
    return np.rint(image * 600).astype(np.int16), labels


def nuclei(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return 24 confocal planes of 200 x 232 pixels with nuclei, some of them touching, and the number of each."""
    shape, spacing = (24, 200, 232), np.array((1.0, 0.3, 0.3))
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing
    places = places + 0.45 * np.stack([_smooth(rng, shape, 2.5 / spacing) for _ in range(3)], axis=-1)
    labels, nearest = np.zeros(shape, np.int32), np.full(shape, np.inf)
    centres: list[NDArray[np.float64]] = []
    for _ in range(4000):
        centre = rng.uniform((3, 2, 2), np.array(shape) * spacing - (3, 2, 2))
        if len(centres) < 48 and all(np.linalg.norm(centre - other) > 7.2 for other in centres):
            centres.append(centre)
    light = np.zeros(shape)
    for number, centre in enumerate(centres, start=1):
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        radii = rng.uniform((3.0, 3.4, 4.0), (3.8, 4.4, 5.4))
        distance = np.linalg.norm(((places - centre) @ turn) / radii, axis=-1)
        mine = (distance < 1) & (distance < nearest)
        labels[mine], nearest[mine] = number, distance[mine]
        light[mine] = rng.lognormal(-0.2, 0.3)
    light *= 1 + 0.3 * _smooth(rng, shape, 0.8 / spacing)
    light = np.maximum(light, 0) * (labels > 0)
    light = ndimage.gaussian_filter(light, 0.9 / spacing * (1.0, 0.35, 0.35))
    light += 0.06 + 0.12 * ndimage.gaussian_filter(light, 4 / spacing)
    light *= np.linspace(1.0, 0.55, shape[0])[:, None, None]  # light is lost in the depth
    counts = rng.poisson(light * 55) + rng.normal(6, 1.5, shape)
    return _bytes(counts * 2.6), _numbered(labels, least=60)


def _with_mitochondria(
    rng: np.random.Generator,
    image: NDArray[np.float64],
    owner: NDArray[np.int64],
    gap: NDArray[np.float64],
    places: NDArray[np.float64],
) -> NDArray[np.float64]:
    size = places.reshape(-1, 3).max(axis=0)
    for _ in range(26):
        centre = rng.uniform((0, 0, 0), size)
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        distance = np.linalg.norm(((places - centre) @ turn) / rng.uniform((80, 70, 150), (110, 90, 260)), axis=-1)
        home = owner[np.unravel_index(distance.argmin(), distance.shape)]
        inside = np.clip((1 - distance) / 0.12, 0, 1) * (owner == home) * np.clip((gap - 34) / 14, 0, 1)
        folds = 0.5 + 0.5 * np.sin((places @ turn[:, 2]) / 9)
        image = image + inside * (0.4 + 0.12 * folds - image) - 0.25 * np.exp(-(((inside - 0.5) / 0.25) ** 2))
    return image


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma: Any) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return np.asarray(field / field.std())


def _numbered(labels: NDArray[Any], *, least: int) -> NDArray[np.uint16]:
    """Return connected objects of at least so many voxels, numbered from 1."""
    done, number = np.zeros(labels.shape, np.uint16), 0
    for value in range(1, int(labels.max()) + 1):
        pieces, count = ndimage.label(labels == value)
        for piece in range(1, count + 1):
            mine = pieces == piece
            if mine.sum() >= least:
                number += 1
                done[mine] = number
    return done


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _write_tiff(name: str, stack: NDArray[Any], spacing: tuple[float, float, float], unit: str) -> None:
    tifffile.imwrite(
        _HERE / name,
        stack,
        imagej=True,
        compression="zlib",
        compressionargs={"level": 9},
        predictor=stack.dtype == np.uint8,
        resolution=(1 / spacing[2], 1 / spacing[1]),
        metadata={"axes": "ZYX", "spacing": spacing[0], "unit": unit},
    )


def _write_nifti(name: str, stack: NDArray[Any], spacing: tuple[float, float, float], *, is_label: bool) -> None:
    image = nib.Nifti1Image(stack.T, np.diag([*spacing[::-1], 1.0]))
    image.header.set_xyzt_units("mm")
    if is_label:
        image.header.set_intent("label")
    nib.openers.Opener.default_compresslevel = 9
    image.to_filename(_HERE / name)


def _note_checksums() -> None:
    """Write the checksums of the files into what says of the samples where they come from."""
    for about in sorted(_HERE.glob("*_stack.json")):
        facts = json.loads(about.read_text(encoding="utf-8"))
        for file in facts["files"]:
            file["sha256"] = hashlib.sha256((_HERE / file["bundled"]).read_bytes()).hexdigest()
        about.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Write the stacks and their references."""
    image, labels = em(np.random.default_rng(11))
    _write_tiff("em_stack.tif", image, (50.0, 8.0, 8.0), "nm")
    _write_tiff("em_stack_reference.tif", labels, (50.0, 8.0, 8.0), "nm")
    slices, tissue = mri(np.random.default_rng(12))
    _write_nifti("mri_stack.nii.gz", slices, (5.0, 1.2, 1.2), is_label=False)
    _write_nifti("mri_stack_reference.nii.gz", tissue, (5.0, 1.2, 1.2), is_label=True)
    image, labels = nuclei(np.random.default_rng(13))
    _write_tiff("nuclei_stack.tif", image, (1.0, 0.3, 0.3), "um")
    _write_tiff("nuclei_stack_reference.tif", labels, (1.0, 0.3, 0.3), "um")
    _note_checksums()


if __name__ == "__main__":
    main()
