"""What every config shares: frozen, unknown keys refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DATASET_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
SERIES_PATTERN = r"^[A-Za-z0-9가-힣^][A-Za-z0-9가-힣 ._^=/:-]{0,63}$"
COLUMN_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"

DatasetName = Annotated[
    str,
    Field(pattern=DATASET_PATTERN, description="Dataset: lower-case letters, digits and hyphens."),
]
SeriesId = Annotated[str, Field(pattern=SERIES_PATTERN)]
ColumnName = Annotated[str, Field(pattern=COLUMN_PATTERN)]


class Config(BaseModel):
    """A frozen set of parameters; a key that is not a field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
