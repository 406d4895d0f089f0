"""The parts of a run's page: pictures within a size, links, who has no result."""

import io

from matplotlib.figure import Figure
from PIL import Image

from pipelines_lib.reports.artifact import (
    MOST_BYTES,
    choose_pictures,
    file_sentence,
    first_pictures,
    picture_lines,
    png_bytes,
    problem_lines,
    run_sentence,
    small_picture,
)
from pipelines_lib.reports.figures import as_data_uri
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.model_lines import make_model_line
from pipelines_lib.reports.search_artifact import search_markdown
from pipelines_lib.reports.training_artifact import training_markdown


def test_picture_lines_stop_before_an_artifact_is_too_large():
    half = Picture("data:image/png;base64," + "A" * (MOST_BYTES // 2 - 30), "a [b]\nc")
    lines = picture_lines([half, half, half])
    assert [line for line in lines if line.startswith("!")] == [f"![a  b  c]({half.source})"] * 2
    assert lines[2] == "*a [b] c*"
    assert picture_lines([]) == []


def test_picture_lines_show_four_at_most():
    small = Picture("data:image/png;base64,AAAA", "p")
    assert sum(line.startswith("!") for line in picture_lines([small] * 9)) == 4


def drawn():
    figure, buffer = Figure(figsize=(9, 3)), io.BytesIO()
    figure.subplots().plot([1, 3, 2])
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def test_small_picture_keeps_the_shape_and_takes_less():
    png = drawn()
    small = small_picture(png, "c")
    with Image.open(io.BytesIO(png_bytes(small))) as image:
        assert image.size == (640, 213)  # of 990 x 330
    assert len(png_bytes(small)) < len(png)
    assert small.caption == "c"


def test_first_pictures_go_by_what_is_wanted():
    pngs = dict.fromkeys(["losses", "scores_1", "other"], drawn())
    shown = first_pictures(pngs, ["scores_1", "absent", "losses"])
    assert [picture.caption for picture in shown] == ["scores 1", "losses"]


def test_choose_pictures_shares_between_forecasts_and_events():
    whole = as_data_uri(Figure(figsize=(1, 1)))
    moves = [Picture(whole, f"m{i}") for i in range(4)]
    events = [Picture(whole, f"w{i}") for i in range(5)]

    def captions(*given):
        return [picture.caption for picture in choose_pictures(*given)]

    assert captions(moves, events) == ["m0", "m1", "w0", "w1"]
    assert captions(moves, []) == ["m0", "m1", "m2", "m3"]
    assert captions([], events) == ["w0", "w1", "w2", "w3"]
    assert captions(moves[:1], events) == ["m0", "w0", "w1", "w2"]
    assert captions(moves, events[:1]) == ["m0", "m1", "m2", "w0"]


def test_sentences_say_where_to_look_on():
    page = "http://127.0.0.1:5000/#/experiments/3/runs/abc"
    assert run_sentence("abc", page, "demo/nightly") == f"[abc]({page})"
    assert run_sentence("abc", "", "demo/nightly") == (
        "`abc`; `tidewatch page mlflow` shows it, in the experiment demo/nightly"
    )
    assert file_sentence("/r/a b.html") == "`/r/a b.html`"
    assert file_sentence("") == "none"


def test_problem_lines_name_the_first_and_count_the_rest():
    assert problem_lines({}) == []
    lines = problem_lines({"A|B": "two\nlines"})
    assert lines[2:] == ["| A/B | two lines |", ""]
    many = problem_lines({f"S{i}": "why" for i in range(60)})
    assert (len(many), many[-2]) == (2 + 50 + 1 + 1, "| and 10 more | |")


def test_training_markdown_sets_the_baselines_beside_the_model():
    metrics = {
        "mase": 1.1, "mae": 120.0, "rmse": 200.0, "test_series": 3.0, "skill_pct": -2.0,
        "last_value_mase": 1.08, "last_value_mae": 118.0, "drift_mase": 1.3,
    }  # fmt: skip
    line = make_model_line(
        "forecast", "demo-forecaster", "2", "abc", metrics=metrics, unit="KRW", note="why\nnot"
    )
    text = training_markdown(
        line,
        alias="challenger",
        metrics=metrics,
        experiment="demo/forecast",
        run_page="",
        pictures=[],
        left_out={"A": "too short"},
        seconds=3.21,
    )
    assert text.startswith("# demo-forecaster v2 is challenger\n\n- **Why**: why not\n")
    assert "skill -2.0 % (worse than last value)" in text
    assert "| | MASE | MAE | RMSE |\n|---|---:|---:|---:|\n| model | 1.10 | 120.0 | 200.0 |" in text
    assert "| last value | 1.08 | 118.0 |  |\n| drift | 1.30 |  |  |" in text
    assert "seasonal naive" not in text
    assert "| A | too short |" in text


def test_search_markdown_ranks_what_was_judged():
    text = search_markdown(
        study="sines",
        trials={"complete": 5, "pruned": 0, "failed": 1},
        wished=6,
        best={"hidden": "32"},
        selection_mase={"best": 0.8, "last_value": 1.0},
        test_mase={"base": 0.9, "best": 0.85, "last_value": 1.1},
        test_windows=1200,
        job="sines-best",
        notes=["a note"],
        run="`abc`",
        pictures=[],
    )
    assert "- **Trials**: 5 complete, 1 failed; 6 wished" in text
    assert "- **Note**: a note" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "0." in line]
    assert rows == [
        "| **best trial** | 0.8500 |",
        "| what the search started from | 0.9000 |",
    ]
    assert "| last value | 1.1000 |" in text
    assert "`tidewatch run sines-best`" in text
