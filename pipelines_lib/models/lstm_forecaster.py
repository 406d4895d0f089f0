"""LSTM forecaster: one lookback window in, the whole horizon out.

Shapes: B batch, L lookback, F features, D hidden size, H horizon.
"""

from torch import Tensor, nn


class LSTMForecaster(nn.Module):
    """Encode the window; project the last hidden state to every step of the horizon.

    Direct rather than recursive: an early error cannot compound along the horizon.
    """

    def __init__(
        self, *, n_features: int, hidden: int, layers: int, dropout: float, horizon: int
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.encoder = nn.LSTM(n_features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, horizon)

    def forward(self, window: Tensor) -> Tensor:
        """Map scaled windows (B, L, F) to scaled forecasts (B, H)."""
        hidden, _ = self.encoder(window)  # (B, L, D)
        return self.head(self.dropout(hidden[:, -1]))  # (B, H)
