"""Who becomes champion: every branch, with the reason that people read."""

import pytest

from pipelines_lib.comparison import Comparison, PairedTest
from pipelines_lib.tracking import Decision, decide_promotion

SURE, UNSURE = 0.003, 0.4


def decide(challenger, champion, baseline, obstacle="", p=(None, None), paired=True):
    """Decide on 1,234 rows of 60 days, with the p-values against champion and baseline."""
    tests = [
        PairedTest(challenger - theirs, 0.0, value, 60) if paired and theirs is not None else None
        for theirs, value in ((champion, p[0]), (baseline, p[1]))
    ]
    compared = Comparison(challenger, champion, baseline, 1234, obstacle, *tests)
    return decide_promotion(compared, baseline_name="last value", measure="MASE")


@pytest.mark.parametrize(
    ("challenger", "champion", "baseline", "p", "promote", "reason"),
    [
        (0.8, None, 1.0, (None, SURE), True,
         "first model; beats the baseline: MASE on 1,234 held-out rows 0.8 against 1 of last "
         "value (p = 0.003)"),
        (0.8, None, 1.0, (None, UNSURE), True,
         "first model; cannot be told from the baseline: MASE on 1,234 held-out rows 0.8 against "
         "1 of last value (p = 0.4)"),
        (1.2, None, 1.0, (None, SURE), True,
         "first model; does not beat the baseline: MASE on 1,234"),
        (0.7, 0.8, 1.0, (SURE, SURE), True,
         "beats champion and baseline: MASE on 1,234 held-out rows 0.7 against the champion's 0.8 "
         "(p = 0.003), 1 of last value (p = 0.003)"),
        (0.7, 0.8, 1.0, (UNSURE, SURE), False,
         "cannot be told from the champion: MASE on 1,234 held-out rows 0.7 against the "
         "champion's 0.8 (p = 0.4)"),
        (0.7, 0.8, 1.0, (None, SURE), False,
         "cannot be told from the champion: MASE on 1,234 held-out rows 0.7 against the "
         "champion's 0.8 (too few held-out origins to tell: 60; raise test_steps)"),
        (0.7, 0.8, 1.0, (SURE, UNSURE), False,
         "beats the champion, but cannot be told from the baseline: MASE"),
        (0.9, 0.8, 1.0, (SURE, SURE), False,
         "does not beat the champion: MASE on 1,234 held-out rows 0.9 against the champion's 0.8"),
        (0.8, 0.8, 1.0, (1.0, SURE), False, "does not beat the champion"),
        (1.1, 1.2, 1.0, (SURE, SURE), False,
         "beats the champion, but does not beat the baseline: MASE"),
        (float("nan"), 0.8, 1.0, (None, None), False, "does not beat the champion"),
    ],
)  # fmt: skip
def test_decide_promotion(challenger, champion, baseline, p, promote, reason):
    decision = decide(challenger, champion, baseline, p=p)
    assert decision.promote is promote
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    ("challenger", "champion", "baseline", "promote", "reason"),
    [
        (0.8, None, 1.0, True, "first model; beats the baseline: MASE on 1,234 held-out rows 0.8 "
         "against 1 of last value"),
        (0.7, 0.8, 1.0, True, "beats champion and baseline: MASE on 1,234 held-out rows 0.7 "
         "against the champion's 0.8, 1 of last value"),
        (0.9, 0.8, 1.0, False, "does not beat the champion"),
        (1.0, 1.2, 1.0, False, "beats the champion, but does not beat the baseline"),
    ],
)  # fmt: skip
def test_decide_promotion_by_the_means_where_rows_have_no_losses(
    challenger, champion, baseline, promote, reason
):
    decision = decide(challenger, champion, baseline, paired=False)
    assert decision.promote is promote
    assert decision.reason.startswith(reason)
    assert "p =" not in decision.reason


@pytest.mark.parametrize("champion", [0.8, None])
def test_decide_promotion_keeps_what_cannot_be_compared(champion):
    decision = decide(0.1, champion, 1.0, "another horizon", p=(SURE, SURE))
    assert decision == Decision(False, "kept as challenger: another horizon")


@pytest.mark.parametrize(("promote", "alias"), [(True, "champion"), (False, "challenger")])
def test_decision_alias(promote, alias):
    assert Decision(promote, "").alias == alias
