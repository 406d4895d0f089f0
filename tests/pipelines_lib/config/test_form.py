"""Every config is also a form in Prefect's page: closed, frozen, described and flat."""

import types
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from pipelines_lib import config
from pipelines_lib.config import (
    BacktestConfig,
    ClassifierConfig,
    Config,
    DatasetConfig,
    DetectorConfig,
    DocumentsConfig,
    EventConfig,
    ForecasterConfig,
    LinearConfig,
    NetworkConfig,
    NgramConfig,
    SearchConfig,
    SourceConfig,
    SplitConfig,
    TextSplitConfig,
    ThresholdConfig,
    TokenizerConfig,
    TrainingConfig,
)

CONFIGS = [
    BacktestConfig,
    ClassifierConfig,
    DatasetConfig,
    DetectorConfig,
    DocumentsConfig,
    EventConfig,
    ForecasterConfig,
    LinearConfig,
    NetworkConfig,
    NgramConfig,
    SearchConfig,
    SourceConfig,
    SplitConfig,
    TextSplitConfig,
    ThresholdConfig,
    TokenizerConfig,
    TrainingConfig,
]
NEEDED = {DatasetConfig: {"name": "prices"}}
SIMPLE = (str, int, float, bool)


def make(kind: type[Config], **fields: Any) -> Config:
    return kind(**{**NEEDED.get(kind, {}), **fields})


def test_configs_lists_every_config_of_the_package():
    found = [
        thing
        for thing in vars(config).values()
        if isinstance(thing, type) and issubclass(thing, Config) and thing is not Config
    ]
    assert sorted(c.__name__ for c in found) == sorted(c.__name__ for c in CONFIGS)


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_refuses_an_unknown_key(kind):
    with pytest.raises(ValidationError, match="epochz"):
        make(kind, epochz=1)


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_is_frozen(kind):
    made = make(kind)
    for name in kind.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(made, name, getattr(made, name))


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_describes_every_field(kind):
    silent = [name for name, field in kind.model_fields.items() if not field.description]
    assert silent == []


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_bounds_every_number(kind):
    unbounded = [
        name
        for name, field in kind.model_fields.items()
        if field.annotation in (int, float) and not field.metadata
    ]
    assert unbounded == []


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def is_plain(annotation: Any, *, depth: int = 0) -> bool:
    """Return whether Prefect's form shows the type as a field, not as a box of raw JSON."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_plain(get_args(annotation)[0], depth=depth)
    if origin in (Union, types.UnionType):
        given = {_bare(choice) for choice in get_args(annotation)} - {type(None)}
        return len(given) == 1 and given <= {date, int}
    if origin is list:
        return depth == 0 and is_plain(get_args(annotation)[0], depth=1)
    if origin is Literal:
        return all(isinstance(value, str) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return depth == 0 and annotation in CONFIGS
    return annotation in SIMPLE


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_has_only_fields_that_a_form_can_show(kind):
    awkward = [n for n, field in kind.model_fields.items() if not is_plain(field.annotation)]
    assert awkward == []


@pytest.mark.parametrize(
    "annotation", [dict[str, int], int | str, SplitConfig | None, float | None]
)
def test_is_plain_refuses_what_a_form_cannot_show(annotation):
    assert not is_plain(annotation)


@pytest.mark.parametrize(
    "made",
    [
        *[make(kind) for kind in CONFIGS],
        DatasetConfig(
            name="sensors-2",
            kind="values",
            value_columns=["load", "oil_temp"],
            target="oil_temp",
            calendar="fixed",
            step_minutes=15,
            start=date(2024, 1, 2),
            end=date(2024, 1, 2),
            series_ids=["삼성전자", "^KS11", "USD/KRW"],
            source=SourceConfig(kind="files", path="x.csv", columns=["시가=open"]),
        ),
        ForecasterConfig(split=SplitConfig(test_steps=5), training=TrainingConfig(seed=3)),
    ],
    ids=lambda made: type(made).__name__,
)
def test_config_round_trips_through_json(made):
    again = type(made).model_validate_json(made.model_dump_json())
    assert again == made
    assert type(made).model_validate(made.model_dump(mode="json")) == made
