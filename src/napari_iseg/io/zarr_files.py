"""OME-Zarr 0.1 to 0.5 and plain Zarr through zarr: every resolution, a chunk when somebody looks at it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iseg.errors import ImageError
from napari_iseg.io.lazily import SMALL, blocks_of, lazy_array
from napari_iseg.io.loaded import LoadedImage
from napari_iseg.io.several import Choice
from napari_iseg.io.shown import Shown
from napari_iseg.io.zarr_facts import axes_of, channels_of, place_of, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["is_address", "is_zarr", "zarr_choices"]

_ADDRESS = re.compile(r"^(https?|s3)://", re.IGNORECASE)
_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_DEEPEST = 4
_RED_GREEN_BLUE = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]


def is_address(path: str) -> bool:
    """Whether a path is an address of the web, which only OME-Zarr is read from."""
    return _ADDRESS.match(path) is not None


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array, whatever it is called."""
    return any((folder / mark).is_file() for mark in _MARKS)


def zarr_choices(path: str) -> list[Choice]:
    """List the images of a Zarr group: those of OME-Zarr where there are any, else its arrays.

    Parameters
    ----------
    path
        A folder, or an address that begins with ``http://``, ``https://`` or ``s3://``.

    Raises
    ------
    ImageError
        If there is no Zarr, or it does not answer.
    """
    import zarr

    root = _opened(path)
    if isinstance(root, zarr.Array):
        return [_array_choice(path, "", root)]
    found = list(_images(root, "", path, _DEEPEST))
    if not found:
        found = [_array_choice(path, name, item) for name, item in _arrays(root, "", _DEEPEST)]
    return found


def _opened(path: str) -> Any:
    import zarr

    try:
        return zarr.open(path.rstrip("/"), mode="r")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise _gone(path, error) from error
    except Exception as error:
        # Each store has errors of its own: aiohttp's for addresses, botocore's for buckets.
        if is_address(path):
            raise _gone(path, error) from error
        raise


def _gone(path: str, error: Exception) -> ImageError:
    where = "the address and the network" if is_address(path) else "the folder"
    words = (str(error).splitlines() or [""])[0][:120]
    return ImageError(f"{path} cannot be opened as OME-Zarr ({type(error).__name__}: {words}); check {where}.")


def _facts(group: Any) -> dict[str, Any]:
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return dict(inner) if isinstance(inner, dict) else attributes


def _images(group: Any, name: str, path: str, deep: int) -> Iterator[Choice]:
    facts = _facts(group)
    if facts.get("multiscales"):
        array = group[_levels(facts)[0]]
        said = facts["multiscales"][0].get("name") or ""
        yield Choice(
            name=name or str(said or _stem(path)),
            shape=tuple(array.shape),
            dtype=str(array.dtype),
            description=str(said) if name else "",
            open=lambda lazy: _read_image(path, group, name, lazy=lazy),
        )
        return
    for part in _parts(group, facts, deep):
        try:
            child = group[part]
        except KeyError:
            continue
        if hasattr(child, "attrs") and not hasattr(child, "shape"):
            yield from _images(child, f"{name}/{part}".strip("/"), path, deep - 1)


def _parts(group: Any, facts: dict[str, Any], deep: int) -> list[str]:
    """Return the groups that may hold images; a store on the web lists nothing, so what is said comes first."""
    if "plate" in facts:
        return [str(well["path"]) for well in facts["plate"].get("wells", ())]
    if "well" in facts:
        return [str(image["path"]) for image in facts["well"].get("images", ())]
    if facts.get("bioformats2raw.layout"):
        try:
            series = _facts(group["OME"]).get("series")
        except KeyError:
            series = None
        if series:
            return [str(name) for name in series]
    if deep <= 0:
        return []
    try:
        return [name for name in sorted(group.group_keys()) if name not in ("labels", "OME")]
    except Exception:
        # A web server has no lists.
        return []


def _arrays(group: Any, name: str, deep: int) -> Iterator[tuple[str, Any]]:
    try:
        members = sorted(group.members(max_depth=deep))
    except Exception:
        return
    for key, item in members:
        if hasattr(item, "shape") and item.ndim >= 2 and np.dtype(item.dtype).kind in "buifc":
            yield f"{name}/{key}".strip("/"), item


def _levels(facts: dict[str, Any]) -> list[str]:
    return [str(level["path"]) for level in facts["multiscales"][0]["datasets"]]


