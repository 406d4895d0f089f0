"""Steps that a file marks as anomalous: beside its rows until both are cut alike, then apart."""

import pandas as pd

from pipelines_lib.errors import SourceError

LABELLED = "is labelled"
"""Column of marks; with its blank it is no name that a value column can have."""
KIND = "labelled"
"""What the labels say of such a step: a file only tells that it is anomalous."""
YES = ("1", "1.0", "true")
NO = ("0", "0.0", "false", "")


def parse_labels(values: pd.Series, *, place: str) -> pd.Series:
    """Read marks of 0 and 1, false and true, nothing for 0 (N,).

    Args:
        values: As they stand.
        place: File and column, for the error.

    Raises:
        SourceError: There is something else.
    """
    text = values.astype("str").str.strip().str.lower().fillna("")
    marked = text.isin(YES)
    strange = ~marked & ~text.isin(NO)
    if strange.any():
        raise SourceError(
            f"{place} has '{values[strange].iloc[0]}': write 1 for an anomalous step, 0 for others"
        )
    return marked


def split_labels(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return rows without their marks, and the labels; None where no file has marked any step.

    A step whose time could not be read has no label; one that is told twice has one.
    """
    if LABELLED not in rows:
        return rows, None
    marked = rows[LABELLED].eq(True) & rows["time"].notna()  # a file without marks left NaN
    labels = rows.loc[marked, ["series_id", "time"]].drop_duplicates(ignore_index=True)
    kind = pd.Series(KIND, index=labels.index, dtype="str")
    return rows.drop(columns=LABELLED), labels.assign(kind=kind)
