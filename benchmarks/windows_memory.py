"""What windows cost in memory: peaks of serving shuffled batches at a long and a short lookback.

    python -m benchmarks.windows_memory [--series 948] [--rows 1500] [--features 5]
        [--long 512] [--short 30] [--batches 3000]

Serves batches of 64 windows, as training does, in a process of its own for each lookback, and
prints one JSON object last. `ratio` is long to short, of the whole processes' peaks; `grown_mib` is
what a peak exceeds the process's size before the data. Batches are small on purpose: a batch is as
large as its windows, so with large ones the batch would be measured and not what is kept.
`prebuilt_mib` is what all windows would take as an array: reckoned, not built.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

BATCH = 64
HORIZON = 1
MIB = 2**20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--series", type=int, default=948)
    options.add_argument("--rows", type=int, default=1500)
    options.add_argument("--features", type=int, default=5)
    options.add_argument("--long", type=int, default=512)
    options.add_argument("--short", type=int, default=30)
    options.add_argument("--batches", type=int, default=3000)
    options.add_argument("--serve", type=int, metavar="LOOKBACK", help="serve in this process")
    args = options.parse_args()
    print(json.dumps(serve(args, args.serve) if args.serve else compare(args)))


def compare(args: argparse.Namespace) -> dict[str, object]:
    measured = {name: run_alone(args, lookback) for name, lookback in lookbacks(args).items()}
    return {
        "ratio": round(measured["long"]["peak_mib"] / measured["short"]["peak_mib"], 3),
        "batch": BATCH,
        "series_mib": round(args.series * args.rows * args.features * 4 / MIB, 1),
        **measured,
        "prebuilt_mib": {
            name: round(
                args.series * (args.rows - lookback) * lookback * args.features * 4 / MIB, 1
            )
            for name, lookback in lookbacks(args).items()
        },
    }


def lookbacks(args: argparse.Namespace) -> dict[str, int]:
    return {"long": args.long, "short": args.short}


def run_alone(args: argparse.Namespace, lookback: int) -> dict[str, float]:
    """Serve in a process of its own, whose peak is then of nothing else."""
    sizes = [
        f"--{name}={getattr(args, name)}" for name in ("series", "rows", "features", "batches")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.windows_memory", f"--serve={lookback}", *sizes],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def serve(args: argparse.Namespace, lookback: int) -> dict[str, float]:
    """Gather shuffled batches of all windows, and return what that took."""
    import numpy as np
    import torch

    from pipelines_lib.series.windows import count_known, make_origins
    from pipelines_lib.training import ForecastData

    torch.set_num_threads(1)
    before = peak_mib()
    rows = args.series * args.rows
    inputs = np.random.default_rng(0).standard_normal((rows, args.features), dtype="float32")
    known = np.ones(rows, dtype=bool)
    offsets = np.arange(args.series + 1) * args.rows
    origins = make_origins(
        count_known(known, offsets=offsets),
        offsets=offsets,
        lookback=lookback,
        targets_known=known,
        horizon=HORIZON,
    )
    data = ForecastData.make(
        inputs,
        lookback=lookback,
        horizon=HORIZON,
        sampling_rate=1,
        device=torch.device("cpu"),
        targets=inputs[:, 0],
    )
    shuffled = torch.as_tensor(origins)[torch.randperm(len(origins))]
    served = 0
    for batch in shuffled.split(BATCH)[: args.batches]:
        windows, targets = data.batch(batch)
        assert windows.past.shape == (len(batch), lookback, args.features)
        assert targets.shape == (len(batch), HORIZON)
        served += len(batch)
    return {
        "lookback": lookback,
        "peak_mib": round(peak_mib(), 1),
        "grown_mib": round(peak_mib() - before, 1),
        "windows": len(origins),
        "served": served,
    }


def peak_mib() -> float:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib / 1024


if __name__ == "__main__":
    main()
