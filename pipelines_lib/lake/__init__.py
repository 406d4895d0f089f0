"""Delta tables through delta-rs: declared schemas, merge by key, reads by series, time, version."""

from pipelines_lib.lake.datasets import declare_dataset, list_datasets, read_dataset
from pipelines_lib.lake.store import Lake, MergeCounts

__all__ = ["Lake", "MergeCounts", "declare_dataset", "list_datasets", "read_dataset"]
