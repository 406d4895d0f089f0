"""Who becomes champion: every branch, with the reason that people read."""

import pytest

from pipelines_lib.tracking import Decision, decide_promotion

COMMON = {"baseline_name": "last value", "measure": "MASE", "rows": 1234}


@pytest.mark.parametrize(
    ("challenger", "champion", "baseline", "obstacle", "promote", "reason"),
    [
        (0.8, None, 1.0, "", True,
         "first model; beats the baseline: MASE on 1,234 held-out rows 0.8 against 1 of last "
         "value"),
        (1.2, None, 1.0, "", True, "first model; does not beat the baseline: MASE on 1,234"),
        (0.7, 0.8, 1.0, "", True,
         "beats champion and baseline: MASE on 1,234 held-out rows 0.7 against the champion's 0.8, "
         "1 of last value"),
        (0.9, 0.8, 1.0, "", False,
         "does not beat the champion: MASE on 1,234 held-out rows 0.9 against the champion's 0.8"),
        (0.8, 0.8, 1.0, "", False, "does not beat the champion"),
        (1.1, 1.2, 1.0, "", False, "beats the champion but not the baseline: MASE"),
        (1.0, 1.2, 1.0, "", False, "beats the champion but not the baseline"),
        (0.1, 0.8, 1.0, "another horizon", False, "kept as challenger: another horizon"),
        (0.1, None, 1.0, "another horizon", False, "kept as challenger: another horizon"),
        (float("nan"), 0.8, 1.0, "", False, "does not beat the champion"),
    ],
)  # fmt: skip
def test_decide_promotion(challenger, champion, baseline, obstacle, promote, reason):
    decision = decide_promotion(
        challenger=challenger, champion=champion, baseline=baseline, obstacle=obstacle, **COMMON
    )
    assert decision.promote is promote
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(("promote", "alias"), [(True, "champion"), (False, "challenger")])
def test_decision_alias(promote, alias):
    assert Decision(promote, "").alias == alias
