"""Raw rows or texts in, answers out: what a registered model does when it is called."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.bundles import CARD
from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import BundleError, ConfigError, SeriesError, shown
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.sentiment.documents import join_texts
from pipelines_lib.series.calendar import make_calendar, naive_times
from pipelines_lib.series.panel import Panel, make_panel
from pipelines_lib.series.quality import check_rows
from pipelines_lib.series.sentiment import COVARIATES

_log = logging.getLogger(__name__)


def load_any_bundle(folder: Path) -> Forecaster | Detector | Classifier:
    """Load a bundle by the kind that its card names."""
    try:
        kind = json.loads((folder / CARD).read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder} is no bundle: {error}") from error
    if kind == "classifier":
        return Classifier.load_bundle(folder)
    return Detector.load_bundle(folder) if kind == "detector" else Forecaster.load_bundle(folder)


def predict_any(
    bundle: Forecaster | Detector | Classifier,
    given: pd.DataFrame | Sequence[str] | str | Mapping[str, Any],
) -> pd.DataFrame:
    """Say what a model has to say: of texts a classifier's answer, of raw rows another's.

    Raises:
        SeriesError: A column is missing, a text is none, or no series has a complete window.
        ConfigError: Rows of a forecaster or a detector are no table.
    """
    if isinstance(bundle, Classifier):
        return classify_texts(bundle, given)
    if not isinstance(given, pd.DataFrame):
        raise ConfigError(
            f"a model of dataset {bundle.dataset.name} takes a table of rows, not a "
            f"{type(given).__name__}: give series_id, time and {', '.join(bundle.dataset.columns)}"
        )
    return predict_rows(bundle, given)


def classify_texts(
    classifier: Classifier, given: pd.DataFrame | Sequence[str] | str | Mapping[str, Any]
) -> pd.DataFrame:
    """Tell the class of texts.

    Args:
        classifier: The model.
        given: Texts, or one; or a table, or its columns by name, with a column `text`, and `title`
            where there are titles. What is missing reads as empty.

    Returns:
        A row each, in their order: `label`, `polarity` where the classes have one, `probability`
        of the label, and `p_CLASS` of every class; probabilities are calibrated.

    Raises:
        SeriesError: The table has no column `text`, its columns differ in length, or a value is no
            text.
    """
    rows = _as_table(given)
    if "text" not in rows.columns:
        raise SeriesError(
            f"the rows lack text (they have {shown(rows.columns) or 'no column'}): a classifier "
            "reads the column text, and title where there is one"
        )
    text = _check_texts(rows["text"])
    title = _check_texts(rows["title"]) if "title" in rows.columns else pd.Series("", rows.index)
    said = classifier.predict_texts(list(join_texts(title, text)))
    made = {"label": said.label}
    if classifier.values is not None:
        made["polarity"] = said.polarity
    made["probability"] = said.probabilities.max(axis=1)
    each = {f"p_{name}": said.probabilities[:, i] for i, name in enumerate(classifier.classes)}
    return pd.DataFrame(made | each, index=rows.index)


def _as_table(given: pd.DataFrame | Sequence[str] | str | Mapping[str, Any]) -> pd.DataFrame:
    """Return texts as a table; one text, alone or as a column, is a row."""
    if isinstance(given, pd.DataFrame):
        return given
    columns = given if isinstance(given, Mapping) else {"text": given}
    several = {
        name: [column] if isinstance(column, str) or not isinstance(column, Iterable) else [*column]
        for name, column in columns.items()
    }
    lengths = {name: len(column) for name, column in several.items()}
    if len(set(lengths.values())) > 1:
        told = shown(f"{name} {length}" for name, length in lengths.items())
        raise SeriesError(f"the columns differ in length ({told}): give each a value for every row")
    return pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in several.items()})


def _check_texts(column: pd.Series) -> pd.Series:
    """Return a column of texts (N,) with the missing ones as empty; refuse what is no text."""
    values = column.astype(object)
    is_text = np.array([isinstance(value, str) for value in values], dtype=bool)
    wrong = np.flatnonzero(~is_text & values.notna().to_numpy())
    if len(wrong):
        value = values.iloc[wrong[0]]
        raise SeriesError(
            f"row {wrong[0]} of column {column.name} has {value!r:.60}, of type "
            f"{type(value).__name__}: give texts, numbers written as such, e.g. str(value)"
        )
    return values.where(is_text, "")


def predict_rows(bundle: Forecaster | Detector, rows: pd.DataFrame) -> pd.DataFrame:
    """Forecast the next steps of every series, or score every step.

    Args:
        bundle: The model.
        rows: `series_id`, `time` (UTC where it names no zone) and the value columns, as they come
            from the source: halts and bad rows are judged by the same rules as in the lake. A
            model with features of documents needs columns of their names besides.

    Returns:
        Forecaster: `series_id`, `origin`, `step`, `time`, `value`, `lower`, `upper`,
        `interval`, `last_value`. Detector: `series_id`, `time`, `mode`, `score`, `threshold`,
        `p_value`, `anomalous`, `part`, `feature`. Times are UTC without a zone.

    Raises:
        SeriesError: A column is missing, or no series has a complete window; the reasons are named.
    """
    panel = make_raw_panel(rows, bundle.dataset, covariates=needed_covariates(bundle))
    if isinstance(bundle, Forecaster):
        made, left_out = bundle.forecast_next(panel)
    else:
        made, left_out = bundle.score_rows(panel)
    if len(made) == 0:
        name, reason = next(iter(left_out.items()))
        raise SeriesError(f"no series can be predicted; {name}: {reason}: give more rows")
    for column in made.select_dtypes("datetimetz"):
        made[column] = made[column].dt.tz_localize(None)
    return made


def needed_covariates(bundle: Forecaster | Detector) -> list[str]:
    """Return the features of a model that documents give, and its value columns do not."""
    features = bundle.config.features if isinstance(bundle, Forecaster) else bundle.features
    given = bundle.dataset.columns
    return [name for name in features if name in COVARIATES and name not in given]


def make_raw_panel(
    rows: pd.DataFrame, dataset: DatasetConfig, *, covariates: Sequence[str] = ()
) -> Panel:
    """Judge raw rows by the quality rules and lay them out on the calendar.

    Args:
        rows: `series_id`, `time`, the value columns, and `covariates`.
        dataset: The declaration.
        covariates: Columns that are features as they are; unknown at steps without a row.

    Raises:
        SeriesError: A column is missing, or a covariate is no number.
    """
    needed = ["series_id", "time", *dataset.columns, *covariates]
    missing = [name for name in needed if name not in rows.columns]
    if missing:
        raise SeriesError(
            f"the rows lack {', '.join(missing)}: a model of dataset {dataset.name} needs "
            f"{', '.join(needed)}"
        )
    calendar = make_calendar(dataset)
    typed = rows[needed].assign(
        series_id=rows["series_id"].astype(str),
        time=pd.to_datetime(rows["time"], utc=True, errors="coerce").astype("datetime64[us, UTC]"),
    )
    checked = check_rows(typed, dataset=dataset, calendar=calendar)
    if len(checked.quarantined):
        _log.warning(
            "%d of %d rows are left out: %s",
            len(checked.quarantined),
            len(rows),
            checked.quarantined["rule"].value_counts().to_dict(),
        )
    panel = make_panel(checked.good, calendar=calendar, columns=dataset.columns)
    return replace(panel, covariates=_place_covariates(panel, typed, covariates))


def _place_covariates(
    panel: Panel, rows: pd.DataFrame, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return columns of raw rows on the rows of a panel (N,), NaN where there is none."""
    if not names:
        return {}
    number = {name: s for s, name in enumerate(panel.series_ids)}
    series = rows["series_id"].map(number).fillna(-1).to_numpy(dtype=int)
    position = panel.calendar.positions(naive_times(rows["time"]))
    first = panel.offsets[:-1]
    row = first[series] + position - panel.position[first][series]
    inside = (series >= 0) & (row >= first[series]) & (row < panel.offsets[1:][series])
    placed = {}
    for name in names:
        try:
            values = rows[name].to_numpy(dtype="float64")
        except (TypeError, ValueError) as error:
            raise SeriesError(f"column {name} has a value that is no number: {error}") from error
        placed[name] = np.full(len(panel.position), np.nan)
        placed[name][row[inside]] = values[inside]
    return placed


def example_rows(
    panel: Panel, *, steps: int, model: Forecaster | Detector | None = None
) -> pd.DataFrame:
    """Return rows of one series as a model takes them: a run of `steps` observed steps.

    The newest such run of the first series that has one; where none has, the longest run. They
    have the covariates that the model needs; None: it needs none.
    """
    known = np.isfinite(panel.values).all(axis=1)
    broken = np.maximum.accumulate(np.where(known, -1, np.arange(len(known))))
    first = panel.offsets[:-1][panel.row_series]
    run = np.where(known, np.arange(len(known)) - np.maximum(broken, first - 1), 0)
    long = np.flatnonzero(run >= steps)
    if len(long):
        last = long[panel.row_series[long] == panel.row_series[long[0]]][-1]
    else:
        last = int(run.argmax())
    rows = np.arange(last - min(int(run[last]), steps) + 1, last + 1)
    frame = pd.DataFrame(panel.values[rows], columns=list(panel.columns))
    frame.insert(0, "series_id", panel.series_ids[panel.row_series[last]])
    frame.insert(1, "time", panel.times(rows).astype("datetime64[ns]"))
    for name in needed_covariates(model) if model is not None else ():
        frame[name] = panel.covariates[name][rows]
    return frame
