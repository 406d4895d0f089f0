"""All of KOSPI, ingested twice: not one fact differs."""

from datetime import UTC, datetime

import pytest

from deployments.jobs import find_job, resolve_parameters
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import table_checksum
from pipelines_lib.settings import Settings
from pipelines_lib.sources import make_source
from pipelines_lib.tables import dataset_tables


@pytest.mark.slow
def test_kospi_ingested_twice_has_the_same_checksums(lake, shared_data, tmp_path):
    path = shared_data / "krx" / "kospi_2020_2026.parquet"
    job = find_job("krx-kospi")
    dataset = resolve_parameters(job, [f"source.path={path}"])["dataset"]
    tables = dataset_tables(dataset.columns)

    def ingest(place, name):
        source = make_source(dataset, Settings())
        at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        report = ingest_dataset(place, dataset, source, ingest_id=name, at=at)
        return report, {t.name: table_checksum(place, dataset.name, t) for t in tables}

    first, once = ingest(lake, "first")
    versions = [lake.table_version(dataset.name, table) for table in tables]
    second, twice = ingest(lake, "second")
    _, elsewhere = ingest(type(lake)(str(tmp_path / "elsewhere")), "first")

    assert first.observations.inserted == second.observations.unchanged == 1_428_297
    assert (first.n_series, first.quarantined, second.quarantined) == (948, 12, 0)
    assert once == twice == elsewhere
    assert versions == [lake.table_version(dataset.name, table) for table in tables]
    print(f"checksum of observations: {once['observations']}")
