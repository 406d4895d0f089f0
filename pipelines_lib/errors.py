"""The field's own exception types: each message names the thing, the value and the remedy."""


class TidewatchError(Exception):
    """Base of every error that a user can act on; shown as a sentence, never as a stack trace.

    `transient` says that it may pass by itself, so that repeating helps: a server that is busy, a
    disk that was full.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class ConfigError(TidewatchError):
    """A parameter or setting has a value that cannot work."""


class SourceError(TidewatchError):
    """A source answered with nothing, with an error, or with something that is not data."""


class LakeError(TidewatchError):
    """A table is missing, of another schema, or written by a newer version."""


class SeriesError(TidewatchError):
    """A series is unknown, too short, constant or not finite where it must not be."""


class TrainingError(TidewatchError):
    """Training cannot start or must stop, for instance on a non-finite loss."""


class BundleError(TidewatchError):
    """A saved model is missing, incomplete or of an unknown format."""


def shown(names: object, limit: int = 5) -> str:
    """Join the first `limit` names for an error message, and count the rest."""
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
