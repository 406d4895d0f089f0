"""How fast documents are scored by one core, and that their number costs no memory.

    python -m benchmarks.sentiment_scoring [--train FILE] [--documents 50000] [--times 4]

Two lakes, one of `--documents` short texts and one of `--times` as many, are scored as a night does
it: streamed from the lake, batch by batch back into it, each in a process of its own. The texts are
the lines of a file of reviews (`id`, `document`, `label`, tab separated), repeated as needed;
without one, headlines made here. The classifier has the sizes of a real one and learns for one
epoch only. `documents_per_minute` counts CPU seconds of reading, tokens, scoring and writing;
`memory_ratio` is the peak of the larger lake over the smaller one's, whole processes. Prints one
JSON object last.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.lake import Lake
from pipelines_lib.sentiment.classifier import Classifier
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.fit import fit_classifier
from pipelines_lib.sentiment.nightly import score_documents
from pipelines_lib.sources.headlines import make_headlines
from pipelines_lib.tables import DOCUMENTS

LEARNED = 5_000
"""Texts that the classifier learns from."""
AT_ONCE = 50_000
"""Documents put into a lake at once."""
FIRST = np.datetime64("2020-01-01", "s")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--train", type=Path)
    options.add_argument("--documents", type=int, default=50_000)
    options.add_argument("--times", type=int, default=4)
    options.add_argument("--score", type=Path, help="score the lake in this folder, here")
    args = options.parse_args()
    torch.set_num_threads(1)
    if args.score:
        print(json.dumps(score(args.score)))
        return
    with TemporaryDirectory() as folder:
        texts, labels = read_texts(args.train)
        learn(texts, labels).save_bundle(Path(folder, "bundle"))
        measured = {
            name: measure(Path(folder), name, texts, n)
            for name, n in (("few", args.documents), ("many", args.times * args.documents))
        }
    print(
        json.dumps(
            {
                "benchmark": "sentiment_scoring",
                "file": args.train.name if args.train else None,
                "mean_characters": round(float(np.mean([len(text) for text in texts])), 1),
                "documents_per_minute": measured["many"]["documents_per_minute"],
                "memory_ratio": round(
                    measured["many"]["peak_mib"] / measured["few"]["peak_mib"], 3
                ),
                **measured,
            }
        )
    )


def read_texts(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return texts and labels of a file, or headlines."""
    if path is None:
        series = [f"SYN{number:03d}" for number in range(1, 21)]
        last = FIRST + np.timedelta64(1000, "D")
        made = make_headlines(20_000, 7, series, first=FIRST, last=last)
        return made["title"].to_numpy(dtype=object), made["label"].to_numpy(dtype=object)
    frame = pd.read_csv(
        path, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False, dtype=str
    ).sample(frac=1, random_state=0)
    return frame["document"].to_numpy(dtype=object), frame["label"].to_numpy(dtype=object)


def learn(texts: np.ndarray, labels: np.ndarray) -> Classifier:
    some = Texts(
        np.array([f"{number:06d}" for number in range(LEARNED)], dtype=object),
        texts[:LEARNED],
        labels[:LEARNED],
        np.zeros(LEARNED, dtype="datetime64[us]"),
    )
    sizes = ClassifierConfig()
    training = sizes.training.model_copy(update={"max_epochs": 1})
    return fit_classifier(
        some,
        dataset_name="bench",
        config=sizes.model_copy(update={"training": training}),
        device=torch.device("cpu"),
    ).classifier


def measure(folder: Path, name: str, texts: np.ndarray, n: int) -> dict[str, float]:
    """Fill a lake with n documents, and score it in a process of its own."""
    lake = Lake(str(folder / name))
    for first in range(0, n, AT_ONCE):
        number = np.arange(first, min(n, first + AT_ONCE))
        lake.merge_rows(
            "bench",
            DOCUMENTS,
            pd.DataFrame(
                {
                    "document_id": [f"{each:09d}" for each in number],
                    "time": pd.Timestamp(FIRST, tz="UTC") + pd.to_timedelta(number, unit="min"),
                    "series_ids": "",
                    "source": "bench",
                    "language": "",
                    "title": "",
                    "text": texts[number % len(texts)],
                    "label": None,
                    "ingest_id": "bench",
                }
            ),
        )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sentiment_scoring", "--score", str(folder / name)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def score(folder: Path) -> dict[str, float]:
    """Score a lake with the bundle beside it."""
    classifier = Classifier.load_bundle(folder.parent / "bundle")
    began = time.process_time()
    done = score_documents(
        Lake(str(folder)),
        "bench",
        classifier,
        scorer="bench-classifier",
        version="1",
        run_id="bench",
        device=torch.device("cpu"),
    )
    seconds = time.process_time() - began
    return {
        "documents": done,
        "documents_per_minute": round(60 * done / seconds),
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the peak of this process; the one that resource knows has its parent's in it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return round(int(peak) / 1024, 1)


if __name__ == "__main__":
    main()
