"""The command `tidewatch quarantine` on a lake that holds documents back."""

import io
import json
import re
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest
from rich.console import Console

from deployments.cli import main
from deployments.document_quarantine import print_documents
from pipelines_lib.config import DatasetConfig, DocumentsConfig
from pipelines_lib.ingestion.documents import ingest_documents
from pipelines_lib.lake import Lake

ROWS = """id,time,text
a,2024-01-02,profit soars
b,never,loss [red] widens
c,2024-01-03,
d,soon,nobody knows
"""


@pytest.fixture
def quarantine(tmp_path, monkeypatch, capsys):
    """Run the command on a lake with three bad documents; return exit code and what it said."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    path = tmp_path / "stories.csv"
    path.write_text(ROWS, encoding="utf-8")
    dataset = DatasetConfig(
        name="stories", kind="documents", documents=DocumentsConfig(kind="files", path=str(path))
    )
    ingest_documents(
        Lake(str(tmp_path / "lake")), dataset, ingest_id="i", at=datetime(2025, 1, 1, tzinfo=UTC)
    )

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidewatch", "quarantine", "stories", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, re.sub(r"\s+", " ", said.out + said.err)

    return run


def test_quarantine_lists_documents_by_rule_and_as_they_came(quarantine):
    code, said = quarantine()
    assert code == 0
    assert "stories: 3 documents in quarantine" in said
    assert "no_time 2 the time of publication is missing or cannot be read" in said
    assert "text loss [red] widens" in said
    assert "ingest again" in said
    assert "rows in quarantine" not in said  # it has no series


def test_quarantine_lists_the_documents_of_one_rule(quarantine):
    _, said = quarantine("--rule", "no_text", "--limit", "1")
    assert "stories: 1 document in quarantine" in said
    assert "no_time" not in said


def test_quarantine_shows_some_and_counts_the_rest(quarantine):
    assert "and 2 more: --limit shows more" in quarantine("--limit", "1")[1]


def test_print_documents_shows_broken_bytes_on_a_strict_terminal():
    row = json.dumps({"file": "a.csv", "text": "\udcb0 and 한"})
    held = pd.DataFrame({"rule": ["broken_encoding"], "row": [row], "reason": ["no UTF-8"]})
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    print_documents(held, "stories", Console(file=terminal, width=100), limit=1)
    terminal.seek(0)
    assert "text \\udcb0 and 한" in terminal.read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rule", "future_time"], "no document in quarantine with rule='future_time'"),
        (["--rule", "foo"], "no document in quarantine with rule='foo' (it has no_text, no_time)"),
        (["--series", "A"], "documents of stories are not held by series: leave out --series A"),
        (["--release"], "documents of stories are not released: correct the source"),
    ],
)
def test_quarantine_of_documents_refuses_in_a_sentence(quarantine, arguments, said):
    code, told = quarantine(*arguments)
    assert code == 1
    assert said in told
