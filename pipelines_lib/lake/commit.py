"""One transaction, repeated while other writers come first; other failures become a sentence."""

from collections.abc import Callable
from typing import TypeVar

from deltalake.exceptions import DeltaError, DeltaProtocolError, SchemaMismatchError

from pipelines_lib.errors import LakeError
from pipelines_lib.lake.stored import StoredTable

COMMIT_ATTEMPTS = 8

Result = TypeVar("Result")


def commit(
    look: Callable[[], StoredTable | None],
    write: Callable[[StoredTable | None], Result],
    *,
    name: str,
    what: str,
) -> Result:
    """Write to the newest version of a table, and again if another writer was first.

    Args:
        look: Opens the newest version; None where there is no table yet.
        write: Does the transaction on what `look` gave.
        name: The table, for an error.
        what: What is written, for an error.

    Raises:
        LakeError: Others always came first, or the place cannot be written; the latter is
            transient, and the table is as it was.
    """
    failure: Exception | None = None
    for _ in range(COMMIT_ATTEMPTS):
        stored = look()
        seen = -1 if stored is None else stored.version
        try:
            return write(stored)
        except (OSError, DeltaError) as error:
            # A conflict is told from a full disk by what the other writer left: a newer version.
            newest = look()
            if newest is None or newest.version == seen:
                raise _cannot_write(name, what, error) from error
            failure = error
    raise LakeError(
        f"{name} was changed by others {COMMIT_ATTEMPTS} times while writing {what}: "
        "let one job at a time write it"
    ) from failure


def _cannot_write(name: str, what: str, error: Exception) -> LakeError:
    return LakeError(
        f"cannot write {what} to {name}: {error}. The table is as it was; make room on the disk, "
        "or set TIDEWATCH_LAKE_URI to a place that can be written, and run again",
        transient=not isinstance(error, SchemaMismatchError | DeltaProtocolError),
    )
