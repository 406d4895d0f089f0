"""A night in plain values and as markdown."""

import pytest

from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.model_lines import ModelLine, make_model_line, model_sentence
from pipelines_lib.reports.night_markdown import to_markdown
from pipelines_lib.reports.summary import (
    ForecastLine,
    Realised,
    acted_counts,
    ingest_sentence,
    rule_counts,
    series_news,
)
from pipelines_lib.reports.text import number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (0.000123456, "0.000123"),
        (0.5, "0.5"),
        (-0.51239, "-0.512"),
        (1.23456, "1.23"),
        (9.999, "10"),
        (12.345, "12.35"),
        (-56.781, "-56.78"),
        (123.45, "123.5"),
        (1234.5, "1,234"),
        (74000.0, "74,000"),
        (-1234567.8, "-1,234,568"),
    ],
)
def test_number_has_about_four_digits(value, shown):
    assert number(value) == shown


def test_rule_counts():
    assert rule_counts({"halted": 12_345, "duplicate": 1}) == "halted 12,345, duplicate 1"
    assert rule_counts({}) == "none"


def line(skill_pct, **fields):
    values = {
        "task": "forecast", "name": "f", "version": "2", "run_id": "r", "measure": "MAE",
        "unit": "KRW", "value": 900.0, "baseline": "last value", "baseline_value": 1000.0,
    }  # fmt: skip
    return ModelLine(**{**values, "skill_pct": skill_pct, **fields})


@pytest.mark.parametrize(
    ("skill", "verdict"),
    [
        (10.0, "better than last value"),
        (-10.0, "worse than last value"),
        (0.4, "no better or worse than last value"),
        (-0.4, "no better or worse than last value"),
    ],
)
def test_verdict_promises_nothing(skill, verdict):
    assert line(skill).verdict == verdict


@pytest.mark.parametrize(
    ("skill", "p", "verdict"),
    [
        (2.0, 0.05, "cannot be told from"),
        (-2.0, 0.11, "cannot be told from"),
        (0.3, 0.01, "better than"),
        (-2.0, 0.01, "worse than"),
    ],
)
def test_verdict_leaves_it_to_the_test_where_there_was_one(skill, p, verdict):
    tested = line(skill, p=p)
    assert tested.verdict == f"{verdict} {tested.baseline}"


def test_model_sentence_tells_the_baseline_with_units():
    assert model_sentence(line(10.0)) == "MAE 900.0 KRW, last value 1,000 KRW: skill +10.0 %"
    assert model_sentence(line(-3.25, unit="")) == "MAE 900.0, last value 1,000: skill -3.2 %"


QUIET = {
    "up_to_date": 0, "restated": [], "n_restated": 0, "n_stale": 0, "died": {}, "revived": [],
    "n_dead": 0, "warnings": [],
}  # fmt: skip


def test_acted_counts_are_of_one_action_in_the_order_of_the_rules(night):
    assert acted_counts(night(), "warn") == {"missing_session": 9, "stale_repeat": 1300}
    assert acted_counts(night(rules=[]), "warn") == {}


def test_ingest_sentence_speaks_of_series_not_asked_for_where_there_are(night):
    assert ingest_sentence(night()).endswith("; 942 series were up to date and not asked for")
    assert ingest_sentence(night(up_to_date=0)).endswith("2 new in quarantine")


def test_series_news_names_a_bounded_number_of_series(night):
    told = series_news(night(died={f"S{i}": "why" for i in range(1300)}), limit=2)
    assert dict(told)["Died"] == "S0: why; S1: why; and 1,298 more"
    restated = [text for title, text in told if title == "Restated"]
    assert [text[:6] for text in restated[:2]] == ["000660", "051910"]
    assert restated[2:] == ["and 3 more histories"]


def test_series_news_of_a_quiet_night_is_none(night):
    assert series_news(night(**QUIET), limit=3) == []


METRICS = {
    "mae": 1.0, "last_value_mae": 2.0, "mase": 0.9, "last_value_mase": 1.2, "skill_pct": 25.0,
    "test_series": 1.0, "anomalous_steps": 24.0, "test_steps": 1240.0,
    "average_precision": 0.6, "pca_average_precision": 0.4,
}  # fmt: skip


def make(task, **metrics):
    return make_model_line(
        task, "f", "2", "r", metrics={**METRICS, **metrics}, unit="KRW", note="why"
    )


def test_make_model_line_of_one_series_is_in_units():
    made = make("forecast")
    assert (made.measure, made.unit) == ("MAE", "KRW")
    assert (made.value, made.baseline_value, made.skill_pct) == (1.0, 2.0, 25.0)
    assert (made.baseline, made.note) == ("last value", "why")


def test_make_model_line_of_many_series_compares_by_mase():
    made = make("forecast", test_series=8.0)
    assert (made.measure, made.unit) == ("MASE", "")
    assert (made.value, made.baseline_value) == (0.9, 1.2)


def test_make_model_line_of_a_detector():
    made = make("detect")
    assert made.measure == "average precision (24 of 1,240 steps anomalous)"
    assert (made.value, made.baseline_value, made.baseline) == (0.6, 0.4, "windowed PCA")


