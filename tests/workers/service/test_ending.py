"""What an operator can mend ends a worker with exit status 1 and one line, the last that it writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from kafka.admin import KafkaAdminClient

from deploy.embedded import start_broker
from deploy.processes import HOST, Service, free_port
from topics.admin import TopicAdmin
from workers.ending import EndsWithALine
from workers.publishing import start_producer

NOBODY = f"{HOST}:1"
BROKEN = """version: "1"
rules:
  - name: x
    when: abuze > 0.5
    verdict: flag
    category: c
    reason: r
"""


@pytest.fixture(scope="module")
def taken_port() -> Iterator[str]:
    """A port that somebody else has."""
    with socket.create_server((HOST, 0)) as taken:
        yield str(taken.getsockname()[1])


def wait_for(worker: Service, told: str) -> None:
    """Return when a worker's log tells it."""
    deadline = time.monotonic() + 60
    while told not in worker.log.read_text():
        assert worker.running, worker.last_lines()
        assert time.monotonic() < deadline, worker.last_lines()
        time.sleep(0.1)


def last_line(broker: str, folder: Path, settings: dict[str, str]) -> str:
    """The last line of a worker that ended with status 1, and showed no traceback."""
    environment = os.environ | {
        "SLUICEGATE_KAFKA": broker,
        "SLUICEGATE_REDIS": f"redis://{HOST}:{free_port()}/0",
        "SLUICEGATE_HOST": HOST,
        "SLUICEGATE_METRICS_PORT": "0",
        "SLUICEGATE_WEB_PORT": str(free_port()),
        "SLUICEGATE_STATE_DIR": str(folder / "state"),
        **{f"SLUICEGATE_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "workers", "worker"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 1, ended.stderr[-3_000:]
    assert "Traceback" not in ended.stderr, ended.stderr[-6_000:]
    return ended.stderr.splitlines()[-1]


# The settings by which it happens, and what the last line says.
CASES: dict[str, tuple[dict[str, str], str]] = {
    "a setting is wrong": ({"batch_posts": "none"}, "SLUICEGATE_BATCH_POSTS: "),
    "the policy is broken": ({"policy": "{folder}/policy.yaml"}, "sluicegate: {folder}/policy.yaml:4: "),
    "models are missing": ({"models": "{folder}"}, "sluicegate: no models in {folder}: "),
    "the metrics' port is taken": ({"metrics_port": "{port}"}, "SLUICEGATE_METRICS_PORT: cannot listen on port {port}"),
    "no broker answers": ({"kafka": NOBODY}, f"sluicegate: no Kafka broker answers at {NOBODY}: "),
    # The embedded broker makes `posts` when a worker asks for it.
    "topics are missing": ({}, "sluicegate: Kafka at {broker}: no posts.allow, "),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_in_the_last_line_when(case: str, empty_broker: str, taken_port: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(BROKEN)
    words = {"folder": str(tmp_path), "port": taken_port, "broker": empty_broker}
    settings, told = CASES[case]
    line = last_line(empty_broker, tmp_path, {name: value.format(**words) for name, value in settings.items()})
    assert line.startswith(told.format(**words))


def test_the_line_says_what_creates_topics(empty_broker: str, tmp_path: Path) -> None:
    assert "`sluicegate topics create`" in last_line(empty_broker, tmp_path, {})


def test_a_broker_without_transactions_is_told_with_the_setting_that_does_without(
    empty_broker: str, tmp_path: Path
) -> None:
    with TopicAdmin(empty_broker) as admin:
        admin.create(1, replication=1)
    line = last_line(empty_broker, tmp_path, {"delivery": "exactly_once"})
    assert line.startswith(f"sluicegate: Kafka at {empty_broker}: ")
    assert "SLUICEGATE_DELIVERY=at_least_once" in line


@pytest.mark.parametrize("fresh_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
@pytest.mark.parametrize("under_load", [False, True])
def test_a_topic_that_is_deleted_under_a_worker_ends_it_and_once_made_anew_the_next_one_goes_on(
    platform: Any, start_worker: Any, under_load: bool
) -> None:
    def send(begin: int, end: int) -> None:
        posts = [{"id": f"p{n}", "text": "x", "author": {"id": "a"}, "created_at": n} for n in range(begin, end)]
        platform.send([(n % 2, b"a", json.dumps(post).encode()) for n, post in enumerate(posts)])

    worker = start_worker()
    send(0, 10)
    platform.outputs(10)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=platform.kafka)) as admin:
        admin.delete_topics(["posts.allow"])
    if under_load:
        send(10, 20)
    assert worker.process.wait(60) == 1
    assert worker.last_lines(1).startswith(f"sluicegate: Kafka at {platform.kafka}: no posts.allow: ")
    with TopicAdmin(platform.kafka) as topics:
        topics.create(2, replication=1)
    start_worker()
    send(20, 30)
    assert len(platform.outputs(20 if under_load else 10)) == (20 if under_load else 10)


@pytest.mark.parametrize("fresh_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_a_worker_whose_partitions_have_a_newer_owner_ends_with_a_line(platform: Any, start_worker: Any) -> None:
    worker = start_worker(group="shut-out")
    wait_for(worker, "partitions assigned")

    async def take_over() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=platform.kafka)
        await admin.start()
        owned = TopicPartition("posts", 0)
        offsets = await admin.list_consumer_group_offsets("shut-out", partitions=[owned])
        await admin.close()
        await (await start_producer({"bootstrap_servers": platform.kafka}, offsets[owned].metadata)).stop()

    asyncio.run(take_over())
    platform.send([(0, b"a", b"{")])
    assert worker.process.wait(60) == 1
    assert worker.last_lines(1).startswith(f"sluicegate: Kafka at {platform.kafka} has shut this worker out: ")
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_a_worker_told_to_stop_while_brokers_are_away_ends_well_and_its_log_stays_json(
    start_worker: Any, tmp_path: Path
) -> None:
    broker, address = start_broker(tmp_path)
    with TopicAdmin(address) as admin:
        admin.create(2, replication=1)
    worker = start_worker(kafka=address)
    wait_for(worker, "partitions assigned")
    broker.stop()
    wait_for(worker, "Failed fetch messages")
    worker.ask_to_stop()
    assert worker.process.wait(30) == 0, worker.last_lines()
    assert all(json.loads(line)["event"] for line in worker.log.read_text().splitlines())


def test_what_is_printed_is_not_logged_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    worker = EndsWithALine(faust.App("printing"), redirect_stdouts=True)
    worker._redirect_stdouts()
    print("in", "pieces", file=sys.stderr)
    assert capsys.readouterr().err == "in pieces\n"
