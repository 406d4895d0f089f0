"""NAB's score by hand: 1,000 rows, of which the first 150 are not judged."""

import math

import numpy as np
import pytest

from pipelines_lib.anomaly.judging import NabFile, nab_scores, probation_rows
from pipelines_lib.errors import SeriesError


def weight(position):
    return 2 / (1 + math.exp(-5 * position)) - 1


def file(*alarms, windows=((200, 219),), n=1000):
    flags = np.zeros(n, dtype=bool)
    flags[list(alarms)] = True
    return NabFile(flags, np.array(windows).reshape(-1, 2))


def test_probation_rows_is_fifteen_percent_at_most_750():
    assert [probation_rows(n) for n in (1000, 1003, 5000, 20_000)] == [150, 150, 750, 750]


def test_nab_scores_of_silence_and_of_the_first_row():
    assert set(nab_scores([file()]).values()) == {0}
    assert set(nab_scores([file(200), file(200)]).values()) == {100}


def test_nab_scores_earn_less_for_a_late_alarm():
    last_row = weight(1 / 20) / weight(1)
    got = nab_scores([file(219)])
    assert got["standard"] == pytest.approx(100 * (last_row + 1) / 2)
    assert got["reward_low_fn"] == pytest.approx(100 * (last_row + 2) / 3)


def test_nab_scores_count_only_the_first_alarm_of_a_window():
    assert nab_scores([file(209, 210, 219)]) == nab_scores([file(209)])


def test_nab_scores_charge_every_alarm_outside():
    got = nab_scores([file(180, 181)])
    assert got["standard"] == pytest.approx(-100 * 2 * 0.11 / 2)
    assert got["reward_low_fp"] == pytest.approx(-100 * 2 * 0.22 / 2)
    assert got["reward_low_fn"] == pytest.approx(-100 * 2 * 0.11 / 3)


def test_nab_scores_charge_less_just_after_a_window():
    near = nab_scores([file(219 + 2)])["standard"]  # 2 of 19 window widths after it
    assert near == pytest.approx(-50 * 0.11 * weight(2 / 19))
    assert nab_scores([file(219 + 3 * 19)])["standard"] == pytest.approx(-50 * 0.11)


def test_nab_scores_ignore_alarms_of_the_probation():
    assert set(nab_scores([file(0, 149)]).values()) == {0}
    assert nab_scores([file(150)])["standard"] < 0


def test_nab_scores_ignore_a_window_that_ends_in_the_probation():
    windows = ((100, 120), (200, 219))
    assert set(nab_scores([file(200, windows=windows)]).values()) == {100}


def test_nab_scores_add_up_over_files():
    quiet = NabFile(np.arange(500) == 400, np.empty((0, 2)))
    got = nab_scores([file(200), file(), quiet])
    assert got["standard"] == pytest.approx(100 * (1 - 0.11 + 1) / 4)


def test_nab_scores_of_adjoining_windows_judges_each():
    got = nab_scores([file(200, windows=((200, 209), (210, 219)))])
    assert got["standard"] == pytest.approx(50)


def test_nab_scores_refuse_files_without_windows():
    with pytest.raises(SeriesError, match="no file has an anomaly window"):
        nab_scores([NabFile(np.zeros(100, bool), np.empty((0, 2)))])
