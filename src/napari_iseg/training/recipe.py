"""Recipes: everything that decides what a training run does, as one small typed file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError, UnknownNameError
from napari_iseg.inference.opening import resolve
from napari_iseg.training.augmentation import Augmentation
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from napari_iseg.models.families import Family

__all__ = ["LOSSES", "SCHEDULES", "DataRecipe", "Recipe", "Stage", "read_recipe", "recipe_names"]

SCHEDULES = ("icl", "sampled")
"""The names that a recipe's ``schedule`` can have."""

LOSSES = ("normalized-focal", "adaptive-focal")
"""The names that a recipe's ``loss`` can have."""

_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the run at one input size.

    Parameters
    ----------
    until
        Fraction of the run at which this stage ends, in (0, 1].
    size
        Rows and columns of the crops.
    batch
        Samples a step.
    """

    until: float
    size: int
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecipe:
    """What images are drawn, and how they are cut.

    Parameters
    ----------
    weights
        Folder name to how often it is drawn; a folder not named gets 1. ``procedural`` weighs the generated images.
    max_side
        Larger images are reduced on loading so that their longer side has this many pixels.
    min_pixels
        Smaller objects are not drawn.
    close_share
        Share of crops close around the object, as zoom-in makes them.
    smallest_share, largest_share
        Of the other crops' area the object takes this much, log-uniform between the two, as far as the images allow.
    copy_paste, image_mix
        Probabilities of SUEM's two kinds of pasting and of its mixing (``training.copy_paste``);
        CFR-ICL's recipes have 0.5 for both, 0 leaves it out. Every hit costs the time of a further crop.
    merged_share
        Share of crops whose object is two of the image's; RITM and its descendants have 0.15.
    augmentation
        How likely each change of a crop is; in a file a table.

    Raises
    ------
    IsegError
        If the two shares are not two numbers between 0 and 1 in rising order.
    """

    weights: dict[str, float] = field(default_factory=dict)
    max_side: int = 400
    min_pixels: int = 40
    close_share: float = 0.5
    copy_paste: float = 0.0
    image_mix: float = 0.0
    merged_share: float = 0.0
    smallest_share: float = 0.001
    largest_share: float = 0.9
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if not 0 < self.smallest_share < self.largest_share < 1:
            raise IsegError(
                f"The shares of a crop that objects take are {self.smallest_share} to {self.largest_share}; "
                "give two numbers between 0 and 1, the smaller one first."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run.

    Parameters
    ----------
    name, method
        Of the checkpoint and of the method it is for.
    network
        The network's configuration, of the method's family; in a file a table of its sizes, where ``config`` may name a
        published one to begin from.
    stages
        One after the other, by the fraction of the run that has passed.
    seconds
        Length of the run in wall time; ``--max-seconds`` overrides it.
    seed
        Of everything random.
    learning_rate, betas, weight_decay, warmup
        AdamW with a linear warm-up (fraction of the run) and a cosine decay to 1 % over the run.
    schedule
        ``"icl"`` learns from every answer (CFR-ICL), ``"sampled"`` from the last one only (RITM, SimpleClick).
    icl_terms
        Most answers that the iterative click loss sums (CFR-ICL, 3.2); their number is drawn for each step.
    sampled_passes
        Fewest and most answers without gradient before the one learnt from; RITM and SimpleClick have 0 and 3, CFR-ICL
        without its loss 1 and 3.
    mask_drop_share
        Share of answers whose previous mask the network is not shown.
    click_slots
        Most clicks of each sign at the start.
    random_first_clicks
        Share of steps that start from random clicks; the rest start from the one best click.
    inner_first_clicks
        Whether the first of random clicks lies in the object's middle, as FocalClick has it.
    boundary_clicks
        Share of correcting clicks near the object's boundary; FocalClick-XL has 0.5.
    loss
        ``"normalized-focal"`` (RITM and its descendants) or ``"adaptive-focal"`` (AdaptiveClick's AFL with ADA and
        AGR), of each answer; any method can train with either.
    focal_alpha
        Of the normalised focal loss.
    ema
        Decay per step of the averaged weights that are saved.
    mimetic
        Start attention as Trockman and Kolter (2023) do, for runs too short to learn locality.
    """

    name: str
    method: str
    network: Any
    stages: tuple[Stage, ...]
    data: DataRecipe
    seconds: float
    seed: int = 0
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.02
    warmup: float = 0.02
    schedule: str = "icl"
    icl_terms: int = 3
    sampled_passes: tuple[int, int] = (0, 3)
    mask_drop_share: float = 0.0
    click_slots: int = 24
    random_first_clicks: float = 0.5
    inner_first_clicks: bool = False
    boundary_clicks: float = 0.0
    loss: str = "normalized-focal"
    focal_alpha: float = 0.5
    ema: float = 0.998
    mimetic: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UnknownNameError("schedule", self.schedule, SCHEDULES)
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)

    @property
    def family(self) -> Family:
        """The family of the method's networks."""
        return _family(self.method)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_recipe(name_or_file: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name_or_file
        A name of :func:`recipe_names`, or the path of a ``.toml`` file of the same form.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    IsegError
        If the file does not say what a recipe must.
    """
    path = Path(name_or_file) if name_or_file.endswith(".toml") else _FOLDER / f"{name_or_file}.toml"
    if not path.is_file():
        raise UnknownNameError("recipe", name_or_file, recipe_names())
    try:
        return _from_table(tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise IsegError(
            f"The recipe {path.name} cannot be read: {error}; compare it with those of the package."
        ) from error


def _from_table(table: dict[str, Any]) -> Recipe:
    family = _family(table["method"])
    sizes = _with_tuples(table.pop("network"))
    published = sizes.pop("config", None)
    if published is not None and published not in family.configs:
        raise UnknownNameError("configuration", published, family.configs)
    network = replace(family.configs[published], **sizes) if published else family.config_class(**sizes)
    stages = tuple(Stage(**stage) for stage in table.pop("stages"))
    data = table.pop("data")
    data["augmentation"] = Augmentation(**data.get("augmentation", {}))
    return Recipe(network=network, stages=stages, data=DataRecipe(**data), **_with_tuples(table))


def _family(method: str) -> Family:
    spec = find_method(method)
    if spec.family is None:
        raise IsegError(f"The method {method!r} has no network to train.")
    family: Family = resolve(spec.family)
    return family


def _with_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
