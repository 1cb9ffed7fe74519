"""Labels as OME-Zarr: into the ``labels`` of an image that is OME-Zarr, else as a store of their own."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from napari_iseg.errors import ExportError
from napari_iseg.io.exported import no_tick
from napari_iseg.io.files import remove_folder, replacing_folder, swap_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iseg.io.exported import ExportedLabels, Tick

__all__ = ["LABELS_NAME", "image_store", "write_ome_zarr"]

LABELS_NAME = "napari-iseg"
"""Name of the labels inside of an image, where nobody gave one: no other program's labels are called so."""

_MARK = "napari-iseg"
_SMALLEST = 256
_FORMATS: dict[int, Literal[2, 3]] = {2: 2, 3: 3}
_UNITS = {"um": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "inch": "inch"}


def image_store(path: str | Path) -> tuple[Path, str | None] | None:
    """Return the OME-Zarr store that a path names, and which of its labels: ``image.ome.zarr/labels/NAME``.

    Returns
    -------
    tuple or None
        (store, name of the labels or None); None if there is no store there.
    """
    file = Path(path)
    if _is_group(file) and file.parent.name != "labels":
        return file, None
    if file.parent.name == "labels" and _is_group(file.parent.parent):
        return file.parent.parent, file.name
    return None


def write_ome_zarr(path: Path, exported: ExportedLabels, tick: Tick = no_tick) -> Path:
    """Write labels with a pyramid by nearest neighbour; they appear whole or not at all.

    Parameters
    ----------
    path
        An OME-Zarr image gets them as ``labels/NAME``; ``image.ome.zarr/labels/NAME`` says which name. Any other path
        becomes a store of its own, whose root opens as the labels, too.
    exported
        Labels in their final unsigned type, at most 5-D, in the order t, c, z, y, x.
    tick
        Is told the part that is done.

    Returns
    -------
    pathlib.Path
        The group of the labels.

    Raises
    ------
    ExportError
        If there is something else at the path, labels of that name are another program's, the grid is not that of the
        image, or the store cannot be written.
    """
    found = image_store(path)
    if found is None:
        return _write_store(path, exported, tick)
    store, name = found
    attributes = _attributes(store)
    if _MARK in attributes and name is None:
        return _write_store(path, exported, tick)
    if "multiscales" not in attributes:
        raise ExportError(f"{store} is a Zarr store but no OME-Zarr image; choose another name for the labels.")
    return _write_into(store, attributes, name, exported, tick)


def _write_store(path: Path, exported: ExportedLabels, tick: Tick) -> Path:
    name = exported.name or LABELS_NAME
    axes = _axes(exported)
    sizes = dict(zip(axes, exported.sizes, strict=True))
    units = {axis: _UNITS[exported.unit] for axis in axes if axis in "zyx" and exported.unit in _UNITS}
    if exported.time_unit == "s":
        units["t"] = "second"
    with replacing_folder(path, lambda folder: _is_group(folder) and _MARK in _attributes(folder)) as temporary:
        group, multiscales = _write_group(temporary, name, exported, sizes, units, None, 3)
        # The root shows the same arrays, so that programs that look for an image at the root find the labels.
        shown = [{**one, "path": f"labels/{name}/{one['path']}"} for one in multiscales[0]["datasets"]]
        root = {"version": "0.5", "multiscales": [{**multiscales[0], "datasets": shown}]}
        group.attrs.update({"ome": root, _MARK: {"labels": name}})
        tick(1)
    return path / "labels" / name


def _write_into(
    store: Path, attributes: dict[str, Any], name: str | None, exported: ExportedLabels, tick: Tick
) -> Path:
    name = name or exported.name or LABELS_NAME
    target = store / "labels" / name
    if target.exists() and _MARK not in _attributes(target) and image_store(target) is not None:
        raise ExportError(f"{target} was written by another program; choose another name for the labels.")
    version = 3 if (store / "zarr.json").exists() else 2
    image = attributes["multiscales"][0]
    sizes, units, moved = _grid_of(store, image, exported)
    temporary = store.with_name(f".{uuid4().hex[:12]}.zarr")
    try:
        _write_group(temporary, name, exported, sizes, units, moved, version)
        tick(0.95)
        (store / "labels").mkdir(exist_ok=True)
        listed = _labels_in(store)
        _mark_labels(temporary, [*listed, name] if name not in listed else listed, version)
        swap_folder(temporary / "labels" / name, target)
        # The list last: until then no reader looks for what is not there yet.
        for file in ("zarr.json", ".zgroup", ".zattrs"):
            if (temporary / "labels" / file).exists():
                (temporary / "labels" / file).replace(store / "labels" / file)
        _consolidate(store)
    except OSError as error:
        remove_folder(temporary, quiet=False)
        reason = error.strerror or "the system refused"
        raise ExportError(f"{target} cannot be written ({reason}); export to a store of its own.") from error
    finally:
        remove_folder(temporary)
    return target


