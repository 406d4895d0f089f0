"""Train a classifier."""

from pipelines_lib.config import ClassifierConfig, DatasetConfig
from tasks.documents import ingest_texts
from tasks.job import job
from tasks.outcome import end_state
from tasks.sentiment import train_classifier_model
from tasks.training_run import Trained


@job("train-classifier", "train classifier of {dataset.name}")
def train_classifier(
    dataset: DatasetConfig, classifier: ClassifierConfig = ClassifierConfig()
) -> Trained:
    """Read a dataset's documents and train a classifier on their labels.

    It is promoted if it earns it.

    Args:
        dataset: The declaration, with documents.
        classifier: Tokens, network, split and training.
    """
    texts = ingest_texts(dataset)
    return end_state(train_classifier_model(dataset.name, classifier), texts.report)
