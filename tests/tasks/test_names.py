"""What runs are called."""

from datetime import UTC, datetime

from tasks.names import training_name


def test_training_name_tells_network_day_and_seed():
    until = datetime(2023, 8, 14, tzinfo=UTC)
    called = training_name("small-forecaster", "last-step LSTM 8", seed=3, until=until)
    assert called == "last-step LSTM 8 2023-08-14 small-forecaster seed 3"
    assert training_name("news-classifier", "LSTM 4", seed=0) == "LSTM 4 news-classifier seed 0"
