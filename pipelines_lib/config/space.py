"""A search space beside the config: `name=low..high`, `name=low..high log` or `name=a|b|c`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pipelines_lib.config.forecaster import ForecasterConfig
from pipelines_lib.config.overrides import explain, find_path, leaf_fields, put_value
from pipelines_lib.errors import ConfigError

Value = str | int | float | bool

ENTRY = re.compile(r"^(?P<name>[A-Za-z_.]+)\s*=\s*(?P<values>\S.*)$")
RANGE = re.compile(r"^(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+?)(?P<log>\s+log)?$")

JUDGED_OTHERWISE = "trials of it would be judged on other rows or by other means"
REFUSED = {
    "horizon": JUDGED_OTHERWISE,
    "sampling_rate": JUDGED_OTHERWISE,
    "min_lookback": JUDGED_OTHERWISE,
    "scope": JUDGED_OTHERWISE,
    "season": "it changes the baseline that trials are judged beside, not the forecast",
    "interval": "it changes what the interval promises, not how good the forecast is",
    "interval_method": "it is chosen by coverage and width; trials are judged by their error",
    "split.validation_steps": JUDGED_OTHERWISE,
    "split.calibration_steps": JUDGED_OTHERWISE,
    "split.test_steps": JUDGED_OTHERWISE,
    "split.gap_steps": JUDGED_OTHERWISE,
    "training.seed": "the best of many seeds is luck; raise members to average over seeds",
}
"""Fields that a search must not vary, with the reason."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both inclusive; `log`: drawn evenly on a logarithmic scale."""

    path: str
    low: float
    high: float
    log: bool
    integer: bool

    def __str__(self) -> str:
        return f"{self.path}={self.low:.12g}..{self.high:.12g}{' log' if self.log else ''}"


@dataclass(frozen=True)
class Choices:
    """A few values, in no order."""

    path: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.path}={'|'.join(map(str, self.values))}"


Dimension = Range | Choices


def split_entry(entry: str) -> tuple[str, str]:
    """Return name and values of an entry, as they are written.

    Raises:
        ConfigError: It is written otherwise.
    """
    found = ENTRY.match(entry.strip())
    values = found["values"] if found else ""
    if found is None or not ("|" in values or RANGE.match(values)):
        raise ConfigError(
            f"space entry {entry!r}: write it as name=low..high, name=low..high log, or name=a|b|c"
        )
    return found["name"], values


def parse_space(entries: Sequence[str], base: ForecasterConfig) -> list[Dimension]:
    """Return what a search of this forecaster varies, in the order of the entries.

    Names are paths of its config such as `training.learning_rate`, or their ends where unique.

    Raises:
        ConfigError: An entry names no field, or one that changes how a trial is judged; or it has
            values that the field refuses, or fewer than two.
    """
    fields = leaf_fields("", type(base))
    dimensions: dict[str, Dimension] = {}
    for entry in entries:
        name, values = split_entry(entry)
        path = find_path(name, fields, said="space entry")
        if path in dimensions:
            raise ConfigError(f"space entry {entry!r}: {path} stands there twice, remove one")
        dimensions[path] = _dimension(entry, path, values, type(base))
    model = dimensions.get("model")
    if not base.trained and model is None:
        raise ConfigError(
            f"forecaster.model {base.model} has nothing to train, so that every trial would be the "
            "same: choose a network, or search model=a|b"
        )
    return list(dimensions.values())


def configure(base: ForecasterConfig, values: dict[str, Value]) -> ForecasterConfig:
    """Return the forecaster with these values, by path, in place.

    Raises:
        ConfigError: They do not go together.
    """
    parameters = base.model_dump()
    for path, value in values.items():
        put_value(parameters, path, value)
    try:
        return type(base).model_validate(parameters)
    except ValidationError as error:
        raise ConfigError(explain(error).removeprefix(": ")) from error


def value_at(config: BaseModel, path: str) -> Any:
    """Return the value at a dotted path."""
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _dimension(entry: str, path: str, values: str, kind: type[BaseModel]) -> Dimension:
    field = _field(path, kind)
    if path in REFUSED:
        raise ConfigError(f"space entry {entry!r}: {path} cannot be searched, {REFUSED[path]}")
    if get_origin(field.annotation) is list:
        raise ConfigError(
            f"space entry {entry!r}: {path} is a list; a search varies numbers and choices"
        )
    written = RANGE.match(values)
    if written is None:
        chosen = tuple(_value(entry, text.strip(), field) for text in values.split("|"))
        if len(set(chosen)) < len(chosen):
            raise ConfigError(f"space entry {entry!r}: a choice stands there twice, remove one")
        return Choices(path, chosen)
    if field.annotation not in (int, float):
        raise ConfigError(f"space entry {entry!r}: {path} is no number, write it as {path}=a|b|c")
    low, high = (float(_value(entry, written[end], field)) for end in ("low", "high"))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            f"space entry {entry!r}: {written['low']} must be finite and below {written['high']}"
        )
    if written["log"] and low <= 0:
        raise ConfigError(f"space entry {entry!r}: a logarithmic range begins above 0")
    return Range(path, low, high, bool(written["log"]), field.annotation is int)


def _field(path: str, kind: type[BaseModel]) -> FieldInfo:
    *parents, last = path.split(".")
    for name in parents:
        kind = kind.model_fields[name].annotation  # type: ignore[assignment]
    return kind.model_fields[last]


def _value(entry: str, text: str, field: FieldInfo) -> Any:
    """Return a written value as the field takes it, its own bounds included."""
    kind: Any = Annotated[field.annotation, field]
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise ConfigError(f"space entry {entry!r}: {explain(error).removeprefix(': ')}") from error
