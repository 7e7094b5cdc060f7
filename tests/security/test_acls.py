"""With the rights that deploy/acls.py gives, each party may do its part and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePatternFilter
from kafka.admin import ACLResourcePatternType as PatternType
from kafka.admin import ResourceType as Kind
from secured.rights import printed_commands

from deploy import acls
from topics.catalog import TOPICS
from workers.replaying import TRANSACTIONAL_ID

VERDICTS = ("posts.allow", "posts.flag", "posts.block")
EVERY = ("posts", *VERDICTS, "posts.dead", "posts.campaigns")
MAY_WRITE = {
    "worker": {*VERDICTS, "posts.dead", "posts.campaigns"},
    "platform": {"posts"},
    "trust-and-safety": set(),
    "operator": {"posts", "posts.dead"},
}
MAY_READ = {
    "worker": {"posts"},
    "platform": set(VERDICTS),
    "trust-and-safety": {"posts.flag", "posts.block", "posts.dead", "posts.campaigns"},
    "operator": {"posts.dead"},
}
GROUPS = {"worker": "sluicegate", "platform": "platform", "trust-and-safety": "trust-and-safety", "operator": None}


def test_the_commands_name_the_topics_and_transactions_that_there_are() -> None:
    assert {acls.POSTS, *acls.VERDICTS, acls.DEAD, acls.CAMPAIGNS} == {topic.name for topic in TOPICS}
    assert acls.REPLAY == TRANSACTIONAL_ID


def test_principals_and_groups_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    acls.main(["--worker", "User:CN=worker one", "--group", "eu"])
    printed = capsys.readouterr().out
    assert "--allow-principal 'User:CN=worker one' --operation Read --group eu\n" in printed
    assert "--operation Write --transactional-id eu-posts- --resource-pattern-type prefixed\n" in printed
    assert "--group sluicegate" not in printed


@pytest.mark.kafka
def test_no_other_rights_are_on_the_broker(cluster: Any) -> None:
    everything = ACLFilter(
        None, None, ACLOperation.ANY, ACLPermissionType.ANY, ResourcePatternFilter(Kind.ANY, None, PatternType.ANY)
    )
    with contextlib.closing(KafkaAdminClient(**cluster.arguments("admin"))) as admin:
        found, _ = admin.describe_acls(everything)
    assert len(found) == sum(command.count("--operation") for command in printed_commands())


async def write(party: str, topics: tuple[str, ...], cluster: Any) -> set[str]:
    """The topics on which a party could write."""
    taken = set()
    async with AIOKafkaProducer(**cluster.arguments(party), acks="all") as producer:
        for topic in topics:
            with contextlib.suppress(TopicAuthorizationFailedError):
                await producer.send_and_wait(topic, b'{"id":"nobody"}', b"nobody", 0)
                taken.add(topic)
    return taken


@pytest.mark.kafka
@pytest.mark.parametrize("party", MAY_WRITE)
def test_each_party_writes_what_it_may_and_nothing_else(party: str, cluster: Any) -> None:
    assert asyncio.run(write(party, EVERY, cluster)) == MAY_WRITE[party]


@pytest.mark.kafka
@pytest.mark.parametrize("party", MAY_READ)
def test_each_party_reads_what_it_may_and_nothing_else(party: str, cluster: Any) -> None:
    async def read(topic: str) -> bool:
        # There is a record on each. Of a topic that is hidden from a party, aiokafka only waits to learn more.
        patience_ms = 20_000 if topic in MAY_READ[party] else 2_000
        async with AIOKafkaConsumer(**cluster.arguments(party), auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            try:
                return bool(await consumer.getmany(timeout_ms=patience_ms))
            except TopicAuthorizationFailedError:
                return False

    async def everything() -> set[str]:
        answers = await asyncio.gather(*map(read, EVERY))
        return {topic for topic, answer in zip(EVERY, answers, strict=True) if answer}

    asyncio.run(write("admin", EVERY, cluster))
    assert asyncio.run(everything()) == MAY_READ[party]


@pytest.mark.kafka
@pytest.mark.parametrize("party", GROUPS)
def test_each_party_sees_the_offsets_of_its_own_group_and_no_other(party: str, cluster: Any) -> None:
    topic = min(MAY_READ[party])

    async def committed(group: str) -> bool:
        arguments = cluster.arguments(party) | {"group_id": group, "enable_auto_commit": False}
        async with AIOKafkaConsumer(**arguments) as consumer:
            try:
                await asyncio.wait_for(consumer.committed(TopicPartition(topic, 0)), 20)
            except GroupAuthorizationFailedError:
                return False
        return True

    groups = [group for group in GROUPS.values() if group]
    assert [group for group in groups if asyncio.run(committed(group))] == [
        group for group in groups if group == GROUPS[party]
    ]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("party", "name", "allowed"),
    [
        ("worker", "sluicegate-posts-7", True),
        ("worker", "sluicegate-other", False),
        ("platform", "sluicegate-posts-7", False),
        ("trust-and-safety", "sluicegate-posts-7", False),
    ],
)
def test_only_workers_may_take_the_transactions_of_their_group(
    party: str, name: str, allowed: bool, cluster: Any
) -> None:
    async def begin() -> None:
        producer = AIOKafkaProducer(**cluster.arguments(party), transactional_id=name)
        try:
            await asyncio.wait_for(producer.start(), 20)
        finally:
            await producer.stop()

    if allowed:
        asyncio.run(begin())
    else:
        with pytest.raises(TransactionalIdAuthorizationFailed):
            asyncio.run(begin())


@pytest.mark.kafka
@pytest.mark.parametrize("party", ["worker", "platform", "trust-and-safety"])
def test_only_an_operator_creates_topics(party: str, cluster: Any) -> None:
    with contextlib.closing(KafkaAdminClient(**cluster.arguments("admin"))) as admin:
        before = set(admin.list_topics())
        with contextlib.closing(KafkaAdminClient(**cluster.arguments(party))) as other:
            answer = other.create_topics({"posts.other": {"num_partitions": 1}}, raise_errors=False)
        assert [topic["error_code"] for topic in answer["topics"]] == [TopicAuthorizationFailedError.errno]
        assert set(admin.list_topics()) == before


@pytest.mark.kafka
def test_with_just_these_rights_posts_are_decided_and_dead_letters_read_and_replayed(
    cluster: Any, parties: Any, start_redis: Any, start_worker: Any, posts: Any, environment: dict[str, str]
) -> None:
    start_worker(cluster.login("worker") | start_redis().login())
    sent = posts("rights")
    marker = f"not JSON {time.time()}".encode()
    parties.send("platform", "posts", [*sent.values(), marker])
    parties.read("platform", VERDICTS, set(sent))

    async def dead() -> set[bytes]:
        found: set[bytes] = set()
        arguments = cluster.arguments("trust-and-safety") | {"group_id": "trust-and-safety"}
        async with AIOKafkaConsumer("posts.dead", **arguments, auto_offset_reset="earliest") as consumer:
            while marker not in found:
                found |= {
                    record.value for batch in (await consumer.getmany(timeout_ms=300)).values() for record in batch
                }
            await consumer.commit()
        return found

    assert marker in asyncio.run(asyncio.wait_for(dead(), 30))
    for words in (["list"], ["replay", "--all", "--yes"]):
        command = [sys.executable, "-m", "workers", "dead", *words]
        login = environment | cluster.login("operator")
        done = subprocess.run(command, env=login, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        assert cluster.passwords["operator"] not in done.stderr + done.stdout
