"""Classifiers of small corpora, fitted once a run."""

from collections.abc import Callable

import pytest
import torch

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.fit import FittedClassifier, fit_classifier
from tests.pipelines_lib.sentiment.corpora import make_reviews, small_config


@pytest.fixture(scope="session")
def fit_texts() -> Callable[..., FittedClassifier]:
    """Return a factory: fit a classifier of these texts on the CPU."""

    def fit(texts: Texts, config: ClassifierConfig, **settings: object) -> FittedClassifier:
        torch.set_num_threads(1)
        return fit_classifier(
            texts, dataset_name="made", config=config, device=torch.device("cpu"), **settings
        )

    return fit


@pytest.fixture(scope="session")
def fitted(fit_texts: Callable[..., FittedClassifier]) -> FittedClassifier:
    """Return a classifier of three classes in two languages. Do not change it."""
    return fit_texts(make_reviews(900), small_config(members=2))