def _write_group(
    store: Path,
    name: str,
    exported: ExportedLabels,
    sizes: dict[str, float],
    units: dict[str, str],
    moved: list[float] | None,
    version: int,
) -> tuple[Any, list[dict[str, Any]]]:
    """Write labels into a new store; returns its root and the labels' "multiscales"."""
    import zarr

    with warnings.catch_warnings():
        # The module's own default arguments make it warn of itself while it is imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        from ome_zarr.format import FormatV04, FormatV05
        from ome_zarr.writer import write_multiscale_labels

    root: Any = zarr.open_group(str(store), mode="a", zarr_format=_FORMATS[version])
    pyramid = _pyramid(exported.labels)
    properties = [
        {"label-value": label, "class": exported.about(label).class_name, "name": exported.about(label).name}
        for label in exported.present()
        if label in exported.objects
    ]
    write_multiscale_labels(
        pyramid,
        root,
        name,
        fmt=FormatV05() if version == 3 else FormatV04(),
        axes="".join(sizes),
        scale=sizes,
        axes_units=units or None,
        storage_options={"chunks": _chunks(exported.labels.shape)},
        label_metadata={"source": {"image": "../../"}, **({"properties": properties} if properties else {})},
    )
    group: Any = root[f"labels/{name}"]
    said: dict[str, Any] = dict(group.attrs)
    whole = said["ome"] if version == 3 else said
    for level, one in enumerate(whole["multiscales"][0]["datasets"]):
        # The library derives the scale from the shapes, which is off where a size is odd; every second pixel is exact.
        factor = [1.0 if axis not in "yx" else 2.0**level for axis in sizes]
        scale = [size * times for size, times in zip(sizes.values(), factor, strict=True)]
        one["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
        if moved is not None:
            one["coordinateTransformations"].append({"type": "translation", "translation": moved})
    group.attrs.put({**said, _MARK: {"labels": name}})
    return root, whole["multiscales"]


def _pyramid(labels: NDArray[Any]) -> list[NDArray[Any]]:
    levels = [labels]
    while max(levels[-1].shape[-2:]) > _SMALLEST:
        levels.append(levels[-1][..., ::2, ::2])
    return levels


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*(1 for _ in shape[:-2]), *(min(size, 1024) for size in shape[-2:]))


def _axes(exported: ExportedLabels) -> str:
    axes = exported.axes
    if set(axes) - set("tczyx") or sorted(axes, key="tczyx".index) != list(axes):
        raise ExportError(
            f"OME-Zarr holds time, channel and space in this order; labels of the shape {exported.labels.shape} with "
            f"the axes {axes} do not fit, so export them as TIFF (.tif)."
        )
    return axes


def _grid_of(
    store: Path, image: dict[str, Any], exported: ExportedLabels
) -> tuple[dict[str, float], dict[str, str], list[float] | None]:
    """Return the size, the unit and the place of the pixels of an image's first level, for the axes of the labels."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
    steps = image["datasets"][0].get("coordinateTransformations", [])
    scale = next((step["scale"] for step in steps if step["type"] == "scale"), [1.0] * len(axes))
    place = next((step["translation"] for step in steps if step["type"] == "translation"), None)
    kept = list(range(len(axes)))
    if len(axes) == exported.labels.ndim + 1:
        kept = [number for number in kept if axes[number]["name"] != "c"]
    shape = _shape_of(store / image["datasets"][0]["path"])
    if len(kept) != exported.labels.ndim or tuple(shape[number] for number in kept) != exported.labels.shape:
        raise ExportError(
            f"The labels have the shape {exported.labels.shape} but the OME-Zarr image has {shape} "
            f"({''.join(axis['name'] for axis in axes)}); export them to a store of their own."
        )
    sizes = {axes[number]["name"]: float(scale[number]) for number in kept}
    units = {axes[number]["name"]: axes[number]["unit"] for number in kept if axes[number].get("unit")}
    return sizes, units, None if place is None else [float(place[number]) for number in kept]


def _shape_of(array: Path) -> tuple[int, ...]:
    import zarr

    opened: Any = zarr.open_array(str(array), mode="r")
    return tuple(int(size) for size in opened.shape)


def _is_group(folder: Path) -> bool:
    return (folder / "zarr.json").is_file() or (folder / ".zgroup").is_file()


def _attributes(group: Path) -> dict[str, Any]:
    """Return the attributes of a group as its files say them; those of OME 0.5 lie one level deeper."""
    new = group / "zarr.json"
    file = new if new.is_file() else group / ".zattrs"
    try:
        said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise ExportError(f"{group} is a damaged Zarr store; choose another name for the labels.") from error
    found: dict[str, Any] = said.get("attributes", {}) if file == new else said
    return {**found, **found.get("ome", {})}


def _labels_in(store: Path) -> list[str]:
    return list(_attributes(store / "labels").get("labels", [])) if (store / "labels").is_dir() else []


def _mark_labels(store: Path, names: list[str], version: int) -> None:
    import zarr

    group: Any = zarr.open_group(str(store / "labels"), mode="a", zarr_format=_FORMATS[version])
    said: dict[str, Any] = dict(group.attrs)
    group.attrs.put({"ome": {**said.get("ome", {}), "labels": names}} if version == 3 else {**said, "labels": names})


def _consolidate(store: Path) -> None:
    """Bring a consolidated index up to date; a store without one gets none."""
    import zarr

    root = json.loads((store / "zarr.json").read_text(encoding="utf-8")) if (store / "zarr.json").is_file() else {}
    if root.get("consolidated_metadata") or (store / ".zmetadata").is_file():
        zarr.consolidate_metadata(str(store))
