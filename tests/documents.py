"""Documents by hand, and a classifier that reads a document's polarity from its text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.sentiment.classifier import Predicted
from pipelines_lib.sentiment.nightly import score_documents, update_sentiment
from pipelines_lib.tables import DOCUMENTS

CPU = torch.device("cpu")
MODEL = {"scorer": "prices-classifier", "version": "1", "run_id": "r1"}
CLASSES = np.array(["negative", "neutral", "positive"], dtype=object)


@dataclass
class ReadsNumbers:
    """A classifier for whom the last word of a text is its polarity; it remembers what it read."""

    read: list[str] = field(default_factory=list)
    dies_after: int = 1_000_000
    without_polarity: bool = False

    def predict_texts(self, texts: Sequence[str], *, device: torch.device) -> Predicted:
        if len(self.read) + len(texts) > self.dies_after:
            raise KeyboardInterrupt
        self.read += texts
        polarity = np.array([float(text.split()[-1]) for text in texts])
        number = (np.sign(polarity) + 1).astype(int)
        probabilities = np.full((len(texts), 3), 0.1)
        probabilities[np.arange(len(texts)), number] = 0.8
        if self.without_polarity:
            polarity = np.full(len(texts), np.nan)
        return Predicted(probabilities, CLASSES[number], polarity)


def documents(*entries: tuple[str, str, str, str], ingest_id: str = "i1") -> pd.DataFrame:
    """Return documents (id, time, series ids, text); a time without a zone is UTC."""
    frame = pd.DataFrame(list(entries), columns=["document_id", "time", "series_ids", "text"])
    times = [pd.Timestamp(time) for time in frame["time"]]
    utc = [t.tz_localize("UTC") if t.tz is None else t.tz_convert("UTC") for t in times]
    frame["time"] = pd.Series(utc).astype("datetime64[us, UTC]")
    rest = {"source": "desk", "language": "en", "title": "", "ingest_id": ingest_id}
    return frame.assign(**rest, label=None)[DOCUMENTS.schema.names]


def store_and_score(
    lake: Lake, dataset: DatasetConfig, rows: pd.DataFrame, *, scorer: str = MODEL["scorer"]
) -> int:
    """Store documents and make a night's sentiment of all; return the rows of it that changed."""
    lake.merge_rows(dataset.name, DOCUMENTS, rows)
    model = MODEL | {"scorer": scorer}
    score_documents(lake, dataset.name, ReadsNumbers(), device=CPU, **model)
    return update_sentiment(lake, dataset, **model)
