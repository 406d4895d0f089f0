"""A config in, a fresh network out."""

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.models.anchored import Anchored
from pipelines_lib.models.cells import Cell
from pipelines_lib.models.convolution import Convolution
from pipelines_lib.models.last_step import LastStep
from pipelines_lib.models.linear import LinearMap
from pipelines_lib.models.mirrored import Mirrored
from pipelines_lib.models.network import Network
from pipelines_lib.models.segment import Segment
from pipelines_lib.models.seq2seq import Seq2Seq


def make_forecast_network(
    config: ForecasterConfig, *, n_inputs: int, n_future: int, n_series: int
) -> Network:
    """Make one network with fresh weights; members and a network per series are the caller's.

    Args:
        config: The forecaster.
        n_inputs: Columns of a window, the target's own included.
        n_future: Columns that are known of the steps ahead.
        n_series: Series that are learned from.

    Raises:
        ConfigError: The model has no network.
    """
    network = _make(config, n_inputs=n_inputs, n_future=n_future, n_series=n_series)
    network = Mirrored(network) if config.mirror else network
    return Anchored(network) if config.anchored else network


def _make(config: ForecasterConfig, *, n_inputs: int, n_future: int, n_series: int) -> Network:
    sizes = {
        "n_inputs": n_inputs,
        "n_future": n_future,
        "horizon": config.horizon,
        "n_outputs": len(config.quantiles),
    }
    cell = Cell(
        hidden=config.hidden,
        kind=config.cell,
        layers=config.layers,
        activation=config.activation,
        identity_start=config.identity_start,
        dropout=config.dropout,
        recurrent_dropout=config.recurrent_dropout,
    )
    match config.model:
        case "last_step":
            return LastStep(cell, bidirectional=config.bidirectional, **sizes)
        case "seq2seq":
            return Seq2Seq(
                cell,
                bidirectional=config.bidirectional,
                attention=config.attention,
                teacher_forcing=config.teacher_forcing,
                teacher_epochs=config.teacher_epochs,
                **sizes,
            )
        case "segment":
            return Segment(
                cell,
                segment_steps=config.segment_steps,
                skip_lookback=config.lookback if config.segment_skip else 0,
                n_series=n_series if config.series_embedding else 0,
                **sizes,
            )
        case "linear":
            return LinearMap(lookback=config.lookback, **sizes)
        case "convolution":
            return Convolution(
                lookback=config.lookback,
                hidden=config.hidden,
                layers=config.layers,
                kernel=config.kernel,
                dropout=config.dropout,
                **sizes,
            )
        case _:
            raise ConfigError(
                f"model {config.model!r} has no network: choose last_step, seq2seq, segment, "
                "linear or convolution"
            )
