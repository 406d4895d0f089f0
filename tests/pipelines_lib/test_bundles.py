"""Bundles on disk: plain JSON and safetensors, refused where they are not whole."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pipelines_lib
from pipelines_lib.bundles import ARRAYS, CARD, load_parts, save_parts
from pipelines_lib.errors import BundleError
from pipelines_lib.predict import load_any_bundle

ARRAY = {"a": np.array([[0.1, np.nan], [np.inf, -2.0]]), "b": np.arange(3, dtype="float32")}


@pytest.fixture
def bundle(tmp_path) -> Path:
    folder = tmp_path / "new" / "bundle"
    save_parts(folder, kind="forecaster", card={"unit": "원", "third": 1 / 3}, arrays=ARRAY)
    return folder


def test_load_parts_returns_what_was_saved(bundle):
    card, arrays = load_parts(bundle, kind="forecaster")
    assert card == {"format": 1, "kind": "forecaster", "unit": "원", "third": 1 / 3}
    for name, values in ARRAY.items():
        np.testing.assert_array_equal(arrays[name], values)
        assert arrays[name].dtype == values.dtype


def test_save_parts_keeps_arrays_that_do_not_lie_in_order(tmp_path):
    turned = np.arange(6.0).reshape(2, 3).T
    save_parts(tmp_path, kind="k", card={}, arrays={"t": turned, "s": turned[::2]})
    _, arrays = load_parts(tmp_path, kind="k")
    np.testing.assert_array_equal(arrays["t"], turned)
    np.testing.assert_array_equal(arrays["s"], turned[::2])


def test_save_parts_writes_two_files_that_run_nothing(bundle):
    assert sorted(path.name for path in bundle.iterdir()) == [ARRAYS, CARD]
    json.loads((bundle / CARD).read_text(encoding="utf-8"))


def test_load_parts_refuses_another_kind(bundle):
    with pytest.raises(BundleError, match="holds a forecaster, not a detector: choose another"):
        load_parts(bundle, kind="detector")


def test_load_parts_refuses_a_newer_format(bundle):
    card = json.loads((bundle / CARD).read_text(encoding="utf-8"))
    (bundle / CARD).write_text(json.dumps({**card, "format": 2}), encoding="utf-8")
    with pytest.raises(BundleError, match="format 2, this Tidewatch knows 1: upgrade tidewatch"):
        load_parts(bundle, kind="forecaster")


@pytest.mark.parametrize("name", [CARD, ARRAYS])
@pytest.mark.parametrize("spoil", ["missing", "torn", "garbage"])
def test_load_parts_refuses_a_bundle_that_is_not_whole(bundle, name, spoil):
    path = bundle / name
    if spoil == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if spoil == "torn" else b"\x80\x04garbage")
    with pytest.raises(BundleError, match=r"no whole bundle.*train the model again"):
        load_parts(bundle, kind="forecaster")


def test_load_any_bundle_loads_either_kind(fitted_forecaster, fitted_detector, tmp_path):
    fitted_forecaster.forecaster.save_bundle(tmp_path / "f")
    fitted_detector.detector.save_bundle(tmp_path / "d")
    assert type(load_any_bundle(tmp_path / "f")).__name__ == "Forecaster"
    assert type(load_any_bundle(tmp_path / "d")).__name__ == "Detector"


def test_load_any_bundle_refuses_a_folder_without_one(tmp_path):
    with pytest.raises(BundleError, match="is no bundle"):
        load_any_bundle(tmp_path)


def test_the_library_never_pickles():
    package = Path(pipelines_lib.__file__).parent
    unsafe = re.compile(
        r"torch\.(load|save)\b|^\s*(import|from)\s+(pickle|cloudpickle|joblib|dill|shelve)\b"
        r"|read_pickle|to_pickle|allow_pickle\s*=\s*True",
        re.MULTILINE,
    )
    sources = sorted(package.rglob("*.py"))
    assert len(sources) > 50
    found = {
        str(path.relative_to(package)): match.group()
        for path in sources
        if (match := unsafe.search(path.read_text(encoding="utf-8")))
    }
    assert found == {}
