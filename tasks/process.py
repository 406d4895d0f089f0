"""Which process a flow run is, written on the run: whoever looks later knows whether it lives."""

import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.schemas.objects import FlowRun

HOST, PID, STARTED = "tidewatch.host", "tidewatch.pid", "tidewatch.started"
"""Labels of a flow run: the host's name, the process, and when it was started, in epoch seconds."""

SLACK_S = 2.0
"""Seconds by which two readings of a process's start may differ."""


def note_process(flow_run: "FlowRun | None") -> None:
    """Label a flow run with this process; a server that is away stops no run."""
    import psutil
    from prefect.client.orchestration import get_client
    from prefect.logging import get_run_logger

    if flow_run is None:
        return
    labels: dict[str, Any] = {
        HOST: socket.gethostname(),
        PID: os.getpid(),
        STARTED: psutil.Process().create_time(),
    }
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(flow_run.id, labels)
    except Exception as error:  # of many kinds
        get_run_logger().warning("the run cannot say which process it is: %s", error)


def is_here(labels: "Mapping[str, Any]") -> bool:
    """Return whether labels speak of a process of this host."""
    return labels.get(HOST) == socket.gethostname() and PID in labels


def is_alive(labels: "Mapping[str, Any]") -> bool:
    """Return whether the process of these labels, one of this host, still runs.

    Another process that was given its number later is not it.
    """
    import psutil

    try:
        process = psutil.Process(int(labels[PID]))
        started = float(labels.get(STARTED, process.create_time()))
        return (
            abs(process.create_time() - started) < SLACK_S
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
