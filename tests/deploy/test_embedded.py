"""The embedded services: they answer, and they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from deploy.embedded import start_broker, start_valkey
from deploy.processes import Service, ServiceError, free_port, listening


def test_valkey_answers_and_leaves_no_port_behind(tmp_path: Path) -> None:
    service, url = start_valkey(tmp_path)
    client = redis.Redis.from_url(url)
    assert client.ping()
    client.close()
    service.stop()
    assert not service.running
    assert not listening(int(url.split(":")[2].split("/")[0]))


def test_the_broker_answers_and_leaves_no_port_behind(tmp_path: Path) -> None:
    service, address = start_broker(tmp_path)
    port = int(address.split(":")[1])
    assert listening(port)
    service.stop()
    assert not listening(port)


def test_a_program_that_ends_at_once_is_told_with_what_it_printed(tmp_path: Path) -> None:
    service = Service.start("broken", ["sh", "-c", "echo no such option >&2; exit 3"], tmp_path)
    with pytest.raises(ServiceError, match=r"broken ended with 3: no such option"):
        service.wait_for_port(free_port(), 5)


def test_a_program_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    service = Service.start("deaf", ["sh", "-c", "trap '' TERM; sleep 60"], tmp_path)
    service.stop(0.3)
    assert not service.running
