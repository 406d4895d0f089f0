"""How well anomalies are found on labelled files, beside baselines on the very same files.

    python -m benchmarks.anomaly --data DIR --kind nab|ucr|smd [--mode causal|retrospective]
        [--seed 0] [--limit N] [--only NAME ...] [--csv PATH]

Labels are used for judging only: every method gets the values and raises alarms by the default
threshold. Writes a CSV with a row per file and method as files are finished; prints one JSON object
last: our fusion at the top, its parts alone under `alone`, rivals under `baselines`, each of these
with the paired bootstrap of ours less theirs over files (VUS-PR).
"""

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from benchmarks.anomaly_baselines import score_isolation_forest
from benchmarks.anomaly_data import (
    KINDS,
    MODES,
    LabelledFile,
    choose_sources,
    find_sources,
    read_file,
)
from benchmarks.anomaly_figures import MethodOnFile, compare, judge_file, summarise
from pipelines_lib.errors import SeriesError, TidewatchError

OURS, FOREST = "fusion", "isolation_forest"
BASELINES = ("pca", "energy", FOREST)


class Study(Protocol):
    """Scores of one file: the fusion's and each part's alone, (n,), NaN where there is none."""

    @property
    def score(self) -> np.ndarray:
        """Return the fusion's scores."""
        ...

    @property
    def alone(self) -> Mapping[str, np.ndarray]:
        """Return each part's scores."""
        ...

    @property
    def max_gap(self) -> int:
        """Return the steps without an alarm that do not split an event."""
        ...

    @property
    def cpu_s_train(self) -> float:
        """Return CPU seconds of training."""
        ...

    @property
    def cpu_s_score(self) -> float:
        """Return CPU seconds of scoring."""
        ...


Score = Callable[..., Study]
"""`score(values (n, m), n_train=, mode=, seed=)`."""
Alarm = Callable[..., np.ndarray]
"""`alarm(score (n,), n_train=)`: the default threshold, (n,) flags."""
Rate = Callable[..., np.ndarray]
"""`rate(errors (n,), mode=)`: the score that a method's errors make alone."""


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--kind", choices=KINDS, required=True)
    options.add_argument("--mode", choices=MODES, default="causal")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--limit", type=int)
    options.add_argument("--only", nargs="+", default=[])
    options.add_argument("--csv", type=Path)
    args = options.parse_args(arguments)
    path = args.csv or Path(f"anomaly-{args.kind}-{args.mode}-seed{args.seed}.csv")
    try:
        sources = choose_sources(
            find_sources(args.data, args.kind), only=args.only, limit=args.limit
        )
        # Imported only now, so that a wrong folder is told at once.
        from pipelines_lib.anomaly.study import raise_alarms, rate_errors, score_history

        torch.set_num_threads(1)  # small networks are faster so, and CPU seconds are comparable
        skipped: dict[str, str] = {}
        files = (read_file(source, kind=args.kind, mode=args.mode) for source in sources)
        results = run_benchmark(
            files,
            score=score_history,
            alarm=raise_alarms,
            rate=rate_errors,
            mode=args.mode,
            seed=args.seed,
            skipped=skipped,
        )
        by_method = collect(results, path)
    except TidewatchError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    report = {"benchmark": "anomaly", "kind": args.kind, "mode": args.mode, "seed": args.seed}
    report |= {"files": len(by_method[OURS]), "skipped": skipped, "csv": str(path)}
    print(json.dumps(as_json(report | make_report(by_method, kind=args.kind, seed=args.seed))))


def run_benchmark(
    files: Iterable[LabelledFile],
    *,
    score: Score,
    alarm: Alarm,
    rate: Rate,
    mode: str,
    seed: int,
    skipped: dict[str, str],
) -> Iterator[list[MethodOnFile]]:
    """Give, for one file after the other, what every method did on it, ours first.

    A file that cannot be scored is left out of every method and named in `skipped` with its reason.
    """
    for file in files:
        try:
            study = score(file.values, n_train=file.n_train, mode=mode, seed=seed)
        except SeriesError as error:
            skipped[file.name] = str(error)
            print(f"{file.name}: skipped, {error}", flush=True)
            continue
        ours = judge_file(
            file,
            OURS,
            score=study.score,
            alarm=alarm(study.score, n_train=file.n_train),
            max_gap=study.max_gap,
            cpu_s=study.cpu_s_train + study.cpu_s_score,
            cpu_s_score=study.cpu_s_score,
        )
        began = time.process_time()
        forest = score_isolation_forest(file.values, n_train=file.n_train, mode=mode, seed=seed)
        cpu_s = {FOREST: time.process_time() - began}
        others = [
            judge_file(
                file,
                name,
                score=values,
                alarm=alarm(values, n_train=file.n_train),
                max_gap=study.max_gap,
                cpu_s=cpu_s.get(name, np.nan),
            )
            for name, values in {**study.alone, FOREST: rate(forest, mode=mode)}.items()
        ]
        yield [ours, *others]


def collect(results: Iterable[list[MethodOnFile]], path: Path) -> dict[str, list[MethodOnFile]]:
    """Write a row per file and method as they come; return the results by method.

    Raises:
        SeriesError: No file could be scored.
    """
    by_method: dict[str, list[MethodOnFile]] = {}
    writer = None
    with path.open("w", newline="") as table:
        for of_file in results:
            for one in of_file:
                by_method.setdefault(one.method, []).append(one)
                row = one.row()
                if writer is None:
                    writer = csv.DictWriter(table, fieldnames=list(row))
                    writer.writeheader()
                writer.writerow(row)
            table.flush()
            ours = of_file[0]
            print(
                f"{ours.file}: VUS-PR {ours.volumes.vus_pr:.3f}, {ours.events.n_found} of"
                f" {ours.events.n_true} found,"
                f" {ours.events.n_predicted - ours.events.n_right} false, {ours.cpu_s:.1f} CPU s",
                flush=True,
            )
    if not by_method:
        raise SeriesError("none of the files could be scored; the reasons stand above")
    return by_method


def make_report(
    by_method: dict[str, list[MethodOnFile]], *, kind: str, seed: int
) -> dict[str, Any]:
    """Return our figures, and those of parts alone and baselines with ours less theirs."""
    ours = by_method[OURS]
    report: dict[str, Any] = summarise(ours, kind=kind)
    report |= {"baselines": {}, "alone": {}}
    for name, results in by_method.items():
        if name != OURS:
            figures: dict[str, Any] = summarise(results, kind=kind)
            figures["ours_minus_theirs"] = compare(ours, results, seed=seed)
            report["baselines" if name in BASELINES else "alone"][name] = figures
    return report


def as_json(value: Any) -> Any:
    """Return a report whose numbers are rounded, and null where they are not defined."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return round(float(value), 5) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    main()
