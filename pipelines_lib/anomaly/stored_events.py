"""Events as they are stored, whichever version has written them."""

import pandas as pd

from pipelines_lib.anomaly.events import event_ids
from pipelines_lib.lake import Lake
from pipelines_lib.tables import EVENTS


def read_events(lake: Lake, dataset: str) -> pd.DataFrame:
    """Return all events of a dataset.

    Those written before events had ids get the one that their key makes, as the next night will
    give it to them.
    """
    events = lake.read_rows(dataset, EVENTS)
    return events.assign(event_id=events["event_id"].fillna(event_ids(events)))
