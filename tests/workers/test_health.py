"""Alive and ready: what the worker answers when it is asked."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from deploy.processes import HOST, free_port
from workers.health import STALLED_SECONDS, Health, _Silent, serve


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def ready() -> Health:
    health = Health({"policy": "1"}, [0, 1], redis=True, clock=Clock())
    health.beat()
    return health


def test_a_worker_that_has_all_it_needs_is_ready() -> None:
    assert ready().ready


@pytest.mark.parametrize(
    ("lack", "word"), [({"versions": {}}, "policy"), ({"partitions": None}, "partitions"), ({"redis": False}, "Redis")]
)
def test_what_is_waited_for_is_named(lack: dict[str, object], word: str) -> None:
    health = ready()
    for name, value in lack.items():
        setattr(health, name, value)
    well, told = health.answer("/readyz")
    assert not well
    assert len(told["missing"]) == 1
    assert word in told["missing"][0]
    assert health.alive


def test_a_worker_beyond_the_number_of_partitions_is_ready_with_none() -> None:
    health = ready()
    health.partitions = []
    assert health.ready


def test_a_worker_that_ends_is_alive_but_not_ready() -> None:
    health = ready()
    health.draining = True
    assert health.alive
    assert not health.ready


def test_an_event_loop_that_stands_still_is_neither_alive_nor_ready() -> None:
    health = ready()
    assert isinstance(health.clock, Clock)
    health.clock.now += STALLED_SECONDS - 1
    assert health.alive
    health.clock.now += 2
    assert not health.alive
    assert not health.ready
    health.beat()
    assert health.ready


def test_a_worker_that_is_still_starting_is_alive() -> None:
    assert Health().alive


def test_one_port_answers_metrics_and_health() -> None:
    registry = CollectorRegistry()
    Counter("posts", "x", registry=registry).inc(3)
    health, port = ready(), free_port()
    serve(HOST, port, registry, health)

    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert "posts_total 3.0" in ask("/metrics")[1]
    status, body = ask("/readyz")
    assert (status, json.loads(body)["partitions"]) == (200, [0, 1])
    assert ask("/livez")[0] == 200
    health.draining = True
    assert ask("/readyz")[0] == 503
    assert ask("/livez")[0] == 200
    with pytest.raises(OSError, match="in use"):
        serve(HOST, port, registry, health)


def test_who_connects_and_says_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_Silent, "timeout", 0.05)
    port = free_port()
    serve(HOST, port, CollectorRegistry(), ready())
    with socket.create_connection((HOST, port), timeout=10) as connection:
        assert connection.recv(1) == b""
    assert capfd.readouterr().err == ""
