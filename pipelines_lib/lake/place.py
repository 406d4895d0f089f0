"""Where the tables of a lake lie."""

import re

from pipelines_lib.config.base import DATASET_PATTERN
from pipelines_lib.errors import LakeError
from pipelines_lib.lake.stored import StoredTable, open_table
from pipelines_lib.tables import Table

ROOT = "_lake"
"""Folder of the tables that belong to no dataset; not a valid dataset name."""


class Place:
    """A folder or object-store prefix, and the tables in it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def _location(self, dataset: str, table: Table) -> str:
        if dataset != ROOT and not re.fullmatch(DATASET_PATTERN, dataset):
            raise LakeError(
                f"dataset name {dataset!r} is not valid: use lower-case letters, digits, hyphens"
            )
        return f"{self.uri}/{dataset}/{table.name}"

    def _open(self, dataset: str, table: Table, version: int | None = None) -> StoredTable | None:
        location = self._location(dataset, table)
        return open_table(location, f"{dataset}.{table.name}", table, version)
