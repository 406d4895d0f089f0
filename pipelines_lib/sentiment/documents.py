"""Documents whose class a person gave, read from the lake: what a classifier learns from."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines_lib.lake import Lake
from pipelines_lib.tables import DOCUMENTS


@dataclass(frozen=True)
class Texts:
    """N texts and their classes, sorted by document id."""

    document_id: np.ndarray
    """(N,) object."""
    text: np.ndarray
    """(N,) object: the title, a line break and the text, or the one that is there."""
    label: np.ndarray
    """(N,) object: the name of the class."""
    time: np.ndarray
    """(N,) datetime64[us]: when it was published, UTC."""

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: np.ndarray) -> "Texts":
        """Return the texts at these places."""
        return Texts(self.document_id[rows], self.text[rows], self.label[rows], self.time[rows])


def read_labelled(lake: Lake, dataset_name: str) -> Texts:
    """Read all documents of a dataset that have a label."""
    names = ["document_id", "title", "text", "label", "time"]
    none = pa.schema([DOCUMENTS.schema.field(name) for name in names]).empty_table()
    labelled = [
        batch.filter(pc.is_valid(batch["label"]))
        for batch in lake.stream_rows(dataset_name, DOCUMENTS, columns=names)
    ]
    rows = pa.concat_tables([none, *labelled]).sort_by("document_id").to_pandas()
    return Texts(
        document_id=rows["document_id"].to_numpy(dtype=object),
        text=join_texts(rows["title"], rows["text"]),
        label=rows["label"].to_numpy(dtype=object),
        time=rows["time"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]"),
    )


def texts_digest(texts: Texts) -> str:
    """Return a fingerprint of labelled texts: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for column in (texts.document_id, texts.text, texts.label, texts.time.astype(str)):
        for value in column:
            digest.update(f"{value}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def join_texts(title: pd.Series, text: pd.Series) -> np.ndarray:
    """Return what is read of documents (N,): title and text, a line break between if both are."""
    title, text = title.fillna("").astype(object), text.fillna("").astype(object)
    between = np.where((title != "") & (text != ""), "\n", "")
    return (title + between + text).to_numpy(dtype=object)
