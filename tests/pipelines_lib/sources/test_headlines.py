"""Synthetic headlines: the same for the same seed, of known polarity, before the moves."""

import re

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.sources.headline_templates import FILLERS, TEMPLATES
from pipelines_lib.sources.headlines import Moves, company_name, make_headlines

FIRST, LAST = np.datetime64("2024-01-02T06:30"), np.datetime64("2024-12-30T06:30")
NAMES = [f"SYN{i:03d}" for i in range(1, 9)]
POLARITY = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}


@pytest.fixture(scope="module")
def headlines() -> pd.DataFrame:
    return make_headlines(4000, 7, NAMES, first=FIRST, last=LAST)


def test_make_headlines_is_the_same_for_the_same_seed(headlines):
    again = make_headlines(4000, 7, NAMES, first=FIRST, last=LAST)
    pd.testing.assert_frame_equal(headlines, again)
    other = make_headlines(4000, 8, NAMES, first=FIRST, last=LAST)
    assert (other["title"] != headlines["title"]).mean() > 0.9
    block = make_headlines(4000, 7, NAMES, first=FIRST, last=LAST, block=1)
    assert (block["title"] != headlines["title"]).mean() > 0.9


def test_make_headlines_balances_classes_and_languages(headlines):
    assert headlines["label"].value_counts(normalize=True).between(0.30, 0.37).all()
    assert headlines["language"].value_counts(normalize=True).between(0.47, 0.53).all()
    korean = headlines["title"].str.contains("[가-힣]")
    assert (korean == (headlines["language"] == "ko")).all()
    assert not headlines["title"].str.contains(r"[{}\0]").any()
    assert not headlines["text"].str.contains(r"[{}\0]").any()
    assert (headlines["title"] != "").all()


def test_make_headlines_labels_say_what_the_templates_say_but_for_a_few(headlines):
    """Tell the class of each title by the template that it fits."""
    fits = {}
    for label, bodies in TEMPLATES.items():
        for language, templates in bodies.items():
            parts = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(t)) for t in templates]
            fits[label, language] = re.compile(f"(?:{'|'.join(parts)})( .)?")
    wrong = 0
    for title, label, language in (
        headlines[["title", "label", "language"]].head(1000).itertuples(index=False)
    ):
        wrong += not fits[label, language].fullmatch(title)
    assert 10 <= wrong <= 60  # 3 % are labelled wrongly


def test_make_headlines_speak_of_one_series_mostly(headlines):
    n_series = (
        headlines["series_ids"]
        .str.strip(",")
        .str.split(",")
        .map(lambda names: len([name for name in names if name]))
    )
    shares = n_series.value_counts(normalize=True)
    assert shares[0] == pytest.approx(0.05, abs=0.015)
    assert shares[2] == pytest.approx(0.10, abs=0.02)
    of_first = headlines["series_ids"].str.contains("SYN001")
    named = headlines["title"].str.contains(company_name("SYN001", "ko")) | headlines[
        "title"
    ].str.contains(company_name("SYN001", "en"))
    assert named[of_first].all()


def test_make_headlines_come_at_all_hours_and_on_all_days(headlines):
    times = headlines["time"].dt
    assert headlines["time"].is_monotonic_increasing
    assert (
        headlines["time"].between(pd.Timestamp(FIRST, tz="UTC"), pd.Timestamp(LAST, tz="UTC")).all()
    )
    assert (times.microsecond == 0).all()
    assert set(times.hour) == set(range(24))
    assert set(times.day_of_week) == set(range(7))
    after_close = (times.hour * 60 + times.minute > 390) & (times.hour < 15)  # 15:30 to 24:00 KST
    assert 0.2 < after_close.mean() < 0.6
    holiday = headlines["time"].dt.strftime("%m-%d") == "10-03"
    assert holiday.any()
    assert headlines["title"].str.contains("[📈📉🚀😱🔥🤔🙏👀]").mean() == pytest.approx(
        0.06, abs=0.02
    )


def test_make_headlines_without_series_speak_of_none():
    made = make_headlines(50, 1, [], first=FIRST, last=LAST)
    assert set(made["series_ids"]) == {","}


def test_make_headlines_foretell_the_next_return_and_no_other():
    rng = np.random.default_rng(3)
    ends = np.arange("2022-01-03T06:30", "2024-01-03T06:30", np.timedelta64(1, "D"), "M8[us]")
    moves = Moves(ends, tuple(NAMES), rng.standard_normal((len(ends), 8)) * 0.02)
    made = make_headlines(8000, 7, NAMES, first=ends[0], last=ends[-1], moves=moves)
    one = made[made["series_ids"].str.fullmatch(r"SYN\d+,")]
    step = np.searchsorted(ends, one["time"].dt.tz_localize(None).to_numpy(), side="left")
    column = one["series_ids"].str[3:6].astype(int).to_numpy() - 1
    tone = one["label"].map(POLARITY).to_numpy()
    inside = step < len(ends) - 2
    correlation = {
        ahead: np.corrcoef(tone[inside], moves.returns[step[inside] + ahead, column[inside]])[0, 1]
        for ahead in (0, 1, 2)
    }
    assert 0.25 < correlation[1] < 0.45
    assert abs(correlation[0]) < 0.05
    assert abs(correlation[2]) < 0.05


def test_templates_are_many_differ_and_share_their_words():
    known = {"{name}", *(f"{{{slot}}}" for slot in [*FILLERS["en"], "pct", "count"])}
    for bodies in TEMPLATES.values():
        for templates in bodies.values():
            assert len(templates) >= 25
            assert len(set(templates)) == len(templates)
            for template in templates:
                assert "{name}" in template
                assert set(re.findall(r"\{\w+\}", template)) <= known
    words = {
        label: {w for t in bodies["en"] for w in re.findall("[a-z]{4,}", t.lower())}
        for label, bodies in TEMPLATES.items()
    }
    shared = words["negative"] & words["positive"]
    assert len(shared) > 0.4 * min(len(words["negative"]), len(words["positive"]))


@pytest.mark.parametrize("language", ["ko", "en"])
def test_templates_of_good_and_bad_news_have_the_same_words(language):
    ordered = {
        label: [sorted(re.findall(r"[\w{}]+", t)) for t in bodies[language][-6:]]
        for label, bodies in TEMPLATES.items()
    }
    swap = {"{good}": "{bad}", "{bad}": "{good}"}
    positive = TEMPLATES["positive"][language][-6:]
    swapped = [re.sub(r"\{good\}|\{bad\}", lambda m: swap[m[0]], text) for text in positive]
    negative = TEMPLATES["negative"][language][-6:]
    assert sum(a == b for a, b in zip(swapped, negative, strict=True)) >= 5
    assert not set(map(tuple, ordered["neutral"])) & set(map(tuple, ordered["positive"]))
