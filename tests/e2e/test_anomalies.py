"""The anomaly jobs as a user runs them."""

import re

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_run_synthetic_spikes_finds_the_four_and_nothing_else(tidewatch, seed):
    ended = tidewatch("run", "synthetic-spikes", "--set", f"dataset.source.seed={seed}")
    assert ended.returncode == 0, ended.stderr
    listed = tidewatch("events", "synthetic-spikes").stdout
    found = re.findall(r"^e[0-9a-f]{10} +sin +(\S+(?: \d\d:\d\d)?) +1 ", listed, flags=re.MULTILINE)
    # Hours 800, 600, 400 and 200 of 2024, each by itself.
    assert found == ["2024-02-03 08:00", "2024-01-26", "2024-01-17 16:00", "2024-01-09 08:00"]
    assert listed.count("sin ") == 4
