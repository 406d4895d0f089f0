"""Past scores with their series and times."""

import numpy as np

from pipelines_lib.anomaly.calibration import Calibration

FIRST = np.datetime64("2024-01-01", "us")


def calibration_of(names, until="2024-01-01T05:00:00.000000"):
    time = FIRST + np.arange(len(names)) * np.timedelta64(1, "h")
    return Calibration(
        np.arange(len(names), dtype=float), np.array(list(names), object), time, until
    )


def test_join_keeps_the_step_until_which_the_first_has_learned():
    joined = calibration_of("AB").join(calibration_of("C", until="2025-01-01"))
    assert joined.score.tolist() == [0.0, 1.0, 0.0]
    assert joined.series_id.tolist() == ["A", "B", "C"]
    assert joined.time.tolist() == [*calibration_of("AB").time.tolist(), FIRST.item()]
    assert joined.until == "2024-01-01T05:00:00.000000"


def test_numbers_follow_the_panel_and_count_others_on():
    numbers = calibration_of("CXAXYC").numbers(["A", "B", "C"])
    assert numbers.tolist() == [2, 3, 0, 3, 4, 2]
    assert calibration_of("").numbers(["A"]).tolist() == []


def test_anchor_is_the_position_of_the_last_learned_step(sine_panel):
    anchor = calibration_of("A").anchor(sine_panel.calendar)
    assert anchor == sine_panel.position[0] + 5
