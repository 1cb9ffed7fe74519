"""Recipes: everything that decides what a training run does, as one small typed file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iseg.errors import IsegError, OptionError, UnknownNameError
from napari_iseg.inference.opening import resolve
from napari_iseg.training.augmentation import Augmentation
from napari_iseg.training.data_recipe import DataRecipe
from napari_iseg.training.length import UNITS, RunLength
from napari_iseg.zoo import find_method

if TYPE_CHECKING:
    from napari_iseg.models.families import Family

__all__ = ["LOSSES", "RATE_SCHEDULES", "SCHEDULES", "DataRecipe", "Recipe", "Stage", "read_recipe", "recipe_names"]

SCHEDULES = ("icl", "sampled")
"""The names that a recipe's ``schedule`` can have."""

LOSSES = ("normalized-focal", "adaptive-focal")
"""The names that a recipe's ``loss`` can have."""

RATE_SCHEDULES = ("cosine", "milestones", "linear")
"""The names that a recipe's ``rate_schedule`` can have."""

_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the run at one input size.

    Parameters
    ----------
    until
        Fraction of the run at which this stage ends, in (0, 1].
    size
        Rows of the crops.
    batch
        Samples at a time on each device; a step learns from as many times the recipe's ``accumulate`` and the devices.
    columns
        Of the crops; None for as many as rows. RITM's are 320 x 480.
    """

    until: float
    size: int
    batch: int
    columns: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the crops."""
        return self.size, self.columns or self.size


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
    seconds, steps, samples
        Length of the run: one of wall time, steps, and samples, the others None. ``--max-seconds`` and so on override
        it. A run in steps or samples gives the same weights however often it is interrupted.
    epoch_samples
        Samples to an epoch. Where it is given, ``warmup`` and ``milestones`` are in epochs, else they are fractions of
        the run.
    seed
        Of everything random.
    learning_rate, betas, weight_decay
        AdamW; without decay it is Adam.
    warmup
        How long the rate rises linearly from a thousandth.
    rate_schedule
        ``"cosine"``: after the warm-up half a cosine down to ``final_rate``. ``"linear"``: a straight line down to that
        ("poly" with power 1). ``"milestones"``: a tenth of it from each milestone on.
    milestones
        When the rate falls, with ``"milestones"``.
    final_rate
        What is left of the rate at the end, with ``"cosine"`` and ``"linear"``.
    rates
        Beginning of parameters' names to how many times the rate these have; of several beginnings the longest counts.
    schedule
        ``"icl"`` learns from every answer (CFR-ICL), ``"sampled"`` from the last one only (RITM, SimpleClick).
    icl_terms
        Most answers that the iterative click loss sums (CFR-ICL, 3.2); their number is drawn for each step.
    sampled_passes
        Fewest and most answers without gradient before the one learnt from; RITM and SimpleClick have 0 and 3, CFR-ICL
        without its loss 1 and 3.
    batch_statistics
        Whether answers without gradient are given with the batch's own statistics where norms look at it, not in RITM's
        evaluation mode: while a short run changes its weights fast, averaged statistics make nonsense of them.
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
    dice_weight
        Of the dice loss that is added to each answer's; short runs learn faster with it.
    accumulate
        Batches that a step learns from; for batches larger than the device's memory.
    lesson
        Options of the method's lesson, by the names of its keyword arguments.
    ema
        Decay per step of the averaged weights that are saved.
    parts_from
        Weights of a click network, a known name or a file, whose parts that this network has too it starts with
        (:func:`napari_iseg.training.starting.start_parts_from`); None starts all of it at random.
    mimetic
        Start attention as Trockman and Kolter (2023) do, for runs too short to learn locality.
    """

    name: str
    method: str
    network: Any
    stages: tuple[Stage, ...]
    data: DataRecipe
    seconds: float | None = None
    steps: int | None = None
    samples: int | None = None
    epoch_samples: int | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.02
    warmup: float = 0.02
    rate_schedule: str = "cosine"
    milestones: tuple[float, ...] = ()
    final_rate: float = 0.01
    rates: dict[str, float] = field(default_factory=dict)
    schedule: str = "icl"
    icl_terms: int = 3
    sampled_passes: tuple[int, int] = (0, 3)
    batch_statistics: bool = False
    mask_drop_share: float = 0.0
    click_slots: int = 24
    random_first_clicks: float = 0.5
    inner_first_clicks: bool = False
    boundary_clicks: float = 0.0
    loss: str = "normalized-focal"
    focal_alpha: float = 0.5
    dice_weight: float = 0.0
    accumulate: int = 1
    lesson: dict[str, Any] = field(default_factory=dict)
    ema: float = 0.998
    parts_from: str | None = None
    mimetic: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UnknownNameError("schedule", self.schedule, SCHEDULES)
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        if self.accumulate < 1:
            raise OptionError(f"accumulate must be a whole number of at least 1; {self.accumulate} was given.")
        if self.rate_schedule not in RATE_SCHEDULES:
            raise UnknownNameError("rate schedule", self.rate_schedule, RATE_SCHEDULES)
        # Two lengths, or none, are refused here and not an hour later.
        _ = self.length
        if self.epoch_samples is not None and self.samples is None:
            raise IsegError(f"The recipe {self.name!r} gives 'epoch_samples'; give its length as 'samples' too.")

    @property
    def length(self) -> RunLength:
        """How long the run is."""
        length = RunLength.of({"seconds": self.seconds, "steps": self.steps, "samples": self.samples})
        if length is None:
            raise OptionError(f"The recipe {self.name!r} has no length; give it one of {', '.join(UNITS)}.")
        return length

    @property
    def epochs(self) -> float:
        """Length of the run in the unit of ``warmup`` and ``milestones``: epochs, or 1 where they are fractions."""
        return 1.0 if self.samples is None or self.epoch_samples is None else self.samples / self.epoch_samples

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
    data, lesson = table.pop("data"), _with_tuples(table.pop("lesson", {}))
    data["augmentation"] = Augmentation(**data.get("augmentation", {}))
    return Recipe(network=network, stages=stages, data=DataRecipe(**data), lesson=lesson, **_with_tuples(table))


def _family(method: str) -> Family:
    spec = find_method(method)
    if spec.family is None:
        raise IsegError(f"The method {method!r} has no network to train.")
    family: Family = resolve(spec.family)
    return family


def _with_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
