"""Documents of real corpora, and of a synthetic market."""

from datetime import UTC, datetime

import numpy as np
import pytest

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.ingestion.document_sources import make_document_source
from pipelines_lib.ingestion.documents import ingest_documents
from pipelines_lib.lake import list_datasets
from pipelines_lib.series.calendar import make_calendar, naive_times
from pipelines_lib.sources.market import MarketSource
from pipelines_lib.tables import DOCUMENTS

AT = datetime(2026, 6, 1, tzinfo=UTC)


def _ingest(lake, at=AT, **declared):
    dataset = DatasetConfig(name="texts", **declared)
    return ingest_documents(lake, dataset, ingest_id="i", at=at)


@pytest.mark.parametrize(
    "calendar", [{}, {"calendar": "fixed", "step_minutes": 1440}], ids=["XKRX", "fixed"]
)
def test_ingest_documents_of_a_synthetic_market_foretell_the_step_after_theirs(lake, calendar):
    documents = {"kind": "synthetic", "n_documents": 6000}
    report = _ingest(lake, documents=documents, **calendar)
    assert (report.new, report.quarantined) == (6000, 0)
    rows = lake.read_rows("texts", DOCUMENTS)
    dataset = DatasetConfig(name="texts", documents=documents, **calendar)
    bars = MarketSource(dataset).fetch_rows(dict.fromkeys(["SYN002"]), end=None).rows
    known = make_calendar(dataset)
    position = known.positions(naive_times(bars["time"]))
    returns = np.diff(np.log(bars["close"].to_numpy()), prepend=np.nan)  # of each step of it
    step = known.document_positions(naive_times(rows["time"]))
    assert step.max() <= position[-1]
    mine = (rows["series_ids"] == "SYN002").to_numpy()
    mine = mine & (position[0] < step) & (step < position[-1])
    counts_for = np.searchsorted(position, step[mine])
    tone = rows["label"][mine].map({"negative": -1, "neutral": 0, "positive": 1}).to_numpy("f8")
    assert np.corrcoef(tone, returns[counts_for + 1])[0, 1] > 0.2
    assert abs(np.corrcoef(tone, returns[counts_for])[0, 1]) < 0.1
    assert _ingest(lake, documents=documents, **calendar).unchanged == 6000


def test_ingest_documents_of_headlines_alone_and_of_a_fixed_calendar(lake):
    assert _ingest(lake, kind="documents", documents={"kind": "synthetic"}).new == 3000
    assert set(lake.read_rows("texts", DOCUMENTS)["series_ids"]) == {""}
    dataset = DatasetConfig(
        name="hourly", calendar="fixed", step_minutes=60, documents={"kind": "synthetic"}
    )
    report = ingest_documents(lake, dataset, ingest_id="i", at=AT, series_ids=["SYN001", "other"])
    assert report.new == 3000
    spoken = lake.read_rows("hourly", DOCUMENTS)["series_ids"]
    assert set(spoken) == {"", "SYN001", "other", "SYN001,other"}


def test_ingest_documents_refuses_a_dataset_without_documents(lake):
    with pytest.raises(ConfigError, match=r"dataset texts has documents\.kind=none: name where"):
        _ingest(lake)
    assert list_datasets(lake) == []


def test_make_document_source_gives_large_numbers_in_blocks():
    config = {"kind": "synthetic", "n_documents": 45_000}
    source = make_document_source(DatasetConfig(name="t", kind="documents", documents=config))
    raws = list(source.read_part("headlines"))
    assert [len(raw.rows) for raw in raws] == [20_000, 20_000, 5_000]
    ids = [name for raw in raws for name in raw.rows["document_id"]]
    assert len(set(ids)) == 45_000


@pytest.mark.slow
def test_ingest_documents_keeps_every_review(lake, shared_data):
    documents = {
        "kind": "files",
        "path": f"{shared_data}/nsmc/ratings_train.txt",
        "file_format": "tsv",
        "time_column": "",
        "text_column": "document",
        "label_column": "label",
        "language": "ko",
    }
    report = _ingest(lake, kind="documents", documents=documents)
    assert (report.read, report.new, report.rules) == (150_000, 150_000, {})
    counts = lake.count_rows("texts", DOCUMENTS, by="label")
    assert counts.to_dict() == {"0": 75_173, "1": 74_827}
    empty = lake.read_rows("texts", DOCUMENTS, columns=["text"], equal={"text": ""})
    assert len(empty) == 5


def test_ingest_documents_keeps_every_name_and_sentence(lake, shared_data):
    documents = {"kind": "files", "path": f"{shared_data}/names", "label_from_file": True}
    report = _ingest(lake, kind="documents", documents=documents)
    assert (report.new, report.repeated, report.rules) == (20_050, 0, {})
    counts = lake.count_rows("texts", DOCUMENTS, by="label")
    assert (len(counts), counts["Russian"], counts["Vietnamese"]) == (18, 9384, 73)
    for column in ("sentence", "kor_sentence"):
        documents = {
            "kind": "files",
            "path": f"{shared_data}/finsent",
            "id_column": "",
            "time_column": "",
            "text_column": column,
            "label_column": "labels",
        }
        name = column.replace("_", "-")
        dataset = DatasetConfig(name=name, kind="documents", documents=documents)
        assert ingest_documents(lake, dataset, ingest_id="i", at=AT).new == 4846
