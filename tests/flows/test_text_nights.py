"""Nights in which documents fail, or whose classes have no polarity."""

import mlflow

from flows.nightly import nightly
from pipelines_lib.lake import Lake
from pipelines_lib.tables import POLARITIES
from tests.stories import CLASSIFIER, FORECASTER, make_stories, market, reviews, write_stories


def test_nightly_of_classes_without_polarity_tells_of_them_by_any_name(home, tmp_path):
    folder, told = tmp_path / "code", ["C++ (old & new)", "日本語 <b>"]
    lines = [
        (f"c{number}", "2024-02-01 01:00", f"{('include', 'desu')[number % 2]} {number}",
         "", "", told[number % 2])
        for number in range(60)
    ]  # fmt: skip
    write_stories(folder, "a", lines)
    night = nightly(reviews(folder, "code"), classifier=CLASSIFIER)
    assert (night.texts.scored, night.texts.movers) == (60, [])
    assert set(night.texts.classes) <= set(told)  # MLflow refuses either as a name
    page = (home / "reports/code/2024-02-01T0100.html").read_text(encoding="utf-8")
    section = page[page.index("<h2>Sentiment") :]
    assert "60 documents scored tonight by code-classifier v1; of 60 it has scored: " in section
    assert "<b>" not in section
    assert "The words that decided" not in section
    client = mlflow.MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    logged = mlflow.artifacts.load_dict(f"runs:/{night.run_id}/told.json")
    assert logged == night.texts.classes
    assert not [
        name for name in client.get_run(night.run_id).data.metrics if name.startswith("told")
    ]
    assert Lake(str(home / "lake")).read_rows("code", POLARITIES)["polarity"].isna().all()


def test_nightly_of_a_market_goes_on_where_its_documents_fail(home, tmp_path):
    folder = tmp_path / "stories"
    write_stories(folder, "a", [(*story[:5], "") for story in make_stories(30)])
    dataset = market("unread").model_copy(update={"documents": reviews(folder).documents})
    plain = FORECASTER.model_copy(update={"features": ["volatility"]})

    state = nightly(
        dataset, forecaster=plain, detect=False, classifier=CLASSIFIER, return_state=True
    )

    why = "documents failed: no document has a label"
    assert (state.name, why in state.message) == ("Partial", True)
    night = state.result()
    assert night.n_forecast_series == 3
    assert [text.startswith(why) for text in night.warnings] == [True]
    assert night.texts.documents == 30  # they are stored, for a night that has a champion
    assert why in (home / "reports/unread" / f"{night.newest}.html").read_text(encoding="utf-8")

    gone = dataset.documents.model_copy(update={"path": str(tmp_path / "gone")})
    state = nightly(dataset.model_copy(update={"documents": gone}), detect=False, return_state=True)
    assert (state.name, state.result().texts) == ("Partial", None)
    assert "documents failed: " in state.message
