"""What every config shares: frozen, unknown keys refused."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

DATASET_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
SERIES_PATTERN = r"^[A-Za-z0-9가-힣^][A-Za-z0-9가-힣 ._^=/:-]{0,63}$"
COLUMN_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"

TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
LARGEST_SEED = 2**32 - 1

DatasetName = Annotated[
    str,
    Field(pattern=DATASET_PATTERN, description="Dataset: lower-case letters, digits and hyphens."),
]
AnyDatasetName = Annotated[
    str, Field(pattern=f"^$|{DATASET_PATTERN}", description="Dataset; empty: all of them.")
]
SeriesId = Annotated[str, Field(pattern=SERIES_PATTERN)]
ColumnName = Annotated[str, Field(pattern=COLUMN_PATTERN)]


def shaped(**schema: Any) -> FieldInfo:
    """Tell a form alone what a text looks like, e.g. by `pattern`.

    Prefect refuses what is unlike it before a run starts; a validator of our own stays the one that
    says in a sentence how to write it.
    """
    return Field(json_schema_extra=schema)


def make_title(name: str, field: Any = None) -> str:
    """Return the title that a form gives to a field: its name in words."""
    words = name.removeprefix("n_").replace("_", " ")
    return words[0].upper() + words[1:]


def _complete_form(schema: dict[str, Any], kind: type[BaseModel]) -> None:
    """Give every field of a schema a title and its default: pydantic leaves out those of models."""
    for name, drawn in schema.get("properties", {}).items():
        drawn.setdefault("title", make_title(name))
        field = kind.model_fields[name]
        if "default" not in drawn and not field.is_required():
            made = field.get_default(call_default_factory=True, validated_data={})
            drawn["default"] = to_jsonable_python(made)


class Config(BaseModel):
    """A frozen set of parameters; a key that is not a field is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        field_title_generator=make_title,
        json_schema_extra=_complete_form,
    )
