"""Publishing: one suite for both deliveries, and what only exactly once can promise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from deploy import kafka
from deploy.embedded import start_broker
from topics.admin import TopicAdmin
from topics.catalog import ALLOW, DEAD, OUTPUTS, POSTS
from workers.publishing import NoTransactions, Publisher, Row, start_publisher

SOURCE = TopicPartition(POSTS.name, 1)


@pytest.fixture(scope="module", params=["at_least_once", "exactly_once"])
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The delivery, and the address of a broker that can do it."""
    folder = tmp_path_factory.mktemp("broker")
    if request.param == "exactly_once" and not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    start = start_broker if request.param == "at_least_once" else kafka.start_kafka
    service, address = start(folder)
    with TopicAdmin(address) as admin:
        admin.create(2, replication=1)
    yield request.param, address
    service.stop(10)


async def open_publisher(delivery: tuple[str, str], group: str) -> tuple[Publisher, AIOKafkaConsumer]:
    """A publisher, and the group's consumer by which the one that needs it commits."""
    consumer = AIOKafkaConsumer(bootstrap_servers=delivery[1], group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([SOURCE])
    commit = consumer.commit if delivery[0] == "at_least_once" else None
    return await start_publisher({"bootstrap_servers": delivery[1]}, SOURCE, group, commit), consumer


async def committed_rows(address: str, start: dict[TopicPartition, int]) -> list[Any]:
    reader = AIOKafkaConsumer(bootstrap_servers=address, isolation_level="read_committed")
    await reader.start()
    reader.assign(list(start))
    for partition, offset in start.items():
        reader.seek(partition, offset)
    rows: list[Any] = []
    quiet = 0
    while quiet < 3:
        fetched = [record for records in (await reader.getmany(timeout_ms=300)).values() for record in records]
        rows += fetched
        quiet = 0 if fetched else quiet + 1
    await reader.stop()
    return rows


async def ends(address: str) -> dict[TopicPartition, int]:
    reader = AIOKafkaConsumer(bootstrap_servers=address)
    await reader.start()
    partitions = [TopicPartition(topic.name, 1) for topic in OUTPUTS]
    found: dict[TopicPartition, int] = await reader.end_offsets(partitions)
    await reader.stop()
    return found


def test_rows_and_offset_arrive_in_order_with_keys_headers_and_tombstones(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "order")
        allowed = [Row(b"a%d" % number, b"x" * 500) for number in range(2_000)]
        dead = [Row(None, b"{", [("reason", b"not_json")]), Row(b"k", None, [("reason", b"tombstone")])]
        await publisher.publish({ALLOW.name: allowed, DEAD.name: dead}, 2_002)
        await publisher.publish({ALLOW.name: [Row(b"last", b"y")], DEAD.name: []}, 2_003)
        rows = await committed_rows(delivery[1], start)
        found = [(row.key, row.value) for row in rows if row.topic == ALLOW.name]
        assert found == [(row.key, row.value) for row in [*allowed, Row(b"last", b"y")]]
        assert [(row.key, row.value, list(row.headers)) for row in rows if row.topic == DEAD.name] == [
            (row.key, row.value, row.headers) for row in dead
        ]
        assert await consumer.committed(SOURCE) == 2_003
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_row_near_the_topic_s_limit_fits(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "large")
        await publisher.publish({DEAD.name: [Row(b"large", b"x" * 1_048_000, [("reason", b"too_large")])]}, 1)
        sizes = [len(row.value) for row in await committed_rows(delivery[1], start) if row.key == b"large"]
        assert sizes == [1_048_000]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_row_that_the_brokers_refuse_commits_nothing(delivery: tuple[str, str]) -> None:
    if delivery[0] == "at_least_once":
        pytest.skip("the embedded broker refuses no row")

    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "refused")
        with pytest.raises(KafkaError):
            await publisher.publish({DEAD.name: [Row(b"k", b"v")], ALLOW.name: [Row(b"k", b"x" * 3_000_000)]}, 2)
        assert await committed_rows(delivery[1], start) == []
        assert await consumer.committed(SOURCE) is None
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_former_owner_publishes_and_commits_nothing(delivery: tuple[str, str]) -> None:
    if delivery[0] == "at_least_once":
        pytest.skip("only transactions can shut a former owner out")

    async def run() -> None:
        start = await ends(delivery[1])
        former, first = await open_publisher(delivery, "fenced")
        await former.publish({ALLOW.name: [Row(b"k", b"1")]}, 1)
        owner, second = await open_publisher(delivery, "fenced")
        with pytest.raises((ProducerFenced, KafkaError)):
            await former.publish({ALLOW.name: [Row(b"k", b"zombie")]}, 9)
        await owner.publish({ALLOW.name: [Row(b"k", b"2")]}, 2)
        assert [row.value for row in await committed_rows(delivery[1], start)] == [b"1", b"2"]
        assert await second.committed(SOURCE) == 2
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_a_broker_without_transactions_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def run(address: str) -> None:
        with pytest.raises(NoTransactions, match="SLUICEGATE_DELIVERY=at_least_once"):
            await start_publisher({"bootstrap_servers": address}, SOURCE, "group", None)

    service, address = start_broker(tmp_path)
    with TopicAdmin(address) as admin:
        admin.create(2, replication=1)
    asyncio.run(run(address))
    service.stop()
