"""One run at a time has a dataset, or the GPU, of a home folder."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from filelock import FileLock, Timeout

from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings
from tasks.turns import GPU, gpu_turn, take_turn
from tests.support import ROOT

HOLD = """
import logging, sys, time
from pipelines_lib.settings import Settings
from tasks.turns import take_turn
with take_turn("dataset-prices", Settings(home=sys.argv[1]), logger=logging.getLogger()):
    print("has it", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def holder(settings):
    """Hold the turn of the dataset prices in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


def test_take_turn_waits_for_another_run_says_so_and_goes_on_when_that_is_killed(
    settings, holder, caplog
):
    logger, taken = logging.getLogger("turn"), threading.Event()

    def wait():
        with take_turn("dataset-prices", settings, logger=logger):
            taken.set()

    with caplog.at_level(logging.INFO):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not taken.wait(1.5)
        os.kill(holder.pid, signal.SIGKILL)  # frees no lock by itself: the kernel does
        assert taken.wait(10)
        waiting.join()
    assert [record.message for record in caplog.records] == [
        "waiting for its turn: another run has dataset-prices on this machine",
        "has its turn: dataset-prices is free",
    ]


def test_take_turn_of_another_dataset_waits_for_nobody(settings, holder):
    began = time.monotonic()
    with take_turn("dataset-others", settings, logger=logging.getLogger()):
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("name", ["../prices", "dataset-a/b", "", "Prices"])
def test_take_turn_refuses_what_is_no_name(settings, name):
    with (
        pytest.raises(ConfigError, match="is no name"),
        take_turn(name, settings, logger=logging.getLogger()),
    ):
        pass
    assert not settings.home.exists()


def test_gpu_turn_holds_a_gpu_and_shares_a_cpu(settings):
    logger, place = logging.getLogger("turn"), settings.turns_dir / f"{GPU}.lock"
    with gpu_turn(torch.device("cpu"), settings, logger=logger):
        assert not place.exists()
    with gpu_turn(torch.device("cuda"), settings, logger=logger), pytest.raises(Timeout):
        FileLock(place).acquire(timeout=0)
    with FileLock(place).acquire(timeout=0):
        pass  # it is free again
