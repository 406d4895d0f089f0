"""The form that Prefect draws for each flow, and what its server refuses before a run starts."""

import asyncio
import importlib

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from deployments.jobs import Job, read_jobs, resolve_parameters
from deployments.serve import make_deployments
from flows.maintain import maintain
from flows.train_forecaster import train_forecaster
from pipelines_lib.errors import LakeError
from tests.support import ROOT

FLOWS = {
    "ablation": "sentiment_ablation",
    **{
        name: name
        for name in (
            "backtest",
            "detect",
            "forecast",
            "ingest",
            "maintain",
            "nightly",
            "search",
            "train_classifier",
            "train_detector",
            "train_forecaster",
        )
    },
}
KEYS = {
    *("$ref", "additionalProperties", "anyOf", "default", "description", "enum", "format"),
    *("items", "pattern", "position", "properties", "required", "title", "type"),
    *("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"),
    *("maxLength", "minLength", "maxItems", "minItems"),
}
"""What a form can draw; among them no oneOf, allOf, discriminator, const or writeOnly."""
TYPES = {"string", "integer", "number", "boolean", "array", "object"}


def schema_of(module):
    flow = getattr(importlib.import_module(f"flows.{module}"), FLOWS[module])
    return parameter_schema(flow).model_dump()


def fields_of(schema):
    """Return every field of a form by its path in the schema, with whether it is required."""
    models = {"": schema} | schema["definitions"]
    return {
        f"{model}.{name}": (field, name in drawn.get("required", []))
        for model, drawn in models.items()
        for name, field in drawn["properties"].items()
    }


def plain(field):
    """Return a field without the possibility that it is left empty."""
    choices = [choice for choice in field.get("anyOf", []) if choice != {"type": "null"}]
    return field | choices[0] if choices else field


def test_every_flow_is_looked_at():
    there = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert set(FLOWS) == there


@pytest.mark.parametrize("module", FLOWS)
def test_form_says_of_every_field_what_it_is(module):
    schema = schema_of(module)
    fields = fields_of(schema)
    assert [path for path, (field, _) in fields.items() if not field.get("title")] == []
    assert [path for path, (field, _) in fields.items() if not field.get("description")] == []
    optional = {path: field for path, (field, required) in fields.items() if not required}
    assert [path for path, field in optional.items() if "default" not in field] == []
    for name, model in schema["definitions"].items():
        assert model["description"], name
        assert model["additionalProperties"] is False, name


@pytest.mark.parametrize("module", FLOWS)
def test_form_bounds_every_number_on_both_sides(module):
    open_ended = []
    for path, (field, _) in fields_of(schema_of(module)).items():
        drawn = plain(field)
        if drawn.get("type") in ("integer", "number"):
            low = {"minimum", "exclusiveMinimum"} & set(drawn)
            high = {"maximum", "exclusiveMaximum"} & set(drawn)
            open_ended += [] if low and high else [path]
    assert open_ended == []


@pytest.mark.parametrize("module", FLOWS)
def test_form_has_only_what_prefect_draws_well(module):
    schema = schema_of(module)
    for path, (field, _) in fields_of(schema).items():
        assert set(field) <= KEYS, path
        drawn = plain(field)
        assert len([c for c in field.get("anyOf", []) if c != {"type": "null"}]) <= 1, path
        if "$ref" in drawn:
            assert drawn["$ref"].removeprefix("#/definitions/") in schema["definitions"], path
            continue
        assert drawn["type"] in TYPES - {"object"}, path
        assert drawn.get("format") in (None, "date"), path
        assert len(drawn.get("enum", [0, 0])) > 1, path
        if drawn["type"] == "array":
            assert set(drawn["items"]) <= KEYS, path
            assert drawn["items"]["type"] in ("string", "number"), path


def test_form_titles_are_words_and_defaults_are_those_of_the_code():
    definitions = schema_of("search")["definitions"]
    search = definitions["SearchConfig"]["properties"]
    assert search["n_trials"]["title"] == "Trials"
    assert search["timeout_minutes"]["title"] == "Timeout minutes"
    dataset = definitions["DatasetConfig"]["properties"]
    assert dataset["source"]["title"] == "Source"
    assert dataset["source"]["default"]["kind"] == "synthetic-market"
    assert dataset["series_ids"]["default"] == []
    detector = schema_of("train_detector")["definitions"]["DetectorConfig"]["properties"]
    assert detector["training"]["default"]["loss"] == "mae"  # its own, not any training's


DATASET = {"name": "forms", "source": {"kind": "synthetic-sine"}, "calendar": "fixed"}
DATASET |= {"kind": "values", "value_columns": ["value"], "target": "value"}


