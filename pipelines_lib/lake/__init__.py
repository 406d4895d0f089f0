"""Delta tables through delta-rs: declared schemas, merge by key, reads by series, time, version."""

from pipelines_lib.lake.arrow import encode_text
from pipelines_lib.lake.checksum import table_checksum
from pipelines_lib.lake.datasets import declare_dataset, list_datasets, read_dataset
from pipelines_lib.lake.merge import MergeCounts
from pipelines_lib.lake.store import Lake

__all__ = [
    "Lake",
    "MergeCounts",
    "declare_dataset",
    "encode_text",
    "list_datasets",
    "read_dataset",
    "table_checksum",
]
