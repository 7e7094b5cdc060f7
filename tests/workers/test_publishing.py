"""Publishing: one suite for both deliveries, and what only exactly once can promise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from deploy import kafka
from deploy.embedded import start_broker
from topics.admin import TopicAdmin
from topics.catalog import ALLOW, CAMPAIGNS, DEAD, OUTPUTS, POSTS
from workers.publishing import (
    NoTransactions,
    Publisher,
    Row,
    commit_as_member,
    start_at_least_once,
    start_exactly_once,
)

SOURCE, OTHER = TopicPartition(POSTS.name, 1), TopicPartition(POSTS.name, 0)


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
    """A publisher for both partitions, and the group's consumer by which it commits."""
    consumer = AIOKafkaConsumer(bootstrap_servers=delivery[1], group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([SOURCE, OTHER])
    connection = {"bootstrap_servers": delivery[1]}
    if delivery[0] == "at_least_once":
        return await start_at_least_once(connection, POSTS.name, consumer.commit), consumer
    return await start_exactly_once(connection, POSTS.name, [0, 1], group, consumer.commit), consumer


async def publish(publisher: Publisher, rows: dict[int, dict[str, list[Row]]], ends: dict[int, int]) -> None:
    await publisher.begin(ends)
    await publisher.publish(rows)


async def committed(address: str, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
    await admin.close()
    return found


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
    partitions = [TopicPartition(topic.name, number) for topic in OUTPUTS for number in (0, 1)]
    partitions.append(TopicPartition(CAMPAIGNS.name, 0))
    found: dict[TopicPartition, int] = await reader.end_offsets(partitions)
    await reader.stop()
    return found


def test_rows_and_offset_arrive_in_order_with_keys_headers_and_tombstones(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "order")
        allowed = [Row(b"a%d" % number, b"x" * 500) for number in range(2_000)]
        dead = [Row(None, b"{", [("reason", b"not_json")]), Row(b"k", None, [("reason", b"tombstone")])]
        await publish(publisher, {1: {ALLOW.name: allowed, DEAD.name: dead}}, {1: 2_002})
        await publish(publisher, {1: {ALLOW.name: [Row(b"last", b"y")], DEAD.name: []}}, {1: 2_003})
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


def test_rows_go_to_the_partition_they_came_from_and_those_of_campaigns_to_one(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "places")
        outputs = [
            {ALLOW.name: [Row(b"k", b"%d" % number)], CAMPAIGNS.name: [Row(b"c", b"%d" % number)]} for number in (0, 1)
        ]
        await publish(publisher, dict(enumerate(outputs)), {0: 7, 1: 8})
        rows = await committed_rows(delivery[1], start)
        assert {(row.value, row.partition) for row in rows if row.topic == ALLOW.name} == {(b"0", 0), (b"1", 1)}
        told = [(row.value, row.partition) for row in rows if row.topic == CAMPAIGNS.name]
        assert told == [(b"0", 0), (b"1", 0)]
        assert [await consumer.committed(each) for each in (OTHER, SOURCE)] == [7, 8]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_row_near_the_topic_s_limit_fits(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "large")
        await publish(
            publisher, {1: {DEAD.name: [Row(b"large", b"x" * 1_048_000, [("reason", b"too_large")])]}}, {1: 1}
        )
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
        refused = {DEAD.name: [Row(b"k", b"v")], ALLOW.name: [Row(b"k", b"x" * 3_000_000)]}
        with pytest.raises(KafkaError):
            await publish(publisher, {0: {ALLOW.name: [Row(b"k", b"v")]}, 1: refused}, {0: 1, 1: 2})
        assert await committed_rows(delivery[1], start) == []
        assert [await consumer.committed(each) for each in (OTHER, SOURCE)] == [0, 0]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_batch_that_was_begun_and_never_decided_moves_no_offset(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "undecided")
        await publish(publisher, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        await publisher.begin({0: 5, 1: 9})
        await asyncio.sleep(0.5)
        await publisher.stop()
        assert {row.value for row in await committed_rows(delivery[1], start)} == {b"1"}
        assert [await consumer.committed(each) or 0 for each in (OTHER, SOURCE)] == [0, 1]
        await consumer.stop()

    asyncio.run(run())


@pytest.fixture
def kafka_only(delivery: tuple[str, str]) -> tuple[str, str]:
    if delivery[0] == "at_least_once":
        pytest.skip("only transactions can shut a former owner out")
    return delivery


def test_a_former_owner_publishes_and_commits_nothing(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "fenced")
        await publish(former, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        owner, second = await open_publisher(kafka_only, "fenced")
        with pytest.raises((ProducerFenced, KafkaError)):
            await publish(former, {1: {ALLOW.name: [Row(b"k", b"zombie")]}}, {1: 9})
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"2")]}}, {1: 2})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1", b"2"]
        assert await second.committed(SOURCE) == 2
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_an_owner_that_has_published_nothing_yet_is_shut_out_too(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "silent")
        owner, second = await open_publisher(kafka_only, "silent")
        with pytest.raises((ProducerFenced, KafkaError)):
            await publish(former, {0: {ALLOW.name: [Row(b"k", b"zombie")]}}, {0: 9})
        assert await committed_rows(kafka_only[1], start) == []
        assert await second.committed(OTHER) == 0
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_what_a_former_owner_left_open_is_undone_at_once(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "open")
        await publish(former, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        name = (await committed(kafka_only[1], "open"))[SOURCE].metadata
        await former.stop()
        producer = AIOKafkaProducer(bootstrap_servers=kafka_only[1], transactional_id=name)
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(ALLOW.name, b"open", partition=1)
        await producer.send_offsets_to_transaction({SOURCE: 9}, "open")
        owner, second = await open_publisher(kafka_only, "open")
        assert await second.committed(SOURCE) == 1
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"2")]}}, {1: 2})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1", b"2"]
        for each in (producer, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_what_a_former_owner_has_begun_is_undone_and_not_published(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "begun")
        await former.begin({1: 9})
        await asyncio.sleep(0.5)
        owner, second = await open_publisher(kafka_only, "begun")
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        with pytest.raises((ProducerFenced, KafkaError)):
            await former.publish({1: {ALLOW.name: [Row(b"k", b"zombie")]}})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1"]
        assert await second.committed(SOURCE) == 1
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_offsets_that_were_set_by_hand_are_where_the_next_owner_goes_on(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        former, first = await open_publisher(kafka_only, "by-hand")
        await first.commit({SOURCE: 5})
        owner, second = await open_publisher(kafka_only, "by-hand")
        assert await second.committed(SOURCE) == 5
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_whose_claim_the_group_refuses_gets_no_publisher_and_leaves_no_name(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        owner, consumer = await open_publisher(kafka_only, "members")
        before = await committed(kafka_only[1], "members")
        with pytest.raises(CommitFailedError):
            await start_exactly_once(
                {"bootstrap_servers": kafka_only[1]},
                POSTS.name,
                [1],
                "members",
                AsyncMock(side_effect=CommitFailedError),
            )
        assert await committed(kafka_only[1], "members") == before
        for each in (owner, consumer):
            await each.stop()

    asyncio.run(run())


async def open_members(address: str, group: str, *heartbeats_ms: int) -> list[AIOKafkaConsumer]:
    """Two members of a group with a partition each; the first leads."""
    members = []
    for heartbeat_ms in heartbeats_ms:
        consumer = AIOKafkaConsumer(
            POSTS.name,
            bootstrap_servers=address,
            group_id=group,
            enable_auto_commit=False,
            heartbeat_interval_ms=heartbeat_ms,
        )
        await consumer.start()
        members.append(consumer)
    await shared_out(members)
    return members


async def shared_out(members: list[AIOKafkaConsumer]) -> None:
    while any(len(each.assignment()) != 1 for each in members):  # noqa: ASYNC110 - aiokafka tells nobody
        await asyncio.sleep(0.05)


def own_claim(member: AIOKafkaConsumer) -> dict[TopicPartition, OffsetAndMetadata]:
    return {each: OffsetAndMetadata(0, "name") for each in member.assignment()}


def test_a_member_that_is_joining_again_claims_nothing_and_joins_once(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        # When the leader joins again, the group waits until the other's next heartbeat.
        quick, slow = members = await open_members(kafka_only[1], "joining", 100, 3_000)
        claim = own_claim(quick)
        await commit_as_member(quick, claim)
        before = quick._coordinator.generation
        quick._coordinator.request_rejoin()
        await asyncio.sleep(0.5)
        with pytest.raises(CommitFailedError):
            await commit_as_member(quick, claim)
        await asyncio.sleep(5)
        await shared_out(members)
        assert quick._coordinator.generation == before + 1
        await commit_as_member(quick, own_claim(quick))
        for each in (quick, slow):
            await each.stop()

    asyncio.run(run())


def test_partitions_that_are_another_member_s_are_not_claimed(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        first, second = await open_members(kafka_only[1], "others", 100, 100)
        await commit_as_member(first, own_claim(first))
        with pytest.raises(CommitFailedError):
            await commit_as_member(first, own_claim(second))
        for each in (first, second):
            await each.stop()

    asyncio.run(run())


def test_a_broker_without_transactions_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def run(address: str) -> None:
        with pytest.raises(NoTransactions, match="SLUICEGATE_DELIVERY=at_least_once"):
            await start_exactly_once({"bootstrap_servers": address}, POSTS.name, [1], "group", AsyncMock())

    service, address = start_broker(tmp_path)
    with TopicAdmin(address) as admin:
        admin.create(2, replication=1)
    asyncio.run(run(address))
    service.stop()
