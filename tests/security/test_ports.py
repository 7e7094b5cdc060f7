"""The worker listens on the loopback address unless it is told otherwise. No test reaches out of this machine."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.processes import free_port

LISTENING = "0A"


def listened(pid: int) -> set[tuple[str, int]]:
    """Addresses and ports on which a process accepts TCP connections, as the kernel has them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *others = line.split()
            if state == LISTENING and others[5] in inodes:
                address, port = local.split(":")
                packed = bytes.fromhex(address)
                if table == "tcp":
                    found.add((socket.inet_ntop(socket.AF_INET, packed[::-1]), int(port, 16)))
                else:
                    found.add((address, int(port, 16)))
    return found


@pytest.fixture
def listening(broker: str, valkey: str, start_worker: Any) -> Any:
    """Starts a worker and tells what it listens on, once both its ports are open."""

    def start(**settings: str) -> tuple[set[tuple[str, int]], int, int]:
        metrics, web = free_port(), free_port()
        ports = {"SLUICEGATE_METRICS_PORT": str(metrics), "SLUICEGATE_WEB_PORT": str(web)}
        services = {"SLUICEGATE_KAFKA": broker, "SLUICEGATE_REDIS": valkey, "SLUICEGATE_DELIVERY": "at_least_once"}
        worker = start_worker(services | ports | settings)
        deadline = time.monotonic() + 60
        while len(found := listened(worker.process.pid)) < 2:
            assert worker.running, worker.last_lines()
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found, metrics, web

    return start


def test_without_a_word_both_ports_are_on_the_loopback_address_only(listening: Any) -> None:
    found, metrics, web = listening()
    assert found == {("127.0.0.1", metrics), ("127.0.0.1", web)}
    for port in (metrics, web):
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex(("127.0.0.2", port)) != 0


def test_an_address_that_is_named_is_the_only_one(listening: Any) -> None:
    found, metrics, web = listening(SLUICEGATE_HOST="127.0.0.2")
    assert found == {("127.0.0.2", metrics), ("127.0.0.2", web)}


def test_metrics_that_are_turned_off_open_no_port(broker: str, valkey: str, start_worker: Any) -> None:
    web = free_port()
    services = {"SLUICEGATE_KAFKA": broker, "SLUICEGATE_REDIS": valkey, "SLUICEGATE_DELIVERY": "at_least_once"}
    worker = start_worker(services | {"SLUICEGATE_METRICS_PORT": "0", "SLUICEGATE_WEB_PORT": str(web)})
    deadline = time.monotonic() + 60
    while not (found := listened(worker.process.pid)):
        assert time.monotonic() < deadline, worker.last_lines()
        time.sleep(0.1)
    assert found == {("127.0.0.1", web)}
