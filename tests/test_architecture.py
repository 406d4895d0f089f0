"""The rules of the house that a machine can hold."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks", "pipelines_lib", "deployments", "benchmarks")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def test_import_contracts_are_kept():
    lint = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_has_a_docstring_and_a_readable_length(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "say what the module is for"
    assert len(text.splitlines()) <= 400, "would a reader find their room here?"


def test_nothing_loads_a_pickle():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for word in ("import pickle", "torch.load", "cloudpickle", "joblib.load"):
            assert word not in text, f"{path} has {word}"


def test_library_asks_no_clock_and_sets_nothing_up_at_import():
    for path in sorted((ROOT / "pipelines_lib").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for word in ("datetime.now(", "utcnow(", "Timestamp.now(", "basicConfig("):
            assert word not in text, f"{path} has {word}: time is an argument"


def test_packages_that_break_prefect_are_bounded():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dependencies = declared["project"]["dependencies"]
    for bound in ("prefect>=3.8.8,<3.9", "fastapi>=0.139,<0.151", "sqlalchemy>=2.0.40,<2.1"):
        assert bound in dependencies


def test_every_invariant_names_a_test_that_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("## Invariants")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 9
    for row in rows:
        for place in (part for part in row.split("`")[1::2] if "::" in part):
            path, _, name = place.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), place


def test_tasks_exchange_no_frames_tensors_or_models():
    heavy = ("DataFrame", "Series", "Tensor", "ndarray", "Panel", "Forecaster", "Detector")
    for path in sorted((ROOT / "tasks").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or not is_task(function):
                continue
            hints = [argument.annotation for argument in function.args.args] + [function.returns]
            for hint in hints:
                assert hint is not None, f"{path.name}: {function.name} says not what it exchanges"
                names = set(re.findall(r"\w+", ast.unparse(hint)))
                assert not names & set(heavy), f"{path.name}: {function.name} exchanges {names}"


def is_task(function):
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(text.startswith("task(") for text in decorators)


def test_no_task_asks_the_server_for_a_place_by_a_tag():
    for path in sorted((ROOT / "tasks").glob("*.py")):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, ast.FunctionDef):
                for decorator in found.decorator_list:
                    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "task":
                        assert "tags" not in {k.arg for k in decorator.keywords}, found.name
