"""How long the command and the flows take to import, in CPU seconds of a fresh process.

    python -m benchmarks.import_times

CPU seconds and not wall seconds: beside other work the former hardly change. On one core that is
free both are the same.
"""

import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

TIMES = 3
FLOWS = sorted(
    path.stem for path in Path(__file__).parents[1].glob("flows/*.py") if path.stem != "__init__"
)


def main() -> None:
    print(json.dumps(measure_imports()))


def measure_imports() -> dict[str, object]:
    """Return the median seconds of `tidewatch --help`, and of the import of each flow's module."""
    flows = {name: median_s(["-c", f"import flows.{name}"]) for name in FLOWS}
    return {
        "help_s": median_s(["-m", "deployments.cli", "--help"]),
        "flow_import_s": max(flows.values()),
        "flow_imports_s": flows,
    }


def median_s(arguments: list[str]) -> float:
    """Run Python three times and return the median of its CPU seconds."""
    return round(statistics.median(cpu_s(arguments) for _ in range(TIMES)), 2)


def cpu_s(arguments: list[str]) -> float:
    """Run Python once and return the CPU seconds that it took, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
