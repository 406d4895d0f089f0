"""The collector of cycles looks rarely, and keeps off everything when the process ends."""

import json
import subprocess
import sys

CODE = """
import atexit, gc, json
atexit.register(lambda: print(json.dumps([gc.get_threshold()[0], gc.get_freeze_count()])))
from pipelines_lib.collector import relax_collector
before = [gc.get_threshold()[0], gc.get_freeze_count()]
relax_collector()
print(json.dumps(before))
"""


def test_collector_is_relaxed_and_frozen_at_exit() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    before, after = map(json.loads, ended.stdout.split("\n")[:2])
    assert before[1] == 0
    assert after[0] > 10 * before[0]
    assert after[1] > 1000