def _array_choice(path: str, name: str, array: Any) -> Choice:
    def read(lazy: bool) -> LoadedImage:
        data = _taken(array, path, lazy=lazy)
        shown = Shown(name=f"{_stem(path)} {name}".strip(), axes="tczyx"[-data.ndim :] if data.ndim <= 3 else "")
        return LoadedImage(data, Path(path), "zarr", False, (1.0,) * data.ndim, shown=shown)

    return Choice(name=name or _stem(path), shape=tuple(array.shape), dtype=str(array.dtype), open=read)


def _read_image(path: str, group: Any, name: str, *, lazy: bool) -> LoadedImage:
    facts = _facts(group)
    image = _multiscale(path, group, facts, lazy=lazy)
    title = _stem(path) if not name else f"{_stem(path)} {name}"
    parts = tuple(_labels(path, group, lazy=lazy))
    return replace(image, shown=replace(image.shown, name=title, parts=parts))


def _multiscale(path: str, group: Any, facts: dict[str, Any], *, lazy: bool) -> LoadedImage:
    names = _levels(facts)
    try:
        # Further levels only save work where the first one is not read whole.
        arrays = [group[name] for name in (names if lazy else names[:1])]
    except KeyError as error:
        raise ImageError(f"{path} names a resolution that is not there ({error}); copy or export it again.") from error
    levels = [_taken(array, path, lazy=lazy) for array in arrays]
    said = facts["multiscales"][0]
    axes, units = axes_of(said, levels[0].ndim)
    spacing, origin = place_of(said, levels[0].ndim)
    channels = channels_of(facts, levels[0].shape[axes.index("c")]) if "c" in axes else ()
    rgb = levels[0].dtype == np.uint8 and [channel.colour for channel in channels] == _RED_GREEN_BLUE
    if rgb:
        at = axes.index("c")
        levels = [np.moveaxis(level, at, -1) for level in levels]
        axes, units = axes[:at] + axes[at + 1 :], units[:at] + units[at + 1 :]
        spacing, origin = spacing[:at] + spacing[at + 1 :], origin[:at] + origin[at + 1 :]
        channels = ()
    shown = Shown(
        axes=axes,
        units=units,
        origin=origin,
        channels=channels,
        levels=tuple(levels) if len(levels) > 1 and not isinstance(levels[0], np.ndarray) else (),
    )
    header = axes.upper()
    return LoadedImage(levels[0], Path(path), "zarr", rgb, spacing, unit_of(axes, units), None, header, shown=shown)


def _labels(path: str, group: Any, *, lazy: bool) -> Iterator[LoadedImage]:
    try:
        labels = group["labels"]
        names = _facts(labels).get("labels") or ()
    except (KeyError, OSError):
        return
    for name in names:
        try:
            child = labels[name]
            image = _multiscale(path, child, _facts(child), lazy=lazy)
        except (KeyError, ImageError):
            continue
        axes = image.shown.axes
        if "c" in axes and image.data.shape[axes.index("c")] == 1:
            image = _without(image, axes.index("c"))
        yield replace(image, shown=replace(image.shown, name=str(name), labels=True, channels=()))


def _without(image: LoadedImage, axis: int) -> LoadedImage:
    shown, drop = image.shown, tuple(slice(None) if at != axis else 0 for at in range(image.data.ndim))
    return replace(
        image,
        data=image.data[drop],
        spacing=image.spacing[:axis] + image.spacing[axis + 1 :],
        header=(shown.axes[:axis] + shown.axes[axis + 1 :]).upper(),
        shown=replace(
            shown,
            axes=shown.axes[:axis] + shown.axes[axis + 1 :],
            units=shown.units[:axis] + shown.units[axis + 1 :],
            origin=shown.origin[:axis] + shown.origin[axis + 1 :],
            levels=tuple(level[drop] for level in shown.levels),
        ),
    )


def _taken(array: Any, path: str, *, lazy: bool) -> Any:
    folder = None if is_address(path) else Path(path)

    def read(where: tuple[slice, ...]) -> NDArray[Any]:
        # A missing chunk is the fill value; of a share that went away every chunk is missing.
        if folder is not None and not folder.exists():
            raise FileNotFoundError(2, "the folder is not there")
        return np.asarray(array[where])

    if (lazy and array.nbytes > SMALL) or (lazy and is_address(path)):
        blocks = blocks_of(array.shape, array.dtype.itemsize, array.chunks)
        return lazy_array(read, array.shape, array.dtype, blocks, path)
    try:
        return read(tuple(slice(0, size) for size in array.shape))
    except MemoryError as error:
        raise ImageError(f"{path} asks for more memory than there is; open a part of it or in napari.") from error
    except Exception as error:
        raise _gone(path, error) from error


def _stem(path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    for end in (".ome.zarr", ".zarr"):
        if name.lower().endswith(end):
            return name[: -len(end)]
    return name
