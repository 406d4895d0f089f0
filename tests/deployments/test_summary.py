"""A night in the terminal."""

import io
import re
from datetime import UTC, datetime

from rich.console import Console

from deployments.night_texts import print_texts
from deployments.summary import print_ingest, print_night
from pipelines_lib.ingestion import IngestReport, Restatement
from pipelines_lib.ingestion.document_report import DocumentsReport
from pipelines_lib.lake import MergeCounts
from pipelines_lib.reports.sentiment_lines import MoverLine, TextNews
from pipelines_lib.reports.summary import NightSummary, RuleLine


def told(**fields):
    counts = ("n_series", "fetched", "inserted", "updated", "unchanged", "quarantined_new")
    night = NightSummary(
        **{
            **dict.fromkeys((*counts, "total_rows", "n_forecast_series", "n_events"), 0),
            **{"n_new_events": 0, "interval_pct": 90.0, "dataset": "prices", "unit": "KRW"},
            **{"newest": "2024-02-08", "target": "close", "repaired": {}, "quarantined": {}},
            **{"models": [], "forecasts": [], "events": []},
            **fields,
        }
    )
    out = io.StringIO()
    print_night(night, Console(file=out, width=100))
    return re.sub(r"[ \n]+", " ", out.getvalue())


RULES = [
    RuleLine("open_session", "postpone", 3, "it still moves", "A 2024-02-09"),
    RuleLine("missing_session", "warn", 9, "steps are missing", "A 2024-01-05"),
    RuleLine("halted", "repair", 2, "trading was halted", "A 2024-01-05"),
    RuleLine("stale_repeat", "warn", 13, "as before", "B 2024-01-05"),
]


def test_print_night_tells_what_was_put_off_and_warned_of():
    said = told(rules=RULES)
    assert "Put off open_session 3 Warned missing_session 9, stale_repeat 13 " in said


def test_print_night_tells_what_happened_to_series():
    said = told(
        restated=["A: 9 rows", "B: 1 row"],
        n_restated=2,
        n_stale=40,
        died={f"S{i}": "[not traded]" for i in range(5)},
        revived=["R"],
        n_dead=7,
        warnings=["the listing is old"],
        up_to_date=900,
    )
    for part in (
        "900 series were up to date and not asked for",
        "Restated A: 9 rows Restated B: 1 row ",
        "Stale 40 forecasts and scores",
        "Died S0: [not traded]; S1: [not traded]; S2: [not traded]; and 2 more ",
        "Came back R ",
        "Dead 7 series, 5 of them since tonight",
        "Warning the listing is old",
    ):
        assert part in said


def test_print_night_of_a_quiet_night_has_no_line_for_what_did_not_happen():
    said = told()
    for title in ("Put off", "Warned", "Restated", "Stale", "Died", "Came back", "Dead", "Warning"):
        assert title not in said


def test_print_ingest_tells_what_a_person_wants_to_know():
    day = datetime(2024, 2, 8, tzinfo=UTC)
    report = IngestReport(
        "prices",
        n_series=3,
        asked=3,
        fetched=40,
        observations=MergeCounts(inserted=30, updated=5, unchanged=5),
        rules={"halted": 2, "missing_session": 1},
        examples={"halted": "A 2024-02-07", "missing_session": "B 2024-02-01"},
        failures={"C": "the host answered [500]"},
        restated=(Restatement("A", day, day, 7, 0.02, 0.02, 0.02),),
        stale=4,
        died={"D": "no new row since 2023-10-02"},
        n_dead=2,
        warnings=("the listing is old",),
        last_time="2024-02-08T00:00:00+00:00",
    )
    out = io.StringIO()
    print_ingest(report, Console(file=out, width=100), seconds=1.25)
    said = re.sub(r"[ \n]+", " ", out.getvalue())
    for part in (
        "prices: rows until 2024-02-08T00:00",
        "Ingest 40 rows of 3 series fetched: 30 new, 5 changed",
        "Repair 2 halted (trading was halted",
        "Warn 1 missing_session",
        "Restated A: 7 stored rows from 2024-02-08 to 2024-02-08 changed by a factor of 0.02",
        "Stale 4 forecasts and scores",
        "Died D: no new row since 2023-10-02",
        "Dead 2 series in all, 1 since tonight",
        "Warning the listing is old",
        "Failed C: the host answered [500]",
    ):
        assert part in said


def test_print_trained_says_what_became_champion_and_why():
    from deployments.summary import print_trained
    from tasks.training_run import Trained

    left_out = {f"S{number:02}": "too short" for number in range(12)}
    trained = Trained("sensors-forecaster", "3", "abc", "challenger", "p = 0.4", 12.34, left_out)
    console = Console(record=True, width=80)
    print_trained(trained, console)
    said = console.export_text()
    for words in ("sensors-forecaster v3, challenger", "p = 0.4", "S09: too short", "and 2 more"):
        assert words in said
    assert "12.3" in said
    assert "S10" not in said


def make_news(n_movers=0):
    movers = [MoverLine(f"S{i}", 0.5, 4.0 - i, 1, [("[up]", 0.9)]) for i in range(n_movers)]
    return TextNews(
        3000, "2024-02-08", read=9, new=9, quarantined={"no_time": 2}, failures={"b.csv": "empty"},
        scorer="prices-classifier v3", scored=9, classes={"positive": 9}, movers=movers,
    )  # fmt: skip


def test_print_night_tells_of_documents_and_the_largest_movers_of_either_end():
    said = told(texts=make_news(6))
    assert "Documents 9 documents read: 9 new, 0 changed" in said
    assert "Held back no_time 2" in said
    assert "Sentiment 9 documents scored tonight by prices-classifier v3" in said
    assert re.findall(r"Mover (S\d) mood \+0.50 \((.\d\.\d\d)\), 1 document: \[up\]", said) == [
        ("S0", "+4.00"), ("S1", "+3.00"), ("S4", "+0.00"), ("S5", "-1.00"),
    ]  # fmt: skip
    assert "Failed b.csv: empty" in said


def test_print_night_of_one_mover_tells_of_it_once():
    assert told(texts=make_news(1)).count("Mover S0") == 1


def test_print_night_of_texts_alone_does_not_speak_of_series():
    said = told(texts=make_news(), has_series=False)
    assert "Ingest" not in said
    assert "Lake" not in said
    assert "Documents 9 documents read" in said


def test_print_texts_tells_rules_and_failures():
    newest = datetime(2024, 2, 8, 9, 30, tzinfo=UTC)
    report = DocumentsReport(
        "stories", read=9, new=6, quarantined=3, rules={"no_text": 2, "malformed": 1}, newest=newest
    )
    out = io.StringIO()
    print_texts(report, Console(file=out, width=120), seconds=1.25)
    said = re.sub(r"[ \n]+", " ", out.getvalue())
    assert said.startswith("stories: documents until 2024-02-08 09:30 Documents 9 documents read")
    assert said.index("Quarantine 1 malformed (") < said.index("Quarantine 2 no_text (")
