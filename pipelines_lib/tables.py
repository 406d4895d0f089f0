"""Every stored table: name, columns with units, key. The one home of the lake's schemas."""

from pipelines_lib.columns import COUNT, FLAG, REAL, TEXT, TIME, Column, Table

SCHEMA_VERSION = 3
"""Raised when a stored table can no longer be read by older code."""

SERIES = Column("series_id", TEXT, "the series")
STEP_TIME = Column("time", TIME, "UTC time of the step; a daily bar: its session date at 00:00")
RUN = Column("run_id", TEXT, "MLflow run that made the model", provenance=True)
MODEL_VERSION = Column("model_version", TEXT, "registered version of the model", provenance=True)
INGEST = Column("ingest_id", TEXT, "the ingest that wrote the row", provenance=True)
STALE = Column(
    "stale",
    TEXT,
    "the ingest that restated the history it was made on; null: valid",
    added_in=2,
)


OBSERVATIONS_KEY = ("series_id", "time")


def observations_table(value_columns: tuple[str, ...]) -> Table:
    """Return the observations table of a dataset with these value columns."""
    values = tuple(Column(name, REAL, f"{name}, in the source's unit") for name in value_columns)
    repair = Column("repair", TEXT, "name of the rule that repaired the row; null: as it came")
    columns = (SERIES, STEP_TIME, *values, repair, INGEST)
    meaning = "what was observed, one row a series and step"
    return Table("observations", meaning, OBSERVATIONS_KEY, columns, by_year=True)


QUARANTINE = Table(
    "quarantine",
    "rows that broke a rule, as they came",
    ("series_id", "rule", "row"),
    (
        SERIES,
        Column("rule", TEXT, "name of the rule that the row broke"),
        Column("row", TEXT, "the row as it came, as JSON"),
        Column("time", TIME, "its time, where it could be read"),
        Column("reason", TEXT, "the rule's sentence about the row"),
        INGEST,
    ),
)

INGESTS = Table(
    "ingests",
    "what was ingested when; an ingest that changed nothing leaves no row",
    ("ingest_id", "series_id"),
    (
        Column("ingest_id", TEXT, "the ingest"),
        SERIES,
        Column("at", TIME, "when the ingest began"),
        Column("source", TEXT, "kind and place of the source"),
        Column("first_time", TIME, "first step fetched"),
        Column("last_time", TIME, "last step fetched"),
        Column("fetched", COUNT, "rows that the source gave"),
        Column("stored", COUNT, "rows new or changed in observations"),
        Column("repaired", COUNT, "rows stored after a repair"),
        Column("quarantined", COUNT, "rows new in quarantine"),
    ),
)

RELEASES = Table(
    "releases",
    "steps whose quarantined row was let through after all",
    ("series_id", "rule", "time"),
    (
        SERIES,
        Column("rule", TEXT, "the rule that held the row, waived for this step where it may be"),
        STEP_TIME,
        Column("row", TEXT, "the row as it was when it was released, as JSON"),
        Column("at", TIME, "when it was released"),
        Column("why", TEXT, "`passes now`: the rule has changed; `by hand`: a person's decision"),
    ),
)

RESTATEMENTS = Table(
    "restatements",
    "histories that the source has changed: splits, later adjustments",
    ("series_id", "old_version"),
    (
        SERIES,
        Column("old_version", COUNT, "version of observations that still has the old history"),
        Column("at", TIME, "when the ingest that found it began", provenance=True),
        Column("first_time", TIME, "first stored step that changed"),
        Column("last_time", TIME, "last stored step that changed"),
        Column("rows", COUNT, "stored rows that changed"),
        Column("factor", REAL, "median of new over old, of the target"),
        Column("factor_low", REAL, "the smallest factor"),
        Column("factor_high", REAL, "the largest factor"),
        INGEST,
    ),
)

SERIES_STATES = Table(
    "series",
    "what is known of each series that was ever asked for",
    ("series_id",),
    (
        SERIES,
        Column("state", TEXT, "live, failing (no answer tonight) or dead (nothing moves)"),
        Column("since", TIME, "last step at which it moved, first failure; null: live"),
        Column("reason", TEXT, "why it is not live, in words"),
        Column("asked_from", TEXT, "date from which its history was asked for; empty: all"),
        INGEST,
    ),
)

LISTINGS = Table(
    "listings",
    "the series of a market, as its listing named them",
    ("market", "series_id"),
    (
        Column("market", TEXT, "the market"),
        SERIES,
        Column("listed_at", TIME, "when a listing last named it"),
    ),
)

LABELS = Table(
    "labels",
    "steps known to be anomalous",
    ("series_id", "time"),
    (SERIES, STEP_TIME, Column("kind", TEXT, "what happened there"), INGEST),
)

