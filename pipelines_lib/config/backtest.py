"""How a forecaster is backtested: folds that walk forward, and variants beside it."""

import re
import shlex
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import Config, shaped
from pipelines_lib.config.forecaster import ForecasterConfig
from pipelines_lib.config.overrides import apply_overrides
from pipelines_lib.errors import ConfigError

BASE = "base"
"""Name of the config that variants are variants of."""
VARIANT_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
VariantText = Annotated[str, shaped(pattern=rf"^\s*{VARIANT_NAME}\s*:.+=")]
"""A variant as it is written: `NAME: field=value field=value`."""
SHARED = ("horizon", "sampling_rate")
"""Fields in which variants cannot differ: they are judged on the very same targets."""


class BacktestConfig(Config):
    """Folds whose tests follow each other up to the newest step."""

    n_folds: int = Field(4, ge=1, le=100, description="Number of folds.")
    test_steps: int = Field(
        60, ge=1, le=100_000, description="Calendar steps that each fold is judged on."
    )
    window: Literal["expanding", "sliding"] = Field(
        "expanding",
        description="expanding: each fold learns from all history before its test; sliding: from "
        "the newest train_steps of it.",
    )
    train_steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="sliding: calendar steps that a fold learns from, those of validation and "
        "calibration among them.",
    )
    refit_every: int = Field(
        1,
        ge=0,
        le=100,
        description="Fit anew in every k-th fold and use that model in the folds between; 0: fit "
        "once, before the first.",
    )
    final_fit: bool = Field(
        False,
        description="Afterwards fit on the newest data too and register that model: as champion "
        "where there is none, else as challenger.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.window == "sliding") != (self.train_steps > 0):
            raise ValueError(
                f"window {self.window!r} with train_steps {self.train_steps}: set both, "
                "window=sliding and train_steps, or neither"
            )
        return self

    def fits_in(self, fold: int) -> bool:
        """Return whether a model is fitted anew in a fold, counted from 0."""
        return fold == 0 or (self.refit_every > 0 and fold % self.refit_every == 0)


def read_variants(base: ForecasterConfig, variants: list[str]) -> dict[str, ForecasterConfig]:
    """Return the base config and its variants by name, the base first.

    Args:
        base: What the variants change.
        variants: Each `NAME: field=value field=value`; a value with spaces stands in quotes.

    Raises:
        ConfigError: A variant has no name, a name is taken, or a field or value is refused.
    """
    made = {BASE: base}
    for variant in variants:
        name, separator, overrides = variant.partition(":")
        name = name.strip()
        if not separator or not re.fullmatch(VARIANT_NAME, name):
            raise ConfigError(
                f"variant {variant!r} has no name of letters, digits, - and _: write it as "
                "`stacked: layers=2 dropout=0.2`"
            )
        if name in made:
            raise ConfigError(f"variant {name!r} is there already: give each a name of its own")
        try:
            parts = shlex.split(overrides)
        except ValueError as error:
            raise ConfigError(f"variant {variant!r}: {error}: close the quotes") from error
        if not parts:
            raise ConfigError(f"variant {variant!r} changes nothing: add name=value, or drop it")
        config = apply_overrides(base, parts, said=f"variant {name}:")
        for field in SHARED:
            if getattr(config, field) != getattr(base, field):
                raise ConfigError(
                    f"variant {name} changes {field} to {getattr(config, field)}: variants are "
                    f"judged on the same targets; backtest another {field} on its own"
                )
        made[name] = config
    return made
