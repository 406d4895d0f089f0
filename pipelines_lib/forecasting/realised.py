"""How earlier forecasts turned out: joined with what came true by key alone."""

import pandas as pd


def join_realised(forecasts: pd.DataFrame, actuals: pd.DataFrame) -> pd.DataFrame:
    """Join forecasts with the observations that they spoke of.

    Args:
        forecasts: `series_id`, `time`, `value`, `lower`, `upper`, `last_value`; one whose `stale`
            is not null is left out: the history it was made on stands on another basis since.
        actuals: `series_id`, `time`, `actual`.

    Returns:
        The forecasts whose time has been observed since, with `actual` and whether it lay `within`
        the interval.
    """
    if "stale" in forecasts:
        forecasts = forecasts[forecasts["stale"].isna()]
    joined = forecasts.merge(actuals, on=["series_id", "time"])
    return joined.assign(within=joined["actual"].between(joined["lower"], joined["upper"]))
