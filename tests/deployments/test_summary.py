"""A night in the terminal."""

import io
import re

from rich.console import Console

from deployments.summary import print_night
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