@pytest.fixture(scope="module")
def deployed(prefect_server):
    """Deploy one job of each flow; return their ids by module."""
    entries = {module: f"flows/{module}.py:{name}" for module, name in FLOWS.items()}
    examples = {job.entrypoint: job for job in read_jobs().values()}
    # No file and no network: only what the schema says is asked here.
    given = {"ingest": {"dataset": DATASET}, "nightly": {"dataset": DATASET}}
    jobs = {
        module: Job(
            f"form-{module}",
            entry,
            parameters=given.get(module) or examples[entry].parameters,
        )
        for module, entry in entries.items()
    }
    return {
        deployment.name.removeprefix("form-"): str(deployment.apply())
        for deployment in make_deployments(jobs)
    }


def ask_for_a_run(deployment_id, parameters):
    """Ask the server for a run of a deployment, as its page does; return the answer."""

    async def post():
        async with get_client() as client:
            place = f"/deployments/{deployment_id}/create_flow_run"
            request = client._client.build_request("POST", place, json={"parameters": parameters})
            return await httpx.AsyncClient.send(client._client, request)

    return asyncio.run(post())


WRONG = [
    ("nightly", {"dataset": DATASET | {"name": "../lake"}}, "'../lake' does not match"),
    ("nightly", {"dataset": DATASET | {"name": "a'; DROP"}}, "does not match"),
    ("nightly", {"dataset": DATASET | {"calendar": "XMARS"}}, "'XMARS' is not one of"),
    ("nightly", {"forecaster": {"dropout": 1.5}}, "1.5 is greater than or equal to"),
    ("nightly", {"forecaster": {"training": {"max_epochs": 0}}}, "0 is less than the minimum of 1"),
    ("nightly", {"forecaster": {"hiden": 8}}, "'hiden' was unexpected"),
    ("nightly", {"dataset": DATASET | {"start": "someday"}}, "'someday' does not match"),
    ("nightly", {"forecast": "perhaps"}, "'perhaps' is not of type 'boolean'"),
    ("ingest", {"whole": 3}, "3 is not of type 'boolean'"),
    ("ingest", {"dataset": DATASET | {"series_ids": ["a';--"]}}, "does not match"),
    ("train_forecaster", {"dataset": "krx/../../etc"}, "does not match"),
    ("train_detector", {"dataset": "x y"}, "does not match"),
    ("train_detector", {"detector": {"parts": ["magic"]}}, "'magic' is not one of"),
    ("train_classifier", {"classifier": {"values": ["good"]}}, "'good' does not match"),
    ("forecast", {"dataset": "../.."}, "does not match"),
    ("detect", {"dataset": "a;b"}, "does not match"),
    ("maintain", {"dataset": "../.."}, "does not match"),
    ("maintain", {"keep_hours": 0}, "0 is less than the minimum of 1"),
    ("backtest", {"variants": ["layers=2"]}, "'layers=2' does not match"),
    ("search", {"search": {"space": ["hidden"]}}, "'hidden' does not match"),
    ("ablation", {"sentiment_features": ["mood"]}, "'mood' is not one of"),
]


@pytest.mark.parametrize(("module", "parameters", "sentence"), WRONG)
def test_server_refuses_a_wrong_value_before_a_run_starts(deployed, module, parameters, sentence):
    answer = ask_for_a_run(deployed[module], parameters)
    assert answer.status_code == 409
    detail = answer.json()["detail"]
    assert sentence in detail
    assert "Error creating flow run: Validation failed" in detail


def test_server_takes_right_values(deployed):
    right = {"dataset": DATASET | {"start": "2024-01-02"}, "forecaster": {"dropout": 0.2}}
    assert ask_for_a_run(deployed["nightly"], right).status_code == 201
    assert ask_for_a_run(deployed["train_forecaster"], {"dataset": "krx-live"}).status_code == 201
    assert ask_for_a_run(deployed["maintain"], {"dataset": ""}).status_code == 201
    variants = {"variants": ["stacked: layers=2 dropout=0.2"]}
    assert ask_for_a_run(deployed["backtest"], variants).status_code == 201


@pytest.mark.parametrize("name", [job for job in read_jobs()])
def test_server_takes_every_job_as_it_is_declared(name):
    from prefect.utilities.schema_tools.validation import validate

    job = read_jobs()[name]
    resolve_parameters(job)
    schema = parameter_schema(job.load_flow()).model_dump()
    validate(job.parameters, schema, raise_on_error=True)


@pytest.mark.parametrize("name", ["../lake", "a'; DROP TABLE x", "", "Krx"])
def test_flows_refuse_a_bad_dataset_name_when_they_are_called(home, name):
    with pytest.raises(ParameterTypeError, match="dataset"):
        train_forecaster(name)
    if name:
        with pytest.raises(ParameterTypeError, match="dataset"):
            maintain(name)


def test_tasks_refuse_a_bad_dataset_name_when_they_are_called(home):
    from tasks.maintain import compact_tables

    with pytest.raises(LakeError, match=r"not valid|not in the lake"):
        compact_tables.fn("../lake", 720)
