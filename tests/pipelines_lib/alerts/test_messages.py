"""Each alert is told once, and no night sends more messages than people read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipelines_lib.alerts import ANOMALY, COMMITTED, PARTIAL, Alert
from pipelines_lib.alerts.messages import divide, find_superseded, make_messages, message_id
from pipelines_lib.alerts.outbox import StoredAlert

AT = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)


def stored(number, kind=ANOMALY, at=AT):
    alert = Alert(kind, f"e{number}", f"prices: anomaly in S{number}", "x", weight=float(number))
    return StoredAlert(alert, at, "f")


def test_divide_tells_ten_by_themselves():
    few = [stored(number) for number in range(10)]
    single, groups = divide(few)
    assert (len(single), groups) == (10, [])


def test_divide_lets_the_lightest_share_the_tenth_message():
    many = [stored(number) for number in range(30)]
    single, (group,) = divide([*many, stored(1, PARTIAL)])
    kinds = [one.alert.kind for one in single]
    assert (kinds.count(ANOMALY), kinds.count(PARTIAL)) == (9, 1)
    assert [one.alert.subject for one in single[:2]] == ["e29", "e28"]
    assert {one.alert.subject for one in group} == {f"e{number}" for number in range(21)}


def test_make_messages_tells_every_alert_exactly_once():
    single, (group,) = divide([stored(number) for number in range(40)])
    name = str(message_id("prices", group))
    messages = make_messages("prices", [*single, *[replace(one, message=name) for one in group]])
    assert len(messages) == 10
    told = [subject for message in messages for subject in message.subjects]
    assert sorted(told) == sorted(f"e{number}" for number in range(40))
    summary = messages[-1]
    assert str(summary.id) == name
    assert summary.title == "prices: 31 more anomalies"
    lines = summary.text.splitlines()
    assert lines[0] == "- anomaly in S30"
    assert lines[-2:] == ["and 11 more", "All of them: tidewatch events prices"]


def test_message_id_is_of_dataset_kind_subject_and_the_first_word():
    name = message_id("prices", [stored(1)])
    assert name == message_id("prices", [stored(1)])
    others = [stored(2), stored(1, PARTIAL), stored(1, at=AT + timedelta(seconds=1))]
    assert name not in {message_id("prices", [one]) for one in others}
    assert name != message_id("rates", [stored(1)])


def test_find_superseded_leaves_the_newest_word_of_new_rows():
    first, second = stored(1, COMMITTED), stored(2, COMMITTED, AT + timedelta(hours=1))
    assert find_superseded([second, stored(3), first]) == [first]
    assert find_superseded([stored(3)]) == []
