"""A family of networks: how one is built, which sizes were published, and how its weights files are read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import COUNTER, load_state, require_all_keys, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["Family"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of network.

    Parameters
    ----------
    name
        As messages and weights files name it.
    config_class
        A frozen dataclass of plain values (numbers, bools, text, tuples of them).
    build
        Configuration to network; the network keeps it as its attribute ``config``.
    configs
        Published configurations by name, and ``"tiny"``, which tests run.
    marks
        Names that every released state dict of this family holds and none of another family; empty if nothing was
        ever released.
    from_upstream
        A released state dict and the constructor parameters saved beside it (empty if there are none) to the
        configuration and the state dict under our names, without the weights that upstream carries but never uses.
        None if nothing was ever released.
    first_click_counts
        Whether the first click has a part of its own. In the other families clicks of one sign may be given in any
        order.
    at_rest
        Beginnings of the names of parameters that :meth:`torch.nn.Module.forward` of a plain question does not reach:
        parts for other prompts, or that are trained apart.
    prompt_layers, head
        Beginnings of the names of the parameters that take the prompts in, and of those that make the mask of what the
        backbone sees, adapters included: what adapting to a user's images may be limited to.
    """

    name: str
    config_class: type[Any]
    build: Callable[[Any], nn.Module]
    configs: Mapping[str, Any]
    marks: tuple[str, ...] = ()
    from_upstream: Callable[[Mapping[str, Tensor], Mapping[str, Any]], tuple[Any, dict[str, Tensor]]] | None = None
    first_click_counts: bool = False
    at_rest: tuple[str, ...] = ()
    prompt_layers: tuple[str, ...] = ()
    head: tuple[str, ...] = ()

    def to_json(self, config: Any) -> str:
        """Return a configuration as JSON text."""
        return json.dumps(asdict(config))

    def from_json(self, text: str) -> Any:
        """Return the configuration that :meth:`to_json` wrote."""
        return self.config_class(**{name: _tuples(value) for name, value in json.loads(text).items()})

    def holds(self, state: Mapping[str, Tensor]) -> bool:
        """Whether a released state dict is one of this family's, judged by its names."""
        return bool(self.marks) and all(name in state for name in self.marks)

    def load(self, path: Path) -> nn.Module:
        """Build the network that a weights file holds, in evaluation mode.

        Parameters
        ----------
        path
            A safetensors file of ours, or a released ``.pth``, which is read without executing it.

        Raises
        ------
        WeightsError
            If the file cannot be read or holds another network.
        """
        state, metadata = load_state(path)
        if "config_json" in metadata:
            if metadata.get("family", self.name) != self.name:
                raise self._foreign(path)
            try:
                config = self.from_json(metadata["config_json"])
            except TypeError as error:
                # Older files do not say their family; another one's configuration has other fields.
                raise self._foreign(path) from error
        elif self.from_upstream is None:
            raise self._foreign(path)
        else:
            require_all_keys(path, self.name, state, self.marks)
            config, state = self.from_upstream(state, metadata.get("upstream", {}))
        return self.assemble(config, state, source=path)

    def assemble(self, config: Any, state: Mapping[str, Tensor], *, source: Path) -> nn.Module:
        """Build a network and put weights into it; ``source`` is the file that a message names.

        Raises
        ------
        WeightsError
            If the weights do not fit the configuration.
        """
        network = self.build(config)
        counters = {name: count for name, count in network.state_dict().items() if name.endswith(COUNTER)}
        try:
            network.load_state_dict({**counters, **state})
        except RuntimeError as error:
            raise self._foreign(source) from error
        return network.float().eval()

    def save(self, path: Path, network: nn.Module, metadata: Mapping[str, str], *, exact: bool = False) -> None:
        """Write a network's weights as safetensors, with its configuration and ``metadata`` inside.

        In float16, or with every number as it is if ``exact``.
        """
        save_checkpoint(
            path,
            network,
            config_json=self.to_json(network.config),
            metadata={**metadata, "family": self.name},
            exact=exact,
        )

    def _foreign(self, path: Path) -> WeightsError:
        return WeightsError(
            f"The weights in {path.name} belong to another network than {self.name}'s; choose the method that they "
            "were trained for."
        )


def _tuples(value: Any) -> Any:
    """Return JSON's lists as the tuples that they were."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
