"""What an ingest of documents did, in plain values."""

from dataclasses import dataclass, field
from datetime import datetime

from pipelines_lib.errors import shown


@dataclass(frozen=True)
class DocumentsReport:
    """What an ingest of documents did. `rules` counts the rows read by the rule they broke."""

    dataset: str
    read: int = 0
    """Rows that the source gave."""
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    """Rows whose id came again: only the newest counts."""
    quarantined: int = 0
    """Rows that are new in quarantine."""
    rules: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a file could not be read, by its name; the others are stored."""
    newest: datetime | None = None
    """Time of publication of the newest document that the source gave."""

    @property
    def metrics(self) -> dict[str, float]:
        """Return the counts under the names they have in MLflow."""
        counts: dict[str, float] = {
            "documents_read": self.read,
            "documents_new": self.new,
            "documents_changed": self.changed,
            "documents_unchanged": self.unchanged,
            "documents_repeated": self.repeated,
            "documents_quarantined": self.quarantined,
            "files_failed": len(self.failures),
        }
        return counts | {f"document_rules.{name}": count for name, count in self.rules.items()}

    @property
    def sentence(self) -> str:
        """Return in one sentence what came in and what failed."""
        said = (
            f"{self.read:,} documents read: {self.new:,} new, {self.changed:,} changed, "
            f"{self.quarantined:,} new in quarantine"
        )
        if self.repeated:
            said += f"; {self.repeated:,} came again under one id"
        if self.failures:
            why = next(iter(self.failures.values()))
            said += f"; {len(self.failures)} files failed: {shown(self.failures)} ({why})"
        return said
