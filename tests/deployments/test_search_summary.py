"""A search in the terminal."""

import io
import re

import pytest
from rich.console import Console

from deployments.search_summary import print_search
from tasks.search import Searched

MASE = {"best": 0.8, "base": 1.0, "last_value": 1.2, "drift": 1.3, "seasonal_naive": 0.9}


def told(**fields):
    searched = Searched(
        **{
            "dataset": "prices",
            "study": "prices-wide",
            "wished": 9,
            "trials": {"complete": 6, "pruned": 2, "failed": 0},
            "best_trial": 4,
            "best_values": {"hidden": "64", "cell": "[gru]"},
            "selection_mase": {"best": 0.7, "last_value": 1.1},
            "test_mase": MASE,
            "test_windows": 1234,
            "job": "prices-wide-best",
            "stored": "/home/jobs/prices-wide-best.yaml",
            "notes": [],
            "run_id": "abc",
            "seconds": 61.25,
            **fields,
        }
    )
    out = io.StringIO()
    print_search(searched, Console(file=out, width=100), mlflow_server="http://mlflow:5000")
    return re.sub(r"[ \n]+", " ", out.getvalue())


def test_print_search_tells_what_was_found_and_how_to_use_it():
    said = told(notes=["no trial is pruned: [why]"])
    for part in (
        "prices: study prices-wide",
        "MASE on 1,234 held-out windows that no trial saw",
        "best trial 0.8000 seasonal naive 0.9000 what the search started from 1.0000 last value",
        "Trials 6 complete, 2 pruned; 9 wished",
        "Best trial 4: hidden=64, cell=[gru]",
        "Selection MASE 0.7000 on the rows that trials competed on, 1.1000 of the last value",
        "Note no trial is pruned: [why]",
        "Job prices-wide-best, stored as /home/jobs/prices-wide-best.yaml",
        "run prices-wide-best",
        "MLflow page http://mlflow:5000",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("mase", "sentence"),
    [
        ({}, "20.00 % better than what the search started from; it beats the best baseline (sea"),
        ({"best": 1.1}, "10.00 % worse than what the search started from; it does not beat the"),
        ({"base": 0.8}, "the search found nothing better than what it started from; it beats"),
        ({"last_value": 0.5}, "it does not beat the best baseline (last value)"),
    ],
)
def test_print_search_says_what_the_best_is_worth(mase, sentence):
    assert sentence in told(test_mase={**MASE, **mase})
