"""The text benchmark: files by their form, texts as they come, every text judged as promised."""

import numpy as np
import pytest

from benchmarks.sentiment import draw_folds, judge_folds, judge_once, make_config, read_corpora
from pipelines_lib.config.overrides import apply_overrides
from tests.texts import SMALL, make_reviews


def test_read_corpora_takes_reviews_as_they_come(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text('id\tdocument\tlabel\n1\t"so so\t0\n2\t\t1\n3\tNA\t1\n', encoding="utf-8")
    texts = read_corpora(path)["reviews"].texts
    assert list(texts.text) == ['"so so', "", "NA"]
    assert list(texts.label) == ["0", "1", "1"]


def test_read_corpora_gives_each_language_of_sentences_and_each_name_its_file(tmp_path):
    path = tmp_path / "both.csv"
    path.write_text('labels,sentence,kor_sentence\nneutral,"A, b",가나\n', encoding="utf-8")
    found = read_corpora(path)
    assert {name: list(each.texts.text) for name, each in found.items()} == {
        "en": ["A, b"],
        "ko": ["가나"],
    }
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "Irish.txt").write_text("O'Brien\nKeane\n", encoding="utf-8")
    (folder / "Greek.txt").write_text("Pappas\n", encoding="utf-8")
    names = read_corpora(folder)["names"].texts
    assert dict(zip(names.text, names.label, strict=True)) == {
        "Pappas": "Greek",
        "O'Brien": "Irish",
        "Keane": "Irish",
    }


def test_read_corpora_refuses_a_file_of_another_form(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"columns \['a', 'b'\]"):
        read_corpora(path)


@pytest.mark.parametrize("kind", ["reviews", "sentences", "names"])
def test_make_config_of_a_budget_and_seed(kind):
    fast, full = (make_config(kind, budget=budget, seed=3) for budget in ("fast", "full"))
    assert fast.training.seed == full.training.seed == 3
    assert fast.training.schedule == "cosine"
    assert full.members * full.training.max_epochs > fast.members * fast.training.max_epochs


def test_judge_once_judges_all_of_another_file():
    answer = judge_once(make_reviews(120), make_reviews(50, seed=1), SMALL)
    assert (answer["train_texts"], answer["test_texts"]) == (114, 50)  # a twentieth calibrates
    assert answer["accuracy"] > 0.7
    assert answer["texts_per_minute"] > 0


def test_judge_folds_judges_every_text_once():
    config = apply_overrides(SMALL, ["max_epochs=1"], said="--set")
    answer = judge_folds(make_reviews(60), config, folds=3, seed=0)
    assert (answer["folds"], answer["test_texts"]) == (3, 60)
    apart = answer["only_ours_right"] - answer["only_baseline_right"]
    difference = answer["accuracy"] - answer["accuracy_baseline"]
    assert np.isclose(difference, apart / 60, atol=1e-5)


def test_draw_folds_keeps_equal_texts_together_and_classes_even():
    texts = make_reviews(40)
    texts.text[1] = f" {texts.text[3]}"
    fold_of = draw_folds(texts, folds=4, rng=np.random.default_rng(0))
    assert fold_of[1] == fold_of[3]
    for label in ("negative", "positive"):
        counts = np.bincount(fold_of[texts.label == label], minlength=4)
        assert counts.max() - counts.min() <= 2
