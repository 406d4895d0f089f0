"""A night's scoring against a real lake, as the detect task does it."""

import pandas as pd
import torch

from pipelines_lib.anomaly.nightly import ScoredNight, score_night
from pipelines_lib.lake import Lake
from pipelines_lib.series.panel import Panel
from pipelines_lib.tables import SCORE_STATES, SCORES
from tests.pipelines_lib.anomaly.conftest import START, Fitted

SCORER = "waves-detector"
SAID = ["series_id", "time", "score", "threshold", "p_value", "anomalous", "part", "feature"]


def run_night(
    lake: Lake, fitted: Fitted, panel: Panel, *, version: str = "1", killed: bool = False
) -> ScoredNight:
    """Score what is due and store it; `killed`: after the scores and before the states."""
    night = score_night(
        lake,
        "waves",
        fitted.detector,
        panel,
        scorer=SCORER,
        version=version,
        device=torch.device("cpu"),
    )
    rows = night.scores.assign(
        scorer=SCORER, stale=None, data_version=1, run_id="run", model_version=version
    )
    lake.merge_rows("waves", SCORES, rows)
    if not killed:
        lake.merge_rows("waves", SCORE_STATES, night.states.assign(run_id="run"))
    return night


def scores_of(lake: Lake, **equal: str) -> pd.DataFrame:
    """Return what stands in the lake's scores, in the order of their key."""
    rows = lake.read_rows("waves", SCORES, equal=equal or None)
    return rows.sort_values(["series_id", "time"], ignore_index=True)


def check_same(ours: pd.DataFrame, theirs: pd.DataFrame, *, but: str = "") -> None:
    """See that two tables of scores say the very same, to the bit, but for one column."""
    columns = [name for name in SAID if name != but]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], check_exact=True)


def restate(lake: Lake, series: str, step: int) -> int:
    """Mark the scores of a series stale from a step on, as an ingest does."""
    since = {series: (START + pd.Timedelta(hours=step)).to_pydatetime()}
    return lake.mark_stale("waves", SCORES, since, by="time", ingest_id="restated")