FORECASTS = Table(
    "forecasts",
    "what was forecast, one row a series, origin, step ahead and model",
    ("series_id", "origin", "step", "model"),
    (
        SERIES,
        Column("origin", TIME, "last observed step that the forecast knew"),
        Column("step", COUNT, "steps ahead of the origin, from 1"),
        Column("model", TEXT, "registered name of the model"),
        Column("time", TIME, "the step that it speaks of"),
        Column("value", REAL, "forecast, in the target's unit"),
        Column("lower", REAL, "lower end of the interval, in the target's unit"),
        Column("upper", REAL, "upper end of the interval, in the target's unit"),
        Column("interval", REAL, "nominal coverage of the interval, a fraction"),
        Column("last_value", REAL, "the naive forecast: the target at the origin"),
        STALE,
        Column("data_version", COUNT, "version of observations it was made on", provenance=True),
        RUN,
        MODEL_VERSION,
    ),
)

NIGHTS = Table(
    "nights",
    "what each night set out to forecast: afterwards it must stand in forecasts",
    ("time", "model"),
    (
        Column("time", TIME, "newest step of the dataset, from which the night forecasts"),
        Column("model", TEXT, "registered name of the forecaster"),
        Column("horizon", COUNT, "steps ahead that each series is forecast"),
        Column("expected", TEXT, "living series that have the step and were not left out, JSON"),
        Column("left_out", TEXT, "series that have the step and were left out, and why, JSON"),
        Column("at", TIME, "when it was forecast", provenance=True),
        Column("started_by", TEXT, "schedule, or person", provenance=True),
        Column("flow_run_id", TEXT, "Prefect's run; empty: none", provenance=True),
        MODEL_VERSION,
    ),
)

SCORES = Table(
    "scores",
    "how strange each step is, one row a series, step, mode and scorer",
    ("series_id", "time", "mode", "scorer"),
    (
        SERIES,
        STEP_TIME,
        Column("mode", TEXT, "retrospective or causal"),
        Column("scorer", TEXT, "registered name of the model"),
        Column("score", REAL, "how strange, >= 0; comparable across series"),
        Column("threshold", REAL, "the score at which a step is an alarm"),
        Column("p_value", REAL, "share of clean steps that score as high", added_in=3),
        Column("anomalous", FLAG, "whether the step is an alarm", added_in=3),
        Column("part", TEXT, "the part of the score that contributed most", added_in=3),
        Column("feature", TEXT, "the feature that contributed most to that part"),
        STALE,
        Column("data_version", COUNT, "version of observations it was made on", provenance=True),
        RUN,
        MODEL_VERSION,
    ),
    by_year=True,
)

SCORE_STATES = Table(
    "score_states",
    "from where the scoring of a series goes on, one row a series and part of the score",
    ("series_id", "scorer", "part"),
    (
        SERIES,
        Column("scorer", TEXT, "registered name of the model"),
        Column("part", TEXT, "part of the score"),
        Column("time", TIME, "last step that it knows of"),
        Column("n", COUNT, "errors so far"),
        Column("total", REAL, "their sum"),
        Column("total_squares", REAL, "the sum of their squares"),
        RUN,
        Column("model_version", TEXT, "registered version of the model"),
    ),
)

EVENTS = Table(
    "events",
    "runs of alarms",
    ("series_id", "start", "mode", "scorer"),
    (
        SERIES,
        Column("start", TIME, "first alarm"),
        Column("mode", TEXT, "retrospective or causal"),
        Column("scorer", TEXT, "registered name of the model"),
        Column("event_id", TEXT, "made of the key: the same on every night", added_in=3),
        Column("end", TIME, "last alarm, inclusive"),
        Column("peak", TIME, "step of the highest score"),
        Column("peak_score", REAL, "the highest score"),
        Column("severity", REAL, "highest score over its threshold, from 1"),
        Column("p_value", REAL, "the smallest p-value", added_in=3),
        Column("n_steps", COUNT, "alarms"),
        Column("features", TEXT, "features that contributed most, the strongest first"),
        Column(
            "parts",
            TEXT,
            "parts of the score that contributed most, the strongest first",
            added_in=3,
        ),
        Column("state", TEXT, "open: a next alarm would extend it; closed", added_in=3),
        Column("quiet", TEXT, "why it gives no alert; empty: it does", added_in=3),
        RUN,
        MODEL_VERSION,
    ),
)

VERDICTS = Table(
    "verdicts",
    "what people say of events",
    ("event_id",),
    (
        Column("event_id", TEXT, "the event"),
        SERIES,
        Column("start", TIME, "first step of the event, when the verdict was given"),
        Column("end", TIME, "last step of the event, inclusive, when the verdict was given"),
        Column("verdict", TEXT, "true, false or ignore"),
        Column("until", TIME, "ignore: events of the series up to here give no alert"),
        Column("note", TEXT, "why, in the person's words"),
        Column("at", TIME, "when it was given", provenance=True),
    ),
)

