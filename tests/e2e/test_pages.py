"""What people see of Tidewatch on Prefect's and MLflow's pages, in a real browser.

The pictures of docs/operations.md are kept by these tests: set TIDEWATCH_SCREENSHOTS to a folder.
"""

import re

import pytest
import requests
from playwright.sync_api import expect

from deployments.jobs import read_jobs
from tests.e2e.browser import PATIENCE_MS, keep_picture, open_chromium, open_page, starting_with
from tests.e2e.served import SMALL, Served, store_job
from tests.support import wait_for

pytestmark = pytest.mark.e2e

FLOWS = (
    *("ablation", "backtest", "detect", "forecast", "ingest", "maintain", "nightly", "search"),
    *("train_classifier", "train_detector", "train_forecaster"),
)
QUICK = {"training": {"max_epochs": 2}}
JSON_EDITOR = ".cm-editor"
RUN_MS = 240_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium():
    with open_chromium() as one:
        yield one


@pytest.fixture(scope="module")
def served(chromium, tmp_path_factory):
    """Start everything once: a night of seconds, and a second training of its dataset."""
    home = tmp_path_factory.mktemp("pages") / "home"
    store_job(home, "small", detector=SMALL["detector"] | QUICK)
    wider = SMALL["forecaster"] | {"hidden": 8}
    store_job(home, "small-train", flow="train_forecaster", dataset="small", forecaster=wider)
    one = Served(home)
    try:
        yield one.start()
    finally:
        one.end()


@pytest.fixture(scope="module")
def night(served, chromium, pictures):
    """Run the night from its form, a wrong value first; return the id of its run."""
    with open_page(chromium) as page:
        page.goto(f"{served.prefect}/deployments")
        page.get_by_role("textbox", name="Search deployments").fill("small")
        page.get_by_role("link", name="small", exact=True).click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Custom run").click()
        hidden = page.get_by_role("spinbutton", name=starting_with("Hidden")).first
        hidden.fill("0")
        page.get_by_role("button", name="Submit").click()
        refused = hidden.evaluate("field => field.validationMessage")
        assert refused == "Value must be greater than or equal to 1."
        keep_picture(page, pictures, "refused")
        assert page.url.split("?")[0].endswith("/run")
        assert served.runs() == []

        hidden.fill("4")
        page.get_by_role("button", name="Submit").click()
        page.get_by_role("link", name="View run").click()
        page.wait_for_url("**/runs/flow-run/**")
        ended = page.get_by_text(re.compile("^(Completed|Failed|Crashed)$")).first
        expect(ended).to_have_text("Completed", timeout=RUN_MS)
        run = page.url.split("?")[0].rsplit("/", 1)[-1]
    return run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def page(chromium):
    with open_page(chromium) as one:
        yield one


def test_deployments_show_their_schedules(served, page, pictures):
    page.goto(f"{served.prefect}/deployments?limit=100")
    for job in read_jobs():
        expect(page.get_by_role("link", name=job, exact=True).first).to_be_visible()
    row = page.get_by_role("row").filter(has_text="krx-live-train-forecaster")
    expect(row).to_contain_text("1 schedules")
    keep_picture(page, pictures, "deployments")
    page.get_by_role("link", name="krx-live", exact=True).click()
    expect(page.get_by_text("At 06:30 PM, Monday through Friday")).to_be_visible()
    expect(page.get_by_text("06:30:00 PM")).to_be_visible()  # the next run, in Seoul
    keep_picture(page, pictures, "deployment")


def test_a_wrong_name_is_refused_before_a_run_starts(served, page, pictures):
    before = len(served.runs())
    page.goto(f"{served.prefect}/deployments/deployment/{served.id_of('small-train')}/run")
    page.get_by_role("textbox", name="dataset").fill("../elsewhere")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Validation failed for field 'dataset'")).to_be_visible()
    keep_picture(page, pictures, "refused_name")
    assert len(served.runs()) == before


