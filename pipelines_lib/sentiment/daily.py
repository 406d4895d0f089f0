"""From the polarity of documents to the sentiment of each series and step.

Shapes: E pairs of a series and a step with documents.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.lake import encode_text
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.sentiment import decay
from pipelines_lib.tables import COUNT, REAL, TEXT, TIME

MILLIONTHS = 1_000_000
"""Polarities are added up as whole millionths: their sums have the same bits in any order, so that
tables do not change with the order in which documents are read."""

KEY = ["series_id", "position"]
SUMS = ["documents", "total", "squares"]
DOCUMENT = pa.schema([("series_ids", TEXT), ("time", TIME), ("polarity", REAL)])
TALLY = pa.schema([("series_id", TEXT), *((name, COUNT) for name in ["position", *SUMS])])
PENDING_ROWS = 500_000
"""Rows of tallies that wait before they are added up."""


def make_daily(
    documents: Iterable[pa.Table], *, calendar: Calendar, halflife_steps: float
) -> pa.Table:
    """Compute the sentiment of every series and step that documents speak of.

    Args:
        documents: Batches, in any order, of `series_ids` (a comma between; empty: none), `time` of
            publication and `polarity`, null where there is none: such a document is left out, as
            is one that counts for no known step. One that speaks of two series counts for both.
        calendar: Says which step a document counts for.
        halflife_steps: Steps after which a document's polarity counts half.

    Returns:
        `series_id`, `time` of the step, `documents`, `mean`, `dispersion` (population standard
        deviation) and `mood` of E pairs, sorted by series and time. mood is that of the step
        before, times 2^(-1 / half-life), plus the sum of the step's polarities.
    """
    tally = tally_documents(documents, calendar).sort_by([(name, "ascending") for name in KEY])
    series, _ = encode_text(tally["series_id"])
    position, n, total, squares = (tally[name].to_numpy() for name in ["position", *SUMS])
    mean = total / n
    spread = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
    mood = decay_sums(series, position, total / MILLIONTHS, halflife_steps=halflife_steps)
    return pa.table(
        {
            "series_id": tally["series_id"],
            "time": pa.array(calendar.times(position)).cast(TIME),
            "documents": tally["documents"],
            "mean": pa.array(mean / MILLIONTHS, REAL),
            "dispersion": pa.array(spread / MILLIONTHS, REAL),
            "mood": pa.array(mood, REAL),
        }
    )


def tally_documents(documents: Iterable[pa.Table], calendar: Calendar) -> pa.Table:
    """Count documents and add up their polarity and its square, by series and position.

    Memory follows the pairs of series and position, not the documents.
    """
    parts, pending = [TALLY.empty_table()], 0
    for batch in documents:
        parts.append(_tally(batch, calendar))
        pending += parts[-1].num_rows
        if pending > max(PENDING_ROWS, parts[0].num_rows):
            parts, pending = [_add_up(parts)], 0
    return _add_up(parts)


def decay_sums(
    series: np.ndarray, position: np.ndarray, amount: np.ndarray, *, halflife_steps: float
) -> np.ndarray:
    """Return the sum of all amounts of a series so far, each halved by its age (E,).

    Every pass doubles how many pairs a sum spans (Hillis and Steele's scan): the terms only
    shrink, so that it is stable where a division of running totals would not be, and a later pair
    changes no bit of an earlier sum.

    Args:
        series: Number of the series of each pair (E,), ascending.
        position: Its calendar position (E,), ascending within a series.
        amount: What is added there (E,).
        halflife_steps: Steps after which an amount counts half.
    """
    sums, width = amount.astype("float64"), 1
    longest = np.bincount(series).max(initial=0)
    while width < longest:
        same = series[width:] == series[:-width]
        age = np.where(same, position[width:] - position[:-width], 0)
        earlier = sums[:-width] * decay(age, halflife_steps)
        sums[width:] += np.where(same, earlier, 0.0)
        width *= 2
    return sums


def _tally(batch: pa.Table, calendar: Calendar) -> pa.Table:
    batch = batch.select(DOCUMENT.names).cast(DOCUMENT)  # the engine's texts cannot be filtered
    batch = batch.filter(pc.is_valid(batch["polarity"])).combine_chunks()
    if batch.num_rows == 0:
        return TALLY.empty_table()
    named = pc.split_pattern(batch["series_ids"].fill_null("").chunk(0), ",")
    document = pc.list_parent_indices(named).to_numpy()
    times = batch["time"].cast(pa.timestamp("us")).to_numpy()
    polarity = np.rint(batch["polarity"].to_numpy() * MILLIONTHS).astype("int64")[document]
    rows = pa.table(
        {
            "series_id": pc.list_flatten(named),
            "position": calendar.document_positions(times)[document],
            "documents": np.ones(len(document), dtype="int64"),
            "total": polarity,
            "squares": polarity**2,
        },
        schema=TALLY,
    )
    counts = pc.and_(pc.not_equal(rows["series_id"], ""), pc.greater_equal(rows["position"], 0))
    return _add_up([rows.filter(counts)])


def _add_up(parts: list[pa.Table]) -> pa.Table:
    """Return the sums of several tallies, one row a series and position, in no order."""
    grouped = pa.concat_tables(parts).group_by(KEY, use_threads=False)
    summed = grouped.aggregate([(name, "sum") for name in SUMS])
    summed = summed.select([*KEY, *(f"{name}_sum" for name in SUMS)])
    return summed.rename_columns(TALLY.names)
