"""Names of unfinished trainings."""

from pathlib import Path

import pytest

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.training.keys import checkpoint_path

SAME = {"dataset": "prices", "task": "forecast", "digest": "abc", "code": "0.1.0"}


def test_checkpoint_path_is_the_same_for_the_same_inputs():
    one = checkpoint_path(Path("f"), config=ForecasterConfig(hidden=8), **SAME)
    assert one == checkpoint_path(Path("f"), config=ForecasterConfig(hidden=8), **SAME)
    assert one.parent == Path("f/prices")
    assert one.name.startswith("forecast-")


@pytest.mark.parametrize(
    "changed",
    [
        {"config": ForecasterConfig(hidden=9)},
        {"digest": "abd"},
        {"code": "0.1.0+dirty"},
        {"task": "detect"},
        {"dataset": "other"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_checkpoint_path_differs_where_anything_differs(changed):
    same = {"config": ForecasterConfig(hidden=8), **SAME}
    assert checkpoint_path(Path("f"), **same) != checkpoint_path(Path("f"), **{**same, **changed})
