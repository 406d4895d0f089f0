"""Whether a model names the direction of moves better than always naming the commoner one."""

import numpy as np

from pipelines_lib.comparison import PairedTest
from pipelines_lib.forecasting.metrics import MODEL, Judged
from pipelines_lib.forecasting.significance import paired_test


def direction_test(judged: Judged) -> PairedTest | None:
    """Test a model's share of wrong directions against that of the commoner direction.

    The commoner one is known in hindsight only, which makes it a little harder to beat. None where
    the model never moves, or nothing did.
    """
    last, made = judged.last[:, None], judged.forecasts[MODEL]
    moved = judged.actual != last
    if not moved.any() or not (made != last).any():
        return None
    rose = judged.actual > last
    commoner = 2 * rose[moved].sum() >= moved.sum()
    right = np.sign(made - last) == np.sign(judged.actual - last)
    ours, naive = (_share(~hit & moved, moved) for hit in (right, rose == commoner))
    return paired_test(ours, naive, position=judged.position, reach=judged.reach)


def _share(wrong: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return the share of a window's moved steps that are wrong (W,), NaN where none moved."""
    count = moved.sum(axis=1)
    unknown = np.full(len(count), np.nan)
    return np.divide(wrong.sum(axis=1), count, out=unknown, where=count > 0)
