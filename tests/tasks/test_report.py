"""What a night says of the ingest: why nothing was stored, who has no result, the metrics."""

import pandas as pd
import pytest

from pipelines_lib.ingestion import IngestReport
from pipelines_lib.ingestion.document_report import DocumentsReport
from pipelines_lib.ingestion.states import DEAD, LIVE
from pipelines_lib.lake import Lake, MergeCounts
from pipelines_lib.settings import Settings
from pipelines_lib.tables import SERIES_STATES
from tasks.context import Context
from tasks.detect import Detection
from tasks.documents import IngestedTexts
from tasks.forecast import Forecast
from tasks.ingest import Ingested
from tasks.report import _left_out, _skipped
from tasks.sentiment import Scored


def ingested(**fields):
    return Ingested(IngestReport("prices", **{"n_series": 948, "asked": 948, **fields}), 1.0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"asked": 0}, "fetching: all 948 series are up to date"),
        ({"asked": 18}, "storing: of 18 series asked for none gave a row"),
        ({"fetched": 12}, "storing: all 12 rows were put off or went to quarantine"),
        (
            {"fetched": 2000, "observations": MergeCounts(unchanged=1990)},
            "storing: all 1,990 good rows are in the lake already",
        ),
    ],
)
def test_skipped_says_why_nothing_was_stored(fields, said):
    assert _skipped(ingested(**fields), [], None, None) == [said]


@pytest.mark.parametrize("counts", [MergeCounts(inserted=1), MergeCounts(deleted=1)])
def test_skipped_says_nothing_where_something_was_stored(counts):
    assert _skipped(ingested(fetched=9, observations=counts), [], None, None) == []


def test_left_out_names_no_series_that_was_dead_before_tonight(tmp_path, monkeypatch):
    context = Context(Settings(home=tmp_path))
    states = {"OLD": DEAD, "NEW": DEAD, "SHORT": LIVE}
    rows = pd.DataFrame({"series_id": list(states), "state": list(states.values())})
    rows = rows.assign(
        since=pd.Timestamp("2024-01-02", tz="UTC"), reason="r", asked_from="", ingest_id="i"
    )
    Lake(context.settings.lake_location).merge_rows("prices", SERIES_STATES, rows)
    forecast = Forecast("f", "1", left_out={"OLD": "no window", "NEW": "no window"})
    detection = Detection("d", "1", "causal", left_out={"OLD": "no window", "SHORT": "3 steps"})
    tonight = ingested(died={"NEW": "not traded since 2024-01-02"})

    left_out = _left_out(context, "prices", tonight, forecast, detection)

    assert left_out == {"NEW": "no window", "SHORT": "3 steps"}
    assert _left_out(context, "prices", tonight, None, None) == {}


def test_skipped_speaks_of_documents():
    texts = IngestedTexts(DocumentsReport("prices", read=1200, unchanged=1200), 1.0)
    scored = Scored("prices-classifier", "2", skipped="scoring: all documents are scored")
    assert _skipped(None, [], None, None, texts, scored) == [
        "documents: of 1,200 read none is new or changed",
        "training: prices-classifier has a champion, v2",
        "scoring: all documents are scored",
    ]
    some = IngestedTexts(DocumentsReport("prices", read=1200, changed=1), 1.0)
    assert _skipped(None, [], None, None, some, None) == []
