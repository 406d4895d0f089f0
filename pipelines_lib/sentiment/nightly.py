"""A night of sentiment: new documents are scored, and the sentiment of their steps made anew.

A document is due where no polarity of the same model stands for it as it is now: one that has
changed since (its text, its time, the series it speaks of) was written by another ingest than the
one that its polarity names, and is scored again.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.sentiment.daily import make_daily
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import DOCUMENTS, POLARITIES, SENTIMENT, TEXT

BATCH_ROWS = 20_000
CARRIED = ["document_id", "time", "series_ids", "ingest_id"]
"""What a polarity repeats of its document."""


class Said(Protocol):
    """What a classifier says of D texts of C classes."""

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated probability of each class (D, C)."""

    @property
    def label(self) -> np.ndarray:
        """The likeliest class (D,)."""

    @property
    def polarity(self) -> np.ndarray:
        """Sentiment in [-1, 1] (D,), NaN where the classes have none."""


class TextScorer(Protocol):
    """Anything that classifies texts."""

    def predict_texts(self, texts: Sequence[str], *, device: torch.device) -> Said:
        """Classify texts."""


def score_documents(
    lake: Lake,
    dataset_name: str,
    classifier: TextScorer,
    *,
    scorer: str,
    version: str,
    run_id: str,
    device: torch.device,
    batch_rows: int = BATCH_ROWS,
    on_batch: Callable[[int], None] = lambda done: None,
) -> int:
    """Score the documents that this version of a model has not scored as they are now.

    Each batch is one transaction: after a kill the next run goes on where this one stopped.

    Args:
        lake: Where documents and polarities lie.
        dataset_name: The dataset of the documents.
        classifier: The model.
        scorer: Its registered name.
        version: Its registered version.
        run_id: The MLflow run that made it.
        device: Where to compute.
        batch_rows: Documents read, scored and written at once.
        on_batch: Called after each batch with the number of documents scored so far.

    Returns:
        How many were scored.
    """
    done = 0
    model = {"scorer": scorer, "model_version": version}
    for batch in lake.stream_missing(
        dataset_name,
        DOCUMENTS,
        lacks=POLARITIES,
        on=["document_id", "ingest_id"],
        equal=model,
        columns=[*CARRIED, "title", "text"],
        batch_rows=batch_rows,
    ):
        said = classifier.predict_texts(join_titles(batch), device=device)
        rows = pa.table(
            {name: batch[name] for name in CARRIED}
            | {name: np.full(batch.num_rows, value) for name, value in model.items()}
            | {
                "label": pa.array(said.label, TEXT),
                "probability": said.probabilities.max(axis=1),
                "polarity": pa.array(said.polarity, from_pandas=True),
                "run_id": np.full(batch.num_rows, run_id),
            }
        )
        lake.merge_rows(dataset_name, POLARITIES, rows)
        done += batch.num_rows
        on_batch(done)
    return done


def update_sentiment(
    lake: Lake, dataset: DatasetConfig, *, scorer: str, version: str, run_id: str
) -> int:
    """Make the daily sentiment of a scorer anew, from what this version of it said.

    Rows of documents that are gone or moved go as well; where nothing changed, nothing is written.
    Undated documents, and those of classes without a polarity, have no part in it.

    Returns:
        How many rows are new or changed.
    """
    documents = dataset.documents
    dated = documents.kind != "files" or bool(documents.time_column)
    said = lake.stream_rows(
        dataset.name,
        POLARITIES,
        columns=["series_ids", "time", "polarity"],
        equal={"scorer": scorer, "model_version": version},
    )
    daily = make_daily(
        said if dated else (),
        calendar=make_calendar(dataset),
        halflife_steps=documents.halflife_steps,
    )
    for name, value in (("scorer", scorer), ("model_version", version), ("run_id", run_id)):
        daily = daily.append_column(name, pa.array(np.full(daily.num_rows, value), TEXT))
    return lake.replace_rows(dataset.name, SENTIMENT, daily, scope={"scorer": scorer}).written


def join_titles(batch: pa.Table) -> list[str]:
    """Return the texts of documents: title and text, on a line each where both are there."""
    title, text = (batch[name].cast(TEXT).fill_null("") for name in ("title", "text"))
    both = pc.and_(pc.not_equal(title, ""), pc.not_equal(text, ""))
    return pc.binary_join_element_wise(title, text, pc.if_else(both, "\n", "")).to_pylist()