def test_change_pct_is_to_the_last_step():
    values = {"series_id": "A", "last_time": "", "times": [], "lower": [], "upper": []}
    assert ForecastLine(last_value=100.0, values=[50.0, 110.0], **values).change_pct == (
        pytest.approx(10.0)
    )
    assert ForecastLine(last_value=0.0, values=[1.0], **values).change_pct == 0.0


def test_realised_skill():
    assert Realised(1, 3.0, 4.0, 90.0, 90.0).skill_pct == 25.0
    assert Realised(1, 3.0, 0.0, 90.0, 90.0).skill_pct == 0.0


@pytest.mark.parametrize(
    "said",
    [
        "# prices: night of 2024-02-08",
        "1,240 rows fetched: 1,200 new, 3 changed, 37 unchanged, 2 new in quarantine; 942 series "
        "were up to date and not asked for",
        "| open_session | put off | 3 | 005930 2024-02-09 | the bar still moves |",
        "| missing_session | warned of | 9 | 000660 2024-01-05 | steps are missing |",
        "| halted | repaired | 12 |",
        "| price_order | in quarantine | 2 |",
        "- **Restated**: 000660: 120 stored rows from 2023-08-14 to 2024-02-07 changed by a factor",
        "- **Restated**: and 1 more histories",
        "- **Stale**: 1,240 forecasts and scores, made on a history restated tonight",
        "- **Died**: 004410: not traded since 2023-11-01; 012600: no new row since 2023\n",
        "- **Came back**: 003620",
        "- **Dead**: 18 series, 2 of them since tonight",
        "- **Warning**: 2 of 6 series came without 2024-02-08",
        "123,456 rows of 8 series; repaired: halted 12; quarantined: price_order 4, duplicate 1",
        "**prices-forecaster v3**: MAE 812.4 KRW, last value 900.0 KRW: skill +9.7 %",
        "**Forecasts**: 7 series",
        "**Events**: 11, of them new tonight 1, alerts 1",
        "**Skipped**: training: the champion is young",
        "`/home/reports/prices.html`",
        "true since: 35; MAE 640.0 against 800.0 of the last value (skill +20.0 %); 89 % within "
        "the 90 % interval",
        "| series | last close | next | 90 % interval | in 2 steps |",
        "| 005930 | 74,000 | 74,100 | 72,000 to 76,200 | +2.00 % |",
        "- 000660 2024-01-02: close fell; still open; e1a2b3c4d5",
        "| e1a2b3c4d5 | 000660 (new) | 2024-01-02 | 2024-01-04 | 4.25 | 0.0004 | forecast, shift "
        "| volume_change | open | alert |",
        "To judge an event: `tidewatch label prices EVENT true|false`.",
        "| 035420 | the source has no rows |",
        "| 068270 | only 3 steps |",
    ],
)
def test_to_markdown_contains_what_the_night_says(night, said):
    assert said in to_markdown(night())


def test_to_markdown_of_a_night_without_anything(night):
    text = to_markdown(
        night(
            models=[],
            forecasts=[],
            events=[],
            realised=None,
            skipped=[],
            failures={},
            left_out={},
            repaired={},
            quarantined={},
            rules=[],
            **QUIET,
            n_events=0,
            n_new_events=0,
            n_forecast_series=0,
        )
    )
    assert "repaired: none; quarantined: none" in text
    assert "|" not in text
    assert "Skipped" not in text
    assert not any(title in text for title in ("Restated", "Stale", "Died", "Dead", "Warning"))


def test_to_markdown_tables_have_a_cell_for_every_column(night):
    widths = set()
    for block in to_markdown(night()).split("\n\n"):
        rows = [row for row in block.splitlines() if row.startswith("|")]
        widths.add(len({row.count("|") for row in rows}) if rows else 1)
    assert widths == {1}


def test_to_markdown_lists_a_bounded_number_of_lines(night):
    event = EventLine(
        "e1", "A", "2024-01-02", "2024-01-04", 3, 4.2, 0.1, "value", "pca", "open", "", "", False
    )
    many = night(events=[event] * 30, failures={f"S{i}": "why" for i in range(999)})
    text = to_markdown(many)
    assert text.count("| e1 | A | 2024-01-02") == 20
    assert text.count("| why |") == 50 + 1  # and the table's head


def test_make_model_line_of_a_classifier_stands_beside_tf_idf():
    metrics = {
        "accuracy": 0.9, "accuracy_baseline": 0.8, "skill_pct": 50.0, "test_documents": 1200.0,
        "mcnemar_p_vs_baseline": 0.2,
    }  # fmt: skip
    made = make_model_line("classify", "c", "1", "r", metrics=metrics, unit="KRW", note="first")
    assert model_sentence(made) == (
        "accuracy (1,200 documents) 0.9, TF-IDF + logistic regression 0.8: skill +50.0 %"
    )
    assert made.verdict == "cannot be told from TF-IDF + logistic regression"
