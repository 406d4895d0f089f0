"""How a search goes: what is varied, how many trials, who proposes and who stops them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipelines_lib.config.base import DATASET_PATTERN, LARGEST_SEED, Config, shaped
from pipelines_lib.config.space import split_entry
from pipelines_lib.errors import ConfigError


def _well_written(entry: str) -> str:
    try:
        split_entry(entry)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return entry


class SearchConfig(Config):
    """A search for a better forecaster; the forecaster it starts from is the first trial."""

    name: str = Field(
        "",
        pattern=rf"^$|{DATASET_PATTERN}",
        description="Study: one of this name that was begun goes on; empty: the dataset's name.",
    )
    space: list[Annotated[str, AfterValidator(_well_written), shaped(pattern="^.+=.+$")]] = Field(
        default=[
            "cell=lstm|gru",
            "hidden=16..128 log",
            "layers=1..2",
            "dropout=0..0.5",
            "lookback=10..60",
            "training.learning_rate=1e-4..1e-2 log",
        ],
        min_length=1,
        description="Fields of the forecaster that are varied, one `name=low..high`, "
        "`name=low..high log` or `name=a|b|c` each.",
    )
    n_trials: int = Field(
        30, ge=1, le=10_000, description="Trials in all, those of earlier runs of the study too."
    )
    timeout_minutes: float = Field(
        0.0, ge=0, le=100_000, description="Minutes after which no new trial begins; 0: no limit."
    )
    sampler: Literal["tpe", "gp", "random"] = Field(
        "tpe",
        description="Who proposes: tpe: tree-structured Parzen estimator; gp: Gaussian process, "
        "for few and long trials; random: nobody.",
    )
    n_startup_trials: int = Field(
        8,
        ge=1,
        le=10_000,
        description="Trials at random before the sampler proposes and the pruner judges.",
    )
    pruner: Literal["median", "none"] = Field(
        "median",
        description="median: a trial ends early when its validation loss is worse than that of "
        "half the trials before it after as many epochs.",
    )
    warmup_epochs: int = Field(
        3,
        ge=0,
        le=10_000,
        description="median: epochs that every trial takes before it may be ended.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the sampler.")
