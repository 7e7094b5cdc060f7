"""What a running worker answers to Kubernetes."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from deploy.processes import free_port

pytestmark = pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
PATIENCE_SECONDS = 60.0


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body; (0, {}) while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


def until(fits: Callable[[int, dict[str, Any]], bool], port: int, path: str = "readyz") -> dict[str, Any]:
    """The body, once status and body fit."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, body = ask(port, path)
        if fits(status, body):
            return body
        assert time.monotonic() < deadline, (status, body)
        time.sleep(0.1)


def test_a_worker_is_ready_once_it_has_policy_partitions_and_redis(platform: Any, start_worker: Any) -> None:
    port = free_port()
    start_worker(metrics_port=str(port))
    body = until(lambda status, _: status == 200, port)
    assert body["partitions"] == [0, 1]
    assert {"policy", "abuse"} <= body["versions"].keys()
    assert ask(port, "livez") == (200, {"alive": True})


def test_a_worker_that_has_never_seen_redis_is_alive_and_says_what_it_waits_for(
    platform: Any, start_worker: Any
) -> None:
    port = free_port()
    start_worker(metrics_port=str(port), redis=f"redis://127.0.0.1:{free_port()}/0")
    body = until(lambda _, body: body.get("partitions") == [0, 1], port)
    assert not body["ready"]
    assert [what.split(":")[0] for what in body["missing"]] == ["Redis"]
    assert ask(port, "livez")[0] == 200


def test_a_worker_that_lost_redis_stays_ready_since_it_goes_on_without(
    platform: Any, start_worker: Any, own_valkey: Any
) -> None:
    port = free_port()
    start_worker(metrics_port=str(port))
    until(lambda status, _: status == 200, port)
    own_valkey[0].stop()
    value = {"id": "p", "text": "x", "author": {"id": "a"}, "created_at": 1_790_000_000_000}
    platform.send([(0, b"a", json.dumps(value).encode())])
    assert json.loads(platform.outputs(1)[0].value)["degraded"]
    assert ask(port, "readyz")[0] == 200
