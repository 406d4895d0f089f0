"""Python's collector of reference cycles, in processes that load much and throw little away."""

import atexit
import gc

NEW_OBJECTS = 50_000
"""Objects made, less those freed, before the collector looks again. By Python's own 700 it walks
the modules of PyTorch, MLflow and Prefect a dozen times while they are loaded: 1.4 s of a night."""


def relax_collector() -> None:
    """Let the collector look rarely, and not at all when the process ends, which would take 1.8 s.

    Arrays and tensors are freed by their count of references, as before. Best called before
    anything large is imported.
    """
    gc.set_threshold(NEW_OBJECTS, 10, 10)
    atexit.register(gc.freeze)
