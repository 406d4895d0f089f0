"""The jobs of documents, as a person runs them."""

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_run_sentiment_nightly_then_the_ablation_on_what_it_left(tidewatch):
    first = tidewatch("run", "sentiment-nightly", timeout=400)
    assert first.returncode == 0, first.stderr
    said = " ".join(first.stdout.split())
    assert "4,000 documents read: 4,000 new" in said
    assert "4,000 documents scored tonight by news-classifier v1" in said
    assert "Mover SYN" in said

    again = tidewatch("run", "sentiment-nightly", timeout=200)
    assert again.returncode == 0, again.stderr
    assert "all documents are scored by news-classifier v1" in " ".join(again.stdout.split())
    assert "news-classifier v1  champion" in tidewatch("models").stdout

    asked = tidewatch("run", "sentiment-ablation", timeout=300)
    assert asked.returncode == 0, asked.stderr
    assert "Conclusion sentiment helps (" in " ".join(asked.stdout.split())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_run_names_train_tells_languages_apart(tidewatch, shared_data):
    path = shared_data / "names"
    if not path.is_dir():
        pytest.skip(f"no names at {path}")
    ended = tidewatch("run", "names-train", "--set", f"documents.path={path}", timeout=800)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert "names-classifier v1, champion" in said
    error = float(said.partition("held-out rows ")[2].split()[0])
    assert error < 0.25


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_run_reviews_train_on_some_of_them(tidewatch, shared_data, tmp_path):
    path = shared_data / "nsmc/ratings_train.txt"
    if not path.exists():
        pytest.skip(f"no reviews at {path}")
    with path.open(encoding="utf-8") as file:
        some = [next(file) for _ in range(8001)]
    (tmp_path / "some.tsv").write_text("".join(some), encoding="utf-8")
    ended = tidewatch(
        "run",
        "reviews-train",
        *("--set", f"documents.path={tmp_path / 'some.tsv'}"),
        *("--set", "classifier.hidden=32", "--set", "classifier.embedding=32"),
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert "reviews-classifier v1, champion" in said
    error = float(said.partition("held-out rows ")[2].split()[0])
    assert error < 0.3  # half of them are of either class
