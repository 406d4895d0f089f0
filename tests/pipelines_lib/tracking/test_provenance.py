"""Which code computed."""

import subprocess

import pytest

from pipelines_lib import __version__
from pipelines_lib.tracking.provenance import code_version
from tests.support import ROOT


@pytest.fixture(autouse=True)
def _forget():
    code_version.cache_clear()
    yield
    code_version.cache_clear()


def git_says(top):
    """Stand in for git: the checkout's top folder, then the commit."""

    def run(command, **_):
        said = str(top) if "rev-parse" in command else "abc123-dirty"
        return subprocess.CompletedProcess(command, 0, stdout=f"{said}\n")

    return run


def test_code_version_names_the_commit(monkeypatch):
    monkeypatch.setattr(subprocess, "run", git_says(ROOT))
    assert code_version() == f"{__version__}+abc123-dirty"


def test_code_version_ignores_the_commit_of_a_project_it_is_installed_in(monkeypatch):
    monkeypatch.setattr(subprocess, "run", git_says(ROOT.parent))
    assert code_version() == __version__


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
