"""LSTM sequence autoencoder: a window squeezed through one vector and rebuilt.

Shapes: B batch, L lookback, F features, D hidden size.
"""

from torch import Tensor, nn


class LSTMAutoencoder(nn.Module):
    """Summarise the window in the encoder's last state; let the decoder rebuild it from that.

    The decoder sees the summary at every step and starts from rest: what it rebuilds has passed
    through D numbers, so what rarely occurs is rebuilt badly.
    """

    def __init__(self, *, n_features: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.encoder = nn.LSTM(n_features, hidden, layers, batch_first=True, dropout=between)
        self.decoder = nn.LSTM(hidden, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, n_features)

    def forward(self, window: Tensor) -> Tensor:
        """Map scaled windows (B, L, F) to their reconstructions (B, L, F)."""
        _, (state, _) = self.encoder(window)
        summary = self.dropout(state[-1])  # (B, D)
        repeated = summary.unsqueeze(1).expand(-1, window.shape[1], -1)  # (B, L, D)
        rebuilt, _ = self.decoder(repeated)
        return self.head(rebuilt)  # (B, L, F)
