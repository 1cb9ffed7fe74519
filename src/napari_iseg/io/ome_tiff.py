"""Labels as OME-TIFF: the axes, the physical sizes and their units as OME-XML, which Fiji, QuPath and OMERO read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["OME_UNITS", "is_ome_tiff", "write_ome_tiff"]

OME_UNITS = {"um": "µm", "nm": "nm", "mm": "mm", "cm": "cm", "m": "m", "inch": "in"}
"""Our units of length to those of OME."""


def is_ome_tiff(file: Path) -> bool:
    """Whether a name asks for OME-TIFF: it ends in ``.ome.tif`` or ``.ome.tiff``."""
    return file.name.lower().endswith((".ome.tif", ".ome.tiff"))


def write_ome_tiff(
    file: Path, labels: NDArray[Any], axes: str, spacing: tuple[float, ...], unit: str | None, name: str
) -> None:
    """Write labels as zlib-compressed OME-TIFF.

    Parameters
    ----------
    file
        Where to.
    labels
        Labels in their final unsigned type, 2-D to 5-D.
    axes
        One letter of ``tczyx`` per axis of ``labels``.
    spacing
        Per axis of ``labels``; that of a channel axis is left out, as OME has none.
    unit
        Unit of length, None where nobody knows: then the sizes are in pixels.
    name
        Name of the image inside of the file.

    Raises
    ------
    ExportError
        If the labels have an axis that OME-TIFF does not know.
    """
    import tifffile

    if set(axes) - set("tczyx") or len(set(axes)) != labels.ndim:
        raise ExportError(
            f"OME-TIFF knows time, channel and three axes of space, not the {labels.ndim} axes of labels of the shape "
            f"{labels.shape}; export them as TIFF (.tif)."
        )
    metadata: dict[str, Any] = {"axes": axes.upper(), "Name": name}
    for axis, size in zip(axes, spacing, strict=True):
        if axis in "zyx":
            metadata[f"PhysicalSize{axis.upper()}"] = size
            metadata[f"PhysicalSize{axis.upper()}Unit"] = OME_UNITS.get(unit or "", "pixel")
        elif axis == "t":
            metadata["TimeIncrement"] = size
    tifffile.imwrite(
        file,
        labels,
        ome=True,
        bigtiff=labels.nbytes > 2**31,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
    )
