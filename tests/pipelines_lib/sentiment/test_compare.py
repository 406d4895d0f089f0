"""Challenger, champion and baseline on the same unseen documents."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines_lib.sentiment.compare import compare_classifiers, judge_right
from pipelines_lib.sentiment.fit import fit_classifier
from pipelines_lib.sentiment.splits import hash_texts, split_texts
from pipelines_lib.tracking import decide_promotion
from tests.texts import CPU, SMALL, fitted_small, make_reviews


def test_judge_right_is_mcnemars_test_of_errors():
    first = np.array([True] * 8 + [False] + [True] * 11)
    second = np.array([False] * 8 + [True] + [True] * 11)
    found = judge_right(first, second)
    assert found.difference == pytest.approx(-7 / 20)  # errors, so below 0 is better
    assert found.p == pytest.approx(2 * (1 + 9) / 2**9)  # 8 of 9, two-sided, exact
    assert found.better
    assert not judge_right(second, first).better


def test_compare_classifiers_without_a_champion_stands_beside_the_baseline():
    fitted = fitted_small()
    compared = compare_classifiers(fitted, None, device=CPU)
    assert compared.champion is None
    assert compared.rows == len(fitted.test)
    assert compared.challenger == pytest.approx(1 - fitted.evaluation.metrics["accuracy"])
    assert compared.baseline == pytest.approx(1 - fitted.evaluation.metrics["accuracy_baseline"])
    assert compared.versus_baseline.p == fitted.evaluation.metrics["mcnemar_p_vs_baseline"]


def test_compare_classifiers_of_equals_cannot_be_told_apart():
    fitted = fitted_small()
    compared = compare_classifiers(fitted, fitted.classifier, device=CPU)
    assert compared.challenger == compared.champion
    assert (compared.rows, compared.versus_champion.p) == (len(fitted.test), 1.0)
    decision = decide_promotion(compared, baseline_name="b", measure="1 - accuracy")
    assert not decision.promote


def test_compare_classifiers_leaves_out_what_the_champion_has_seen():
    fitted = fitted_small()
    seen = np.sort(hash_texts(fitted.test.text[:10]))
    champion = replace(fitted.classifier, seen=seen)
    assert compare_classifiers(fitted, champion, device=CPU).rows == len(fitted.test) - 10


def test_compare_classifiers_refuses_a_champion_that_has_seen_the_test():
    fitted = fitted_small()
    champion = replace(fitted.classifier, seen=np.unique(hash_texts(fitted.test.text)))
    compared = compare_classifiers(fitted, champion, device=CPU)
    assert "learned from all but 0 of the" in compared.obstacle
    decision = decide_promotion(compared, baseline_name="b", measure="1 - accuracy")
    assert decision.reason.startswith("kept as challenger: the champion has learned")


def test_fit_classifier_remembers_what_it_learned_from():
    fitted, texts = fitted_small(), make_reviews(300)
    parts = split_texts(texts, SMALL.split)
    assert np.isin(hash_texts(texts.text[parts.train]), fitted.classifier.seen).all()
    assert np.isin(hash_texts(texts.text[parts.validation]), fitted.classifier.seen).all()
    assert not np.isin(hash_texts(fitted.test.text), fitted.classifier.seen).any()


def test_save_bundle_keeps_what_was_seen(tmp_path):
    classifier = fitted_small().classifier
    classifier.save_bundle(tmp_path)
    again = type(classifier).load_bundle(tmp_path)
    assert again.seen.dtype == np.uint64
    assert np.array_equal(again.seen, classifier.seen)


def test_split_texts_keeps_the_parts_as_a_corpus_grows():
    few, more = make_reviews(1000), make_reviews(2000)
    tests = {}
    for texts in (few, more):
        parts = split_texts(texts, SMALL.split)
        tests[len(texts)] = set(texts.document_id[parts.test])
    old = set(few.document_id)
    moved = tests[1000] ^ (tests[2000] & old)
    assert len(moved) < 60  # of 300: only those at the border of two parts


def test_hash_texts_is_the_same_everywhere_and_differs_by_seed():
    assert hash_texts([" a ", "a"]).tolist() == [hash_texts(["a"])[0]] * 2
    assert hash_texts(["a"], seed=1)[0] != hash_texts(["a"])[0]


def test_fit_classifier_on_more_texts_is_compared_with_the_champion_on_unseen_ones():
    champion = fitted_small().classifier
    grown = fit_classifier(make_reviews(600), dataset_name="reviews", config=SMALL, device=CPU)
    compared = compare_classifiers(grown, champion, device=CPU)
    assert compared.obstacle == ""
    assert 0.7 * len(grown.test) < compared.rows <= len(grown.test)
