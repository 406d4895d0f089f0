"""Every command of the README does what the README says. One test a command."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import requests

from deployments.jobs import read_jobs
from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import make_calendar
from tests.mirror import open_mirror
from tests.support import BIN, ROOT, clean_environment, wait_for

pytestmark = pytest.mark.e2e

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

TESTED = {
    "make demo": "test_make_demo_ends_with_a_summary_and_changes_nothing_when_repeated",
    "make test": "test_make_test_runs_the_suite",
    "tidewatch run krx-live --set series_ids=005930,000660": "test_run_krx_live_by_a_mirror",
    "tidewatch run krx-samsung": "test_run_krx_samsung",
    "tidewatch run krx-kospi": "test_run_krx_kospi",
    "tidewatch run samsung-open": "test_run_samsung_open",
    "tidewatch run samsung-ohlcv": "test_run_samsung_ohlcv",
    "tidewatch run jena-temperature": "test_run_jena_temperature",
    "tidewatch run models": "test_run_models_judges_the_family_side_by_side",
    "tidewatch run models-search": "test_run_models_search_stores_a_job_that_runs",
    "tidewatch run sine": "test_run_sine_forecasts_the_cosine_it_never_saw",
    "tidewatch run synthetic-spikes": "test_run_synthetic_spikes_finds_the_four_and_nothing_else",
    "tidewatch run server-metrics": "test_run_server_metrics_is_judged_by_its_labels",
    "tidewatch run kospi-nightly": "test_run_kospi_nightly",
    "tidewatch run sentiment-nightly": (
        "test_run_sentiment_nightly_then_the_ablation_on_what_it_left"
    ),
    "tidewatch run sentiment-ablation": (
        "test_run_sentiment_nightly_then_the_ablation_on_what_it_left"
    ),
    "tidewatch run names-train": "test_run_names_train_tells_languages_apart",
    "tidewatch run reviews-train": "test_run_reviews_train_on_some_of_them",
    "tidewatch events demo": "test_events_of_the_demo_are_listed_and_judged",
    "tidewatch label demo EVENT false": "test_events_of_the_demo_are_listed_and_judged",
    "tidewatch quarantine krx-live": "test_run_krx_live_by_a_mirror",
    "tidewatch jobs": "test_jobs_lists_every_job",
    "tidewatch models": "test_make_demo_ends_with_a_summary_and_changes_nothing_when_repeated",
    "tidewatch status": "test_status_names_the_night_and_the_series_that_are_absent",
    "tidewatch status --json": "test_status_names_the_night_and_the_series_that_are_absent",
    "tidewatch up": "test_up_says_where_the_pages_are_and_they_answer",
    "PREFECT_API_URL=http://127.0.0.1:4200/api tidewatch up --no-servers": (
        "test_up_without_servers_joins_those_that_run"
    ),
    "tidewatch backup /backup/tidewatch-2026-01-02": (
        "test_ctrl_c_during_a_run_leaves_no_process_and_what_was_backed_up_goes_on"
    ),
    "tidewatch doctor": "test_doctor_finds_all_well",
    "tidewatch page prefect": "test_serve_shows_scheduled_runs_and_runs_on_demand",
    "tidewatch page mlflow": "test_page_mlflow_answers",
    "PREFECT_API_URL=http://127.0.0.1:4200/api tidewatch serve": (
        "test_serve_shows_scheduled_runs_and_runs_on_demand"
    ),
}


def test_every_command_of_readme_and_docs_is_run_by_a_test():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    commands = {
        line.replace(".venv/bin/", "") for block in blocks for line in block.strip().splitlines()
    }
    assert commands == set(TESTED)
    here = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/e2e").glob("*.py"))
    assert all(f"def {name}(" in here for name in TESTED.values())


def lake_files(home):
    """Return every file of the lake with its size and change time."""
    files = (path for path in (home / "lake").rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_make_demo_ends_with_a_summary_and_changes_nothing_when_repeated(tmp_path, tidewatch):
    home = tmp_path / "home"
    environment = {k: v for k, v in clean_environment(home).items() if not k.startswith("M")}
    (BIN.parent / ".installed").touch()  # the environment that runs this test is installed

    def make_demo():
        return subprocess.run(
            ["make", "demo", f"VENV={BIN.parent}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    first = make_demo()
    assert first.returncode == 0, first.stderr
    for said in (
        r"Forecasts of close \(KRW\)",
        r"Events, alerts first",
        r"Ingest +5,813 rows fetched: 5,812 new",
        r"Quarantined +price_order 1",
        r"Forecast model +demo-forecaster v1: MASE .* last value .* skill",
        r"Detect model +demo-detector v1: average precision",
        r"Report +/",
        r"page prefect",
        r"page mlflow",
    ):
        assert re.search(said, first.stdout), said
    report = home / "reports" / "demo" / "2025-01-22.html"
    assert report.stat().st_size > 100_000
    before = lake_files(home)

    second = make_demo()

    assert second.returncode == 0, second.stderr
    assert lake_files(home) == before
    assert len(re.findall(r"^Skipped ", second.stdout, flags=re.MULTILINE)) == 5
    assert "0 of them new tonight" in second.stdout

    readme = PAGES[0].read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    place = {".tidewatch/mlflow": f"{home}/mlflow"}
    code = snippet.group(1).replace(*place.popitem()).replace("raw_rows", "rows")
    rows = "from pipelines_lib.lake import *; from pipelines_lib.tables import *\n"
    rows += "from pipelines_lib.config import BAR_COLUMNS\n"
    rows += f"rows = Lake('{home}/lake').read_rows('demo', observations_table(BAR_COLUMNS))\n"
    said = subprocess.run(
        [sys.executable, "-c", f"{rows}{code}\nprint(len(forecasts), forecasts.columns[0])"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip().endswith("40 series_id")  # 8 series, 5 steps each

    models = tidewatch("models").stdout
    assert re.search(r"demo-forecaster v1 +champion, MLflow run \w{32}\n +first model", models)
    assert "demo-detector v1" in models


def test_make_test_runs_the_suite():
    planned = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "-m pytest" in planned.stdout
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def naver_chart(code, n_bars):
    """Return an answer in the form of Naver's daily chart: a random walk with a halt.

    One bar of 000660 cannot be.
    """
    calendar = make_calendar(DatasetConfig(name="live"))
    end = np.searchsorted(calendar.sessions, np.datetime64("2026-06-01"))
    rng = np.random.default_rng(int(code))
    close = (50_000 * np.exp(np.cumsum(rng.normal(0, 0.015, n_bars)))).round().astype(int)
    items = []
    for number, (time, price) in enumerate(
        zip(calendar.sessions[end - n_bars : end], close, strict=True)
    ):
        day = str(time)[:10].replace("-", "")
        bar = f"{price}|{price + 300}|{price - 300}|{price}|{1000 + number}"
        if number == n_bars - 9:
            bar = f"0|0|0|{price}|0"
        if number == n_bars - 400 and code == "000660":
            bar = f"{price}|{price}|{price}|{2 * price}|{1000 + number}"  # closed above its high
        items.append(f'<item data="{day}|{bar}" />')
    return (
        '<?xml version="1.0" encoding="EUC-KR" ?>\n<protocol>'
        f'<chartdata symbol="{code}" count="{n_bars}" timeframe="day">{"".join(items)}'
        "</chartdata></protocol>"
    )


@pytest.mark.slow
def test_run_krx_live_by_a_mirror(tidewatch):
    with open_mirror() as mirror:
        for code in ("005930", "000660"):
            mirror.answers[f"symbol={code}"] = (200, "text/xml", naver_chart(code, 1200))
        ended = tidewatch(
            *["run", "krx-live", "--set", "series_ids=005930,000660"],
            "--set",
            "forecaster.training.max_epochs=2",
            "--set",
            "detector.training.max_epochs=2",
            TIDEWATCH_FDR_MIRROR=mirror.url,
            NO_PROXY="127.0.0.1",
        )
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"Ingest +2,400 rows fetched: 2,399 new", ended.stdout)
    assert re.search(r"Repaired +halted 2", ended.stdout)
    assert re.search(r"Forecasts +2 series", ended.stdout)
    listed = tidewatch("quarantine", "krx-live")
    assert listed.returncode == 0, listed.stderr
    assert "krx-live: 1 row in quarantine" in listed.stdout
    assert re.search(r"000660 +\d{4}-\d\d-\d\d +price_order", listed.stdout)
    assert any("fchart.stock.naver.com" in path for path in mirror.asked)


@pytest.mark.slow
def test_run_krx_live_when_the_source_is_down_says_so_in_a_sentence(tidewatch):
    with open_mirror() as mirror:
        mirror.answers["symbol="] = (404, "text/plain", "gone")
        ended = tidewatch("run", "krx-live", TIDEWATCH_FDR_MIRROR=mirror.url, NO_PROXY="127.0.0.1")
    assert ended.returncode == 1
    assert "3 of 3 series of dataset krx-live failed" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.slow
def test_run_krx_samsung(tidewatch, shared_data):
    ended = tidewatch("run", "krx-samsung", "--set", f"source.path={shared_data}/krx/005930.csv")
    assert ended.returncode == 0, ended.stderr
    assert "6,000 rows fetched: 6,000 new" in ended.stdout
    assert re.search(r"Repaired +range_rounding 33, halted 3", ended.stdout)


@pytest.mark.slow
def test_run_samsung_open(tidewatch, shared_data, tmp_path):
    ended = tidewatch(
        "run",
        "samsung-open",
        "--set",
        f"source.path={shared_data}/krx/005930.csv",
        "--set",
        "forecaster.training.max_epochs=3",
    )
    assert ended.returncode == 0, ended.stderr
    page = next((tmp_path / "home/reports/samsung-open").glob("*.html")).read_text(encoding="utf-8")
    assert "samsung-open-forecaster v1, forecast 1" in page  # truth, prediction, last value
    assert re.search(r"MAE [\d,]+ KRW, last value [\d,]+ KRW", ended.stdout)


@pytest.mark.slow
def test_run_krx_kospi(tidewatch, shared_data):
    path = shared_data / "krx/kospi_2020_2026.parquet"
    ended = tidewatch("run", "krx-kospi", "--set", f"source.path={path}", timeout=580)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert "1,428,309 rows fetched: 1,428,297 new" in said
    assert "halted 14,970, range_rounding 2,546" in said
    assert "Quarantined price_limit 12" in said
    assert "Forecasts 943 series" in said


@pytest.mark.slow
def test_run_sine_forecasts_the_cosine_it_never_saw(tidewatch, tmp_path):
    ended = tidewatch("run", "sine")
    assert ended.returncode == 0, ended.stderr
    skill = float(re.search(r"skill ([+-][\d.]+) %", ended.stdout).group(1))
    assert skill > 80
    assert re.search(r"^ cos ", ended.stdout, flags=re.MULTILINE)
    by_series = next((tmp_path / "home/mlflow/artifacts/sine/forecast").rglob("by_series.csv"))
    unseen = pd.read_csv(by_series).set_index("series_id").loc["cos"]
    assert unseen["mae"] < 0.3 * unseen["last_value_mae"]


def test_jobs_lists_every_job(tidewatch):
    said = tidewatch("jobs").stdout
    assert "krx-live  nightly, 30 18 * * 1-5 Asia/Seoul" in said
    assert "maintain  maintain, 0 5 * * 0 Asia/Seoul" in said
    assert len(re.findall(r"^\S", said, flags=re.MULTILINE)) == len(read_jobs())


def test_doctor_finds_all_well(tidewatch):
    ended = tidewatch("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "FAILS" not in ended.stdout


def test_doctor_names_the_remedy_of_what_fails(tidewatch, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    ended = tidewatch("doctor", TIDEWATCH_LAKE_URI=str(in_the_way / "lake"), COLUMNS="200")
    assert ended.returncode == 1
    assert re.search(r"FAILS +lake", ended.stdout)
    assert "TIDEWATCH_LAKE_URI" in ended.stdout


def test_page_mlflow_answers(tmp_path, start, free_port):
    command = [BIN / "tidewatch", "page", "mlflow", "--port", str(free_port)]
    start(command, clean_environment(tmp_path / "home"))
    page = f"http://127.0.0.1:{free_port}"
    wait_for(lambda: requests.get(f"{page}/health", timeout=2).ok, seconds=120, what="MLflow up")
    assert "MLflow" in requests.get(page, timeout=10).text
