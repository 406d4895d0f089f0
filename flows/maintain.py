"""Keep the lake fast."""

from typing import Annotated

from pydantic import Field

from pipelines_lib.config import AnyDatasetName
from tasks.job import job
from tasks.maintain import compact_tables, list_dataset_names


@job("maintain", "maintain {dataset}")
def maintain(
    dataset: AnyDatasetName = "",
    keep_hours: Annotated[int, Field(ge=1, le=100_000)] = 720,
) -> dict[str, str]:
    """Join small files and drop old table versions; rows stay as they are.

    Args:
        dataset: Name of the dataset; empty: all of them.
        keep_hours: Hours that old table versions stay readable.
    """
    names = [dataset] if dataset else list_dataset_names()
    return {name: compact_tables(name, keep_hours) for name in names}
