import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines_lib.errors import SeriesError
from pipelines_lib.series.panel import make_panel

NAN = np.nan


def observed(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["series_id", "time", "close", "volume"])
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True))


@pytest.fixture
def panel(krx_calendar):
    """B misses the session of 3 January 2024; A is longer and begins earlier."""
    frame = observed(
        ("B", "2024-01-04", 6.0, 60.0),
        ("A", "2024-01-02", 2.0, 20.0),
        ("A", "2023-12-28", 1.0, 10.0),  # 29 December to 1 January: no session
        ("A", "2024-01-03", 3.0, 30.0),
        ("A", "2024-01-04", 4.0, 40.0),
        ("B", "2024-01-02", 5.0, 50.0),
    )
    return make_panel(frame, calendar=krx_calendar, columns=("volume", "close"))


def test_make_panel_lays_series_end_to_end_with_a_row_for_a_missing_session(panel):
    assert panel.series_ids == ["A", "B"]
    assert panel.offsets.tolist() == [0, 4, 7]
    assert panel.columns == ("volume", "close")
    np.testing.assert_array_equal(
        panel.values, [[10, 1], [20, 2], [30, 3], [40, 4], [50, 5], [NAN, NAN], [60, 6]]
    )


def test_make_panel_numbers_rows_by_series_and_step(panel):
    assert panel.row_series.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert panel.row_in_series.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert (panel.position - panel.position[0]).tolist() == [0, 1, 2, 3, 1, 2, 3]
    assert panel.last_position == panel.position[3]


def test_panel_times_are_those_of_the_calendar(panel):
    times = panel.times(np.array([0, 1, 5]))
    assert times.astype("datetime64[D]").astype(str).tolist() == [
        "2023-12-28",
        "2024-01-02",
        "2024-01-03",
    ]


def test_panel_column_is_one_value_column(panel):
    np.testing.assert_array_equal(panel.column("close"), [1, 2, 3, 4, 5, NAN, 6])


def test_make_panel_does_not_depend_on_the_order_of_rows(make_bars, krx_calendar):
    frame = make_bars(["A", "B"], 30)
    first = make_panel(frame, calendar=krx_calendar, columns=("close",))
    shuffled = frame.sample(frac=1, random_state=1)
    second = make_panel(shuffled, calendar=krx_calendar, columns=("close",))
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.position, second.position)


def test_make_panel_of_arrow_is_that_of_the_frame(make_bars, krx_calendar):
    frame = make_bars(["B", "A"], 30).sample(frac=1, random_state=1)
    frame.iloc[3, frame.columns.get_loc("close")] = NAN
    frame = frame[["series_id", "time", "open", "close"]]
    views = pa.Table.from_pandas(frame, preserve_index=False)
    views = views.set_column(0, "series_id", views["series_id"].cast(pa.string_view()))
    halves = pa.concat_tables([views.slice(0, 25), views.slice(25)])
    first = make_panel(frame, calendar=krx_calendar, columns=("close", "open"))
    second = make_panel(halves, calendar=krx_calendar, columns=("close", "open"))
    assert first.series_ids == second.series_ids == ["A", "B"]
    for name in ("offsets", "position", "values"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_make_panel_of_nothing_is_an_error(krx_calendar):
    with pytest.raises(SeriesError, match="no observations in this range"):
        make_panel(observed(), calendar=krx_calendar, columns=("close",))


def test_make_panel_refuses_a_time_off_the_calendar(krx_calendar):
    frame = observed(("A", "2024-01-02", 1.0, 1.0), ("A", "2024-01-06", 1.0, 1.0))
    with pytest.raises(SeriesError, match=r"series A has a row at 2024-01-06.*no step of calendar"):
        make_panel(frame, calendar=krx_calendar, columns=("close",))
