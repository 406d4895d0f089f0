"""What people are told: an outbox in the lake, where it stays until it has been told.

Whatever tells it (Prefect's events, see `tasks/alerts.py`) is no concern of this package.
"""

from pipelines_lib.alerts.alert import (
    ABSENT,
    ANOMALY,
    COMMITTED,
    KINDS,
    PARTIAL,
    PROMOTED,
    Alert,
)

__all__ = ["ABSENT", "ANOMALY", "COMMITTED", "KINDS", "PARTIAL", "PROMOTED", "Alert"]
