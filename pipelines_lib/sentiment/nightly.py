"""A night of sentiment: new documents are scored, and the sentiment of their steps made anew.

A document is due where no polarity of the same model stands for it as it is now: one that has
changed since (its text, its time, the series it speaks of) was written by another ingest than the
one that its polarity names, and is scored again.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.sentiment.daily import make_daily
from pipelines_lib.sentiment.documents import join_texts
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.tables import DOCUMENTS, POLARITIES, SENTIMENT, TEXT

BATCH_ROWS = 20_000
CARRIED = ["document_id", "time", "series_ids", "ingest_id"]
"""What a polarity repeats of its document."""


def score_documents(
    lake: Lake,
    dataset_name: str,
    classifier: Classifier,
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
        texts = batch.select(["title", "text"]).to_pandas()
        said = classifier.predict_texts(
            join_texts(texts["title"], texts["text"]).tolist(), device=device
        )
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
