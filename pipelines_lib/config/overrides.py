"""Fields of configs by name: `name=value` overrides of commands, variants and searches."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipelines_lib.errors import ConfigError, shown

ConfigKind = TypeVar("ConfigKind", bound=BaseModel)


def leaf_fields(path: str, hint: Any) -> dict[str, Any]:
    """Return every field that is not a model itself, by dotted path from `path`, with its type."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        leaves: dict[str, Any] = {}
        for name, info in hint.model_fields.items():
            leaves |= leaf_fields(f"{path}.{name}" if path else name, info.annotation)
        return leaves
    return {path: hint}


def find_path(name: str, fields: Mapping[str, Any], *, said: str) -> str:
    """Return the path that a name means: the whole path, or its end where that is unique.

    Args:
        name: A dotted path such as `training.max_epochs`, or its end.
        fields: The paths there are.
        said: How the name was given, for the error, e.g. `--set`.

    Raises:
        ConfigError: The name is unknown or ambiguous.
    """
    if name in fields:
        return name
    found = [path for path in fields if path.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{said} {name} could mean {', '.join(found)}: write the one you mean")
    known = f"there are {shown(fields, limit=80)}"
    if close := _close_paths(name, fields):
        known = f"did you mean {' or '.join(close)}?"
    raise ConfigError(f"{said} {name}: there is no such parameter; {known}")


def _close_paths(name: str, fields: Collection[str]) -> list[str]:
    """Return the paths whose end is spelled nearly like that of a name, the closest first."""
    *parents, last = name.split(".")
    ends = {path.rpartition(".")[2] for path in fields}
    close = get_close_matches(last, ends, n=2, cutoff=0.75)
    paths = [path for end in close for path in fields if path.rpartition(".")[2] == end]
    beside = [path for path in paths if path.split(".")[: len(parents)] == parents]
    return (beside or paths)[:3]


def parse_value(text: str, hint: Any) -> Any:
    """Return a written value as pydantic takes it: lists are written with commas."""
    if get_origin(hint) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if text == "" and type(None) in get_args(hint):
        return None
    return text


def put_value(parameters: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path of nested dicts, in place."""
    *parents, last = path.split(".")
    for name in parents:
        parameters = parameters.setdefault(name, {})
    parameters[last] = value


def split_override(override: str, *, said: str) -> tuple[str, str]:
    """Return name and text of a `name=value` override.

    Raises:
        ConfigError: It has no `=`.
    """
    name, separator, text = override.partition("=")
    if not separator:
        raise ConfigError(f"{said} {override!r} has no '=': write it as name=value")
    return name.strip(), text.strip()


def apply_overrides(config: ConfigKind, overrides: Sequence[str], *, said: str) -> ConfigKind:
    """Return a validated copy of a config with `name=value` overrides in place.

    Raises:
        ConfigError: A name is unknown or ambiguous, or a value is refused.
    """
    fields = leaf_fields("", type(config))
    parameters = config.model_dump()
    for override in overrides:
        name, text = split_override(override, said=said)
        path = find_path(name, fields, said=said)
        put_value(parameters, path, parse_value(text, fields[path]))
    try:
        return type(config).model_validate(parameters)
    except ValidationError as error:
        raise ConfigError(f"{said} {' '.join(overrides)}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Return a validation error as one line: field, what is wrong, the value."""
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
        + ("" if isinstance(e["input"], dict) else f" (got {e['input']!r})")
        for e in error.errors()
    )
