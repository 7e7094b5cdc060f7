"""A worker as a process of its own, and a platform that sends posts and reads what becomes of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.embedded import start_valkey
from deploy.processes import Service, free_port
from topics.admin import TopicAdmin
from topics.catalog import OUTPUTS, POSTS

PARTITIONS = 2
PATIENCE_SECONDS = 60.0


class Output(NamedTuple):
    """A record of one of the output topics."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def source(self) -> tuple[int, int]:
        """Partition and offset of the record that it is about."""
        if self.topic == "posts.dead":
            return int(self.headers["source_partition"]), int(self.headers["source_offset"])
        source = json.loads(self.value or b"")["source"]
        return source["partition"], source["offset"]


class Platform:
    """Stands for the platform that uses Sluicegate."""

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka
        with TopicAdmin(kafka) as admin:
            admin.create(PARTITIONS, replication=1)

    def send(self, records: list[tuple[int, bytes | None, bytes | None]]) -> None:
        """Send records, each partition, key and value, and wait for the broker."""
        asyncio.run(self._send(records))

    async def _send(self, records: list[tuple[int, bytes | None, bytes | None]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all", max_request_size=4 << 20)
        await producer.start()
        for partition, key, value in records:
            await producer.send(POSTS.name, value, key, partition)
        await producer.stop()

    def outputs(self, count: int) -> list[Output]:
        """Everything on the output topics, once there are `count` sources among it."""
        return asyncio.run(self._outputs(count))

    async def _outputs(self, count: int) -> list[Output]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        consumer.assign([TopicPartition(topic.name, number) for topic in OUTPUTS for number in range(PARTITIONS)])
        found: list[Output] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        quiet = 0
        try:
            # Once all are there, two empty fetches more: what comes twice should be seen.
            while quiet < 2:
                fetched = await consumer.getmany(timeout_ms=300)
                records = [record for of_partition in fetched.values() for record in of_partition]
                found += [_output(record) for record in records]
                complete = len({output.source for output in found}) >= count
                quiet = quiet + 1 if complete and not records else 0
                if not complete and time.monotonic() > deadline:
                    raise AssertionError(f"{len(found)} outputs of {count} after {PATIENCE_SECONDS:.0f} s")
        finally:
            await consumer.stop()
        return found


def _output(record: Any) -> Output:
    headers = {name: value.decode() for name, value in record.headers}
    return Output(record.topic, record.partition, record.key, record.value, headers)


StartWorker = Callable[..., Service]


@pytest.fixture
def platform(fresh_broker: str) -> Platform:
    """A platform on a broker of the test's own."""
    return Platform(fresh_broker)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """A Valkey that the test may kill."""
    service, url = start_valkey(tmp_path)
    yield service, url
    service.stop()


@pytest.fixture
def delivery(request: pytest.FixtureRequest) -> str:
    """Exactly once where the test's broker is Apache Kafka; the embedded one shows what was aborted."""
    return "exactly_once" if request.node.callspec.params["fresh_broker"] == "kafka" else "at_least_once"


@pytest.fixture
def start_worker(
    tmp_path: Path, own_valkey: tuple[Service, str], platform: Platform, delivery: str
) -> Iterator[StartWorker]:
    """Start a worker process; more settings by keyword. All are ended with the test."""
    services: list[Service] = []

    def start(command: list[str] | None = None, **settings: str) -> Service:
        number = len(services) + 1
        environment = os.environ | {
            "SLUICEGATE_KAFKA": platform.kafka,
            "SLUICEGATE_REDIS": own_valkey[1],
            "SLUICEGATE_DELIVERY": delivery,
            "SLUICEGATE_METRICS_PORT": "0",
            "SLUICEGATE_WEB_PORT": str(free_port()),
            "SLUICEGATE_STATE_DIR": str(tmp_path / f"state-{number}"),
            "SLUICEGATE_SESSION_SECONDS": "6",
            **{f"SLUICEGATE_{name.upper()}": value for name, value in settings.items()},
        }
        command = command or [sys.executable, "-m", "workers", "worker"]
        services.append(Service.start(f"worker-{number}", command, tmp_path, environment))
        return services[-1]

    yield start
    for service in services:
        service.stop(5)
        # Shown by pytest when the test fails.
        print(f"--- {service.name}\n{service.last_lines(30)}")
