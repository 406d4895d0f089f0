"""Train a classifier on labelled documents; score what is new with the champion."""

from dataclasses import dataclass, field
from time import perf_counter

from prefect import task
from prefect.logging import get_run_logger

from pipelines_lib.config import ClassifierConfig
from tasks.context import may_pass, open_context
from tasks.names import training_name
from tasks.progress import epoch_progress
from tasks.training_run import Trained, log_inputs, log_results
from tasks.turns import takes_gpu

TASK = "classify"
EXAMPLES = 3
"""Texts of the model's input example."""


@dataclass(frozen=True)
class Scored:
    """What was scored, or why not."""

    model: str
    version: str
    documents: int = 0
    """Documents scored tonight."""
    steps: int = 0
    """Rows of daily sentiment that are new or changed."""
    classes: dict[str, int] = field(default_factory=dict)
    """All documents that this version has scored, by the class it says."""
    skipped: str = ""
    seconds: float = 0.0


@task(
    task_run_name="train classifier of {dataset}",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def train_classifier_model(dataset: str, config: ClassifierConfig) -> Trained:
    """Train a classifier, judge it beside baseline and champion, register it."""
    import pandas as pd

    from pipelines_lib.comparison import skill_pct
    from pipelines_lib.errors import BundleError
    from pipelines_lib.predict import classify_texts
    from pipelines_lib.reports.classifier import draw_classifier, make_examples
    from pipelines_lib.sentiment.classifier import Classifier
    from pipelines_lib.sentiment.compare import compare_classifiers
    from pipelines_lib.sentiment.documents import read_labelled, texts_digest
    from pipelines_lib.sentiment.fit import fit_classifier
    from pipelines_lib.tables import DOCUMENTS
    from pipelines_lib.tracking import classifier_name, decide_promotion, load_champion

    context, began = open_context(), perf_counter()
    declared, name = context.dataset(dataset), classifier_name(dataset)
    version = context.lake.table_version(dataset, DOCUMENTS)
    texts = read_labelled(context.lake, dataset)
    called = training_name(name, f"LSTM {config.hidden}", seed=config.training.seed)
    with context.tracker.run(dataset, TASK, name=called) as run:
        path = log_inputs(
            context,
            run,
            declared,
            config,
            digest=texts_digest(texts),
            version=-1 if version is None else version,
            task=TASK,
            table=DOCUMENTS.name,
        )
        with epoch_progress(
            f"classifier of {dataset}", config.training.max_epochs, networks=config.members
        ) as on_epoch:
            fitted = fit_classifier(
                texts,
                dataset_name=dataset,
                config=config,
                device=context.device,
                checkpoint=path,
                on_epoch=on_epoch,
            )
        try:
            champion = load_champion(context.tracker, name, Classifier.load_bundle)
        except BundleError as error:  # it must not bar the way to the one that replaces it
            get_run_logger().warning("not compared with the champion: %s", error)
            champion = None
        compared = compare_classifiers(
            fitted, champion[1] if champion else None, device=context.device
        )
        decision = decide_promotion(
            compared, baseline_name="TF-IDF + logistic regression", measure="1 - accuracy"
        )
        metrics = fitted.evaluation.metrics
        measured = {
            "skill_pct": skill_pct(1 - metrics["accuracy"], 1 - metrics["accuracy_baseline"]),
            "documents": len(texts),
            "train_documents": fitted.train_size,
            "validation_documents": fitted.validation_size,
            "test_documents": len(fitted.test),
        }
        run.set_tags({"model.kind": "bidirectional LSTM", "baseline": fitted.evaluation.baseline})
        for file, text in make_examples(fitted).items():
            run.log_text(file, text)
        several = len(fitted.training) > 1
        return log_results(
            context,
            run,
            dataset,
            name,
            fitted.classifier,
            metrics=metrics | measured,
            epochs={
                f"member_{number}." if several else "": member.history
                for number, member in enumerate(fitted.training, start=1)
            },
            left_out={},
            decision=decision,
            figures=draw_classifier(fitted),
            example=pd.DataFrame({"text": list(fitted.test.text[:EXAMPLES])}),
            predict=lambda rows: classify_texts(fitted.classifier, rows),
            began=began,
            task=TASK,
        )


@task(
    task_run_name="score documents of {dataset}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def score_texts(dataset: str) -> Scored:
    """Score the documents that the champion has not scored; bring daily sentiment up to date."""
    from pipelines_lib.errors import BundleError
    from pipelines_lib.sentiment.classifier import Classifier
    from pipelines_lib.sentiment.nightly import score_documents, update_sentiment
    from pipelines_lib.tables import POLARITIES
    from pipelines_lib.tracking import classifier_name, load_champion

    context, began, logger = open_context(), perf_counter(), get_run_logger()
    declared = context.dataset(dataset)
    source = declared.documents.classifier or dataset
    name = classifier_name(source)
    champion = load_champion(context.tracker, name, Classifier.load_bundle)
    if champion is None:
        raise BundleError(
            f"{name} has no champion to score the documents of {dataset}: run the flow "
            f"train-classifier on {source}, or name by documents.classifier a dataset that has one"
        )
    model, classifier = champion
    done = score_documents(
        context.lake,
        dataset,
        classifier,
        scorer=name,
        version=model.version,
        run_id=model.run_id,
        device=context.device,
        on_batch=lambda done: logger.info("%s: %s documents scored", dataset, f"{done:,}"),
    )
    steps = update_sentiment(
        context.lake, declared, scorer=name, version=model.version, run_id=model.run_id
    )
    by_class = context.lake.count_rows(
        dataset, POLARITIES, by="label", equal={"scorer": name, "model_version": model.version}
    )
    skipped = "" if done else f"scoring: all documents are scored by {name} v{model.version}"
    logger.info(
        "%s v%s scored %d documents, %d steps of daily sentiment changed",
        name, model.version, done, steps,
    )  # fmt: skip
    return Scored(
        name,
        model.version,
        done,
        steps,
        {str(label): int(count) for label, count in by_class.sort_index().items()},
        skipped,
        perf_counter() - began,
    )
