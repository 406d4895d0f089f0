"""Two temperatures, one file each, that grow from night to night and change their level."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2024-01-01", tz="UTC")


def write_hours(folder, n):
    """Write the first `n` hours of two temperatures, which change their level.

    `room` is 3 degrees warmer from hour 388 to 413, and 5 from 500 on; `hall` 3 cooler from 500.
    """
    hour = np.arange(520)
    noise = 0.1 * np.random.default_rng(0).normal(size=(2, 520))
    hall, room = 20 + np.sin(2 * np.pi * hour / 24) + noise
    room[388:414] += 3
    room[500:] += 5
    hall[500:] -= 3
    folder.mkdir(exist_ok=True)
    for name, values in (("hall", hall), ("room", room)):
        frame = pd.DataFrame({"Date": START + pd.to_timedelta(hour, unit="h"), "value": values})
        frame[:n].to_csv(folder / f"{name}.csv", index=False)
