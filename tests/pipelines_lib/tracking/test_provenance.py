"""Which code computed."""

import subprocess

import pytest

from pipelines_lib import __version__
from pipelines_lib.tracking.provenance import code_version


@pytest.fixture(autouse=True)
def _forget():
    code_version.cache_clear()
    yield
    code_version.cache_clear()


def test_code_version_names_the_commit(monkeypatch):
    def describe(command, **_):
        return subprocess.CompletedProcess(command, 0, stdout="abc123-dirty\n")

    monkeypatch.setattr(subprocess, "run", describe)
    assert code_version() == f"{__version__}+abc123-dirty"


@pytest.mark.parametrize(
    "error", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")]
)
def test_code_version_is_the_package_s_without_a_checkout(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    assert code_version() == __version__


def test_code_version_starts_with_the_package_s():
    assert code_version().startswith(__version__)
