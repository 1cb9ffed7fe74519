"""Where a stage's batches come from: a data loader on the host, or crops made on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch.utils.data import DataLoader

from napari_iseg.training.device_crops import DeviceCrops
from napari_iseg.training.devices import loader_workers
from napari_iseg.training.stopping import leave_stopping_to_the_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric
    from torch import Tensor

    from napari_iseg.training.data import Crops
    from napari_iseg.training.stream import SampleNumbers

__all__ = ["open_batches"]


def open_batches(
    crops: Crops, numbers: SampleNumbers, fabric: Fabric, *, on_device: bool
) -> Iterator[tuple[Tensor, ...]]:
    """Return batches without end, on the run's device.

    Parameters
    ----------
    crops
        What a sample is.
    numbers
        Which samples are in each batch.
    fabric
        Where they go.
    on_device
        Whether the crops are made there; otherwise by workers on the host, or on a CPU by this process.
    """
    if on_device:
        return iter(DeviceCrops(crops, numbers, fabric.device))
    # On a CPU the network keeps every core busy; a worker would only take one away.
    workers = 0 if fabric.device.type == "cpu" else loader_workers(fabric.world_size)
    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        crops,
        # Torch's own type leaves out what only iterates, which it takes.
        batch_sampler=cast("Any", numbers),
        num_workers=workers,
        pin_memory=fabric.device.type == "cuda",
        worker_init_fn=leave_stopping_to_the_run,
    )
    return iter(cast("DataLoader[Any]", fabric.setup_dataloaders(loader, use_distributed_sampler=False)))