@pytest.mark.parametrize("flow", FLOWS)
def test_every_field_of_a_form_is_drawn_as_what_it_is(served, page, flow):
    jobs = served.deployments().values()
    job = next(each for each in jobs if each["entrypoint"].split(".")[1] == flow)
    page.goto(f"{served.prefect}/deployments/deployment/{job['id']}/run")
    titles, drawn = titles_of(job["parameter_openapi_schema"]), set()

    def draws_all():
        text = page.get_by_role("main").inner_text().replace(" (Optional)", "")
        drawn.update(text.splitlines())
        return titles <= drawn

    wait_for(draws_all, seconds=60, what=f"the form of {flow} with all of its fields")
    expect(page.get_by_role("main")).not_to_contain_text("Invalid")
    assert page.locator(JSON_EDITOR).count() == 0
    page.get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Use JSON Input").click()
    expect(page.locator(JSON_EDITOR)).to_have_count(1)  # so it would have been seen


def test_a_night_can_be_followed_and_read_on_its_page(served, night, page, pictures):
    page.goto(f"{served.prefect}/runs/flow-run/{night}")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("rows of 3 series fetched")).first).to_be_visible()
    page.get_by_role("tab", name="Artifacts").click()
    card = page.get_by_role("link").filter(has_text="night-small")
    expect(card).to_be_visible()
    keep_picture(page, pictures, "run")
    card.click()
    page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()  # the one of this night
    main = page.get_by_role("main")
    expect(main).to_contain_text("Forecast")
    expect(main.get_by_role("table").first).to_be_visible()
    widths = main.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) >= 2
    assert min(widths) > 100
    assert main.locator("a[href^='file:']").count() == 0  # no browser opens them from here
    expect(main.get_by_role("link", name=re.compile("^[0-9a-f]{32}$"))).to_have_attribute(
        "href", re.compile(re.escape(served.mlflow))
    )
    keep_picture(page, pictures, "night")


def test_two_trainings_can_be_compared(served, night, page, pictures):
    assert served.wait_ended(served.run("small-train"))["name"] == "Completed"
    experiment, runs = trainings(served)
    names = [run["info"]["run_name"] for run in runs]
    assert len(set(names)) == 2
    page.goto(
        f"{served.mlflow}/#/experiments/{experiment}/runs"
        "?workflowType=machine_learning&compareRunsMode=CHART"
    )
    for name in names:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    close_assistant(page)
    page.get_by_role("searchbox", name="Search metric charts").fill("^(mase|mae|skill_pct)$")
    for metric in ("mase", "mae", "skill_pct"):
        expect(page.get_by_role("heading", name=metric, exact=True)).to_be_visible()
    keep_picture(page, pictures, "comparison")

    for row in page.get_by_role("checkbox", name=re.compile("toggle row selection")).all():
        row.check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Comparing 2 Runs from 1 Experiment")).to_be_visible()
    expect(page.get_by_role("row", name="hidden 8 4")).to_be_visible()
    expect(page.get_by_role("link", name="coverage_pct")).to_be_visible()


def test_figures_and_champion_stand_on_their_pages(served, night, page, pictures):
    experiment, runs = trainings(served)
    first = runs[-1]["info"]["run_id"]
    page.goto(f"{served.mlflow}/#/experiments/{experiment}/runs/{first}/artifacts")
    page.get_by_text("figures", exact=True).click()
    page.get_by_text(re.compile("[.]png$")).first.click()
    picture = page.locator("img[src*='.png'], img[src^='blob:']").first
    expect(picture).to_be_visible()
    close_assistant(page)
    keep_picture(page, pictures, "figure")
    page.goto(f"{served.mlflow}/#/models/small-forecaster")
    champion = page.get_by_role("row").filter(has_text="@ champion")
    expect(champion).to_contain_text("Version 1")
    expect(champion).to_contain_text("first model")
    keep_picture(page, pictures, "champion")


def close_assistant(page):
    """Close what MLflow opens beside the runs: it fills a third of the page."""
    page.get_by_role("button", name="Close").click()


def trainings(served):
    """Return the id of the experiment of the forecaster, and its runs, newest first."""
    place = f"{served.mlflow}/api/2.0/mlflow"
    query = {"experiment_name": "small/forecast"}
    found = requests.get(f"{place}/experiments/get-by-name", params=query, timeout=10).json()
    experiment = found["experiment"]["experiment_id"]
    query = {"experiment_ids": [experiment], "order_by": ["attributes.start_time DESC"]}
    answer = requests.post(f"{place}/runs/search", json=query, timeout=10)
    return experiment, answer.json()["runs"]


def titles_of(schema):
    """Return the titles of all fields of a form."""
    models = [schema, *schema.get("definitions", {}).values()]
    fields = [field for model in models for field in model.get("properties", {}).values()]
    return {field["title"] for field in fields if "title" in field}
