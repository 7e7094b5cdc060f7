"""What a worker lacks is told when it begins, and not waited for."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from kafka.admin import KafkaAdminClient

from topics.admin import TopicAdmin
from topics.catalog import CAMPAIGNS, TOPICS
from workers.rights import LackingTopicsError, need_topics


def need(broker: str, *partitions: int) -> None:
    async def told() -> ClusterMetadata:
        client = AIOKafkaClient(bootstrap_servers=broker)
        await client.bootstrap()
        try:
            return await client.fetch_all_metadata()
        finally:
            await client.close()

    need_topics(asyncio.run(told()), partitions)


def test_a_topic_that_is_missing_is_named_with_the_command_that_creates_it(fresh_broker: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=fresh_broker)
    one = {"num_partitions": 1, "replication_factor": 1}
    client.create_topics({topic.name: one for topic in TOPICS if topic != CAMPAIGNS}, wait_for_metadata=True)
    client.close()
    with pytest.raises(LackingTopicsError, match=r"^no posts\.campaigns: `sluicegate topics create`"):
        need(fresh_broker, 0)
    with TopicAdmin(fresh_broker) as admin:
        admin.create(replication=1)
    need(fresh_broker, 0)


def test_outputs_with_fewer_partitions_than_posts_are_named(fresh_broker: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=fresh_broker)
    client.create_topics({"posts.flag": {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    client.close()
    with TopicAdmin(fresh_broker) as admin:
        admin.create(3, replication=1)
    need(fresh_broker, 0, 1)
    with pytest.raises(LackingTopicsError, match=r"^posts\.flag must have as many partitions as posts, at least 3"):
        need(fresh_broker, 1, 2)
