import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipelines_lib.series.scaling import IQR_TO_STD, Scaler, fit_scaler, prefer_fitted

NAN = np.nan
KINDS = ["standard", "minmax", "robust", "none"]


def fit(values, *, kind="standard", series=None, n_series=1, rows=None, scaled=None) -> Scaler:
    values = np.asarray(values, dtype="float64")
    series = np.zeros(len(values), dtype=int) if series is None else np.asarray(series)
    rows = np.ones(len(values), dtype=bool) if rows is None else np.asarray(rows)
    return fit_scaler(values, series=series, n_series=n_series, rows=rows, kind=kind, scaled=scaled)


@pytest.mark.parametrize(
    ("kind", "center", "scale"),
    [
        ("standard", 5.0, np.sqrt(15.2)),  # squares of -5 -3 -1 4 5: 25 9 1 16 25, over 5
        ("minmax", 0.0, 10.0),
        ("robust", 4.0, 7.0 / IQR_TO_STD),  # quartiles 2 and 9
        ("none", 0.0, 1.0),
    ],
)
def test_fit_scaler_of_five_values_by_hand(kind, center, scale):
    made = fit([[0], [2], [4], [9], [10]], kind=kind)
    assert made.center[0, 0] == pytest.approx(center)
    assert made.scale[0, 0] == pytest.approx(scale)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_scaler_looks_at_marked_rows_only(kind):
    rows = [True, True, True, False, False]
    first = fit([[1], [2], [4], [7], [9]], kind=kind, rows=rows)
    second = fit([[1], [2], [4], [1e9], [-1e9]], kind=kind, rows=rows)
    assert first.center.tobytes() == second.center.tobytes()
    assert first.scale.tobytes() == second.scale.tobytes()


def test_fit_scaler_is_per_series():
    made = fit([[0], [2], [100], [300]], series=[0, 0, 1, 1], n_series=2)
    assert made.center.tolist() == [[1], [200]]
    assert made.scale.tolist() == [[1], [100]]
    scaled = made.transform(np.array([[3.0], [300.0]]), np.array([0, 1]))
    assert scaled.tolist() == [[2], [1]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.0, 0.1, 123456.789, -1e9])
def test_fit_scaler_of_a_constant_column_has_scale_one(kind, level):
    made = fit([[level]] * 7, kind=kind)
    assert made.scale.tolist() == [[1.0]]
    assert made.center[0, 0] == pytest.approx(0.0 if kind == "none" else level)


def test_fit_scaler_of_a_small_but_moving_column_is_scaled():
    made = fit([[1.0], [1.0 + 2e-6]])
    assert made.scale[0, 0] == pytest.approx(1e-6)


def test_fit_scaler_skips_rows_that_were_not_observed():
    made = fit([[NAN, 1.0], [0.0, 3.0], [4.0, NAN]])
    assert made.center.tolist() == [[2.0, 2.0]]
    assert made.scale.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_fit_scaler_of_a_series_without_rows_is_nan(kind):
    made = fit([[1.0], [2.0], [3.0]], kind=kind, series=[0, 0, 2], n_series=3)
    assert np.isnan(made.center[:, 0]).tolist() == [False, True, False]


def test_fit_scaler_leaves_columns_that_are_not_scaled():
    made = fit(
        [[1.0, 5.0], [3.0, 9.0]], n_series=2, scaled=np.array([True, False]), kind="standard"
    )
    assert made.center[0].tolist() == [2.0, 0.0]
    assert made.scale[0].tolist() == [1.0, 1.0]
    assert np.isnan(made.center[1]).all()


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    values=hnp.arrays(
        "float64", st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(-1e6, 1e6)
    ),
    data=st.data(),
)
def test_scaler_inverse_undoes_transform(kind, values, data):
    n = len(values)
    series = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    made = fit(values, kind=kind, series=series, n_series=3)
    back = made.inverse(made.transform(values, series), series)
    np.testing.assert_allclose(back, values, rtol=1e-9, atol=1e-5)
    assert (made.scale[np.unique(series)] > 0).all()


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True))
def test_scaler_gives_training_rows_the_range_of_its_kind(values):
    column = np.array(values, dtype="float64")[:, None]
    zero = np.zeros(len(values), dtype=int)
    standard = fit(column, kind="standard").transform(column, zero)
    assert standard.mean() == pytest.approx(0, abs=1e-9)
    assert standard.std() == pytest.approx(1)
    minmax = fit(column, kind="minmax").transform(column, zero)
    assert (minmax.min(), minmax.max()) == (0, pytest.approx(1))
    robust = fit(column, kind="robust").transform(column, zero)
    assert np.median(robust) == pytest.approx(0, abs=1e-9)


def test_scaler_take_gives_series_in_the_order_asked():
    scaler = Scaler(np.array([[1.0], [2.0], [3.0]]), np.array([[10.0], [20.0], [30.0]]))
    taken = scaler.take(np.array([2, 0, 2]))
    assert taken.center.tolist() == [[3.0], [1.0], [3.0]]
    assert taken.scale.tolist() == [[30.0], [10.0], [30.0]]


def test_prefer_fitted_takes_the_fitted_where_known_else_its_own():
    fitted = Scaler(np.array([[1.0], [2.0]]), np.array([[10.0], [20.0]]))
    own = Scaler(np.array([[7.0], [8.0], [9.0]]), np.array([[70.0], [80.0], [90.0]]))
    made = prefer_fitted(fitted, own, series_ids=["B", "NEW", "A"], known=["A", "B"])
    assert made.center.tolist() == [[2.0], [8.0], [1.0]]
    assert made.scale.tolist() == [[20.0], [80.0], [10.0]]
    assert own.center.tolist() == [[7.0], [8.0], [9.0]]


def test_fit_scaler_robust_falls_back_where_most_values_are_equal():
    values = np.array([[0.0], [0.0], [0.0], [0.0], [10.0]])
    one = np.zeros(5, dtype=int)
    scaler = fit_scaler(values, series=one, n_series=1, rows=one == 0, kind="robust")
    assert scaler.scale[0, 0] == 4.0  # the standard deviation: sqrt((4 * 2**2 + 8**2) / 5)