DOCUMENTS = Table(
    "documents",
    "texts, one row a document",
    ("document_id",),
    (
        Column("document_id", TEXT, "the document: one seen twice counts once"),
        Column("time", TIME, "UTC time of publication, to the second"),
        Column("series_ids", TEXT, "the series it speaks of, sorted, a comma between; empty: none"),
        Column("source", TEXT, "who published it"),
        Column("language", TEXT, "its language, as the source names it; empty: unknown"),
        Column("title", TEXT, "its title; empty: none"),
        Column("text", TEXT, "its text; may be empty where there is a title"),
        Column("label", TEXT, "the class that a person gave it; null: none"),
        INGEST,
    ),
)

DOCUMENT_QUARANTINE = Table(
    "document_quarantine",
    "documents that broke a rule, as they came",
    ("rule", "row"),
    (
        Column("rule", TEXT, "name of the rule that the row broke"),
        Column("row", TEXT, "the row as it came, as JSON"),
        Column("reason", TEXT, "the rule's sentence about the row"),
        INGEST,
    ),
)

POLARITIES = Table(
    "polarities",
    "what a classifier said of each document",
    ("document_id", "scorer", "model_version"),
    (
        Column("document_id", TEXT, "the document"),
        Column("scorer", TEXT, "registered name of the model"),
        Column("model_version", TEXT, "registered version of the model"),
        Column("time", TIME, "UTC time of publication"),
        Column("series_ids", TEXT, "the series it speaks of, sorted, a comma between; empty: none"),
        Column("label", TEXT, "the likeliest class"),
        Column("probability", REAL, "its calibrated probability"),
        Column("polarity", REAL, "sentiment in [-1, 1]; null: the classes have none"),
        Column("ingest_id", TEXT, "the ingest that wrote the document as it was scored"),
        RUN,
    ),
)

SENTIMENT = Table(
    "sentiment",
    "daily sentiment, one row a series and step with documents",
    ("series_id", "time", "scorer"),
    (
        SERIES,
        Column("time", TIME, "UTC time of the step that the documents count for"),
        Column("scorer", TEXT, "registered name of the model"),
        Column("documents", COUNT, "documents that count for the step"),
        Column("mean", REAL, "mean of their polarity, counted in millionths"),
        Column("dispersion", REAL, "standard deviation of their polarity; 0 for one document"),
        Column("mood", REAL, "sum of the polarity of all documents so far, each halved by age"),
        RUN,
        MODEL_VERSION,
    ),
)

ALERTS = Table(
    "alerts",
    "what people are told, each once",
    ("kind", "subject"),
    (
        Column("kind", TEXT, "what happened; its Prefect event is tidewatch.KIND"),
        Column("subject", TEXT, "to what: the id of an event, a model's version, a night"),
        Column("at", TIME, "when it was raised"),
        Column("title", TEXT, "one line"),
        Column("text", TEXT, "the rest"),
        Column("weight", REAL, "of many of a kind, the heaviest are told by themselves"),
        Column("details", TEXT, "ids and numbers, as JSON"),
        Column("flow_run_id", TEXT, "Prefect run that raised it; empty: none"),
        Column("message", TEXT, "id of the message that tells it together with others; empty: own"),
        Column("told_at", TIME, "when it was told; null: not yet, or never"),
        Column("told_how", TEXT, "prefect, run, expired or superseded; empty: not told yet"),
    ),
)

WATCHED = Table(
    "watched",
    "up to which step the events of a series were looked at for alerts",
    ("series_id", "mode", "scorer"),
    (
        SERIES,
        Column("mode", TEXT, "causal"),
        Column("scorer", TEXT, "registered name of the model"),
        Column("until", TIME, "the newest scored step then, inclusive"),
    ),
)

DATASETS = Table(
    "datasets",
    "every dataset's declaration",
    ("dataset",),
    (
        Column("dataset", TEXT, "name of the dataset"),
        Column("declaration", TEXT, "the DatasetConfig as JSON"),
    ),
)


def dataset_tables(value_columns: tuple[str, ...]) -> tuple[Table, ...]:
    """Return every table of a dataset with these value columns."""
    return (
        observations_table(value_columns),
        QUARANTINE,
        RELEASES,
        INGESTS,
        RESTATEMENTS,
        SERIES_STATES,
        LISTINGS,
        LABELS,
        FORECASTS,
        NIGHTS,
        SCORES,
        SCORE_STATES,
        EVENTS,
        VERDICTS,
        DOCUMENTS,
        DOCUMENT_QUARANTINE,
        POLARITIES,
        SENTIMENT,
        ALERTS,
        WATCHED,
    )
