"""The state that a flow run ends in."""

from pipelines_lib.ingestion import IngestReport
from pipelines_lib.ingestion.document_report import DocumentsReport
from tasks.outcome import end_state

ROWS, TEXTS = IngestReport("prices"), DocumentsReport("prices", read=3, new=3)


def test_end_state_is_completed_where_everything_answered():
    state = end_state("done", ROWS, TEXTS)
    assert (state.name, state.data) == ("Completed", "done")
    assert state.message == f"{ROWS.sentence}; {TEXTS.sentence}"


def test_end_state_is_partial_where_a_file_of_documents_failed():
    broken = DocumentsReport("prices", read=3, new=3, failures={"b.csv": "it is empty"})
    state = end_state("done", ROWS, broken)
    assert state.name == "Partial"
    assert "b.csv (it is empty)" in state.message
    assert end_state("done", IngestReport("prices", failures={"A": "gone"})).name == "Partial"


def test_end_state_is_partial_where_the_run_went_on_without_something():
    state = end_state("done", ROWS, failed="documents failed: no label")
    assert (state.name, state.data) == ("Partial", "done")
    assert state.message == f"{ROWS.sentence}; documents failed: no label"
