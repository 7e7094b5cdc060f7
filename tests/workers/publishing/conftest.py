"""Brokers for both deliveries, publishers on them, and what readers find there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from deploy import kafka
from deploy.embedded import start_broker
from topics.admin import TopicAdmin
from topics.catalog import CAMPAIGNS, OUTPUTS, POSTS
from workers.publishing import Publisher, Row, start_at_least_once, start_exactly_once

SOURCE, OTHER = TopicPartition(POSTS.name, 1), TopicPartition(POSTS.name, 0)


@pytest.fixture(scope="package", params=["at_least_once", "exactly_once"])
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


@pytest.fixture
def kafka_only(delivery: tuple[str, str]) -> tuple[str, str]:
    if delivery[0] == "at_least_once":
        pytest.skip("only transactions can shut a former owner out")
    return delivery
