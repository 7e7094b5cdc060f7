"""Services that tests share. Each is started on a free port when first asked for, and ended with the run."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from deploy import kafka
from deploy.embedded import start_broker, start_valkey
from topics.admin import TopicAdmin
from topics.catalog import TOPICS
from topics.decision import Decision, FiredRule, Source, encode
from topics.post import Author, Post
from workers.settings import PREFIX

PARTITIONS = 2
NOW = 1_795_000_000_000


def make_decision(offset: int, verdict: Any = "flag", partition: int = 0, **fields: Any) -> Decision:
    """The decision on the post at that place of `posts`. `rule` and `category` are of the rule that fired."""
    rule = FiredRule(fields.pop("rule", "flood"), verdict, fields.pop("category", "spam"), "Too many posts in a minute")
    told: dict[str, Any] = {
        "id": f"p-{partition}-{offset}",
        "author": f"a-{partition}",
        "verdict": verdict,
        "policy": "v1",
        "source": Source(partition, offset),
        "created_at": NOW,
        "arrived_at": NOW + offset,
    }
    if verdict != "allow":
        post = Post(told["id"], "good morning from the harbour", Author(told["author"], "Lin"), NOW)
        told |= {"category": rule.category, "rules": [rule], "post": post}
    return Decision(**told | fields)


class Desk:
    """A broker with the topics."""

    decision = staticmethod(make_decision)

    def __init__(self, address: str) -> None:
        self.address = address

    def write(self, *decisions: Decision | bytes, at: int | None = None, **place: Any) -> None:
        """Write decisions, each to the partition of its source; bytes to the `topic` and `partition` named."""
        with contextlib.closing(KafkaProducer(bootstrap_servers=self.address, acks="all")) as producer:
            self._send(producer, decisions, at, **place)

    def write_together(self, decisions: Sequence[Decision], at: int | None = None) -> None:
        """Write decisions as a worker does, several to a record batch."""
        arguments = {"bootstrap_servers": self.address, "acks": "all", "enable_idempotence": False}
        with contextlib.closing(KafkaProducer(**arguments, linger_ms=500)) as producer:
            for each in decisions:
                place = each.source.partition
                producer.send(f"posts.{each.verdict}", encode(each), partition=place, timestamp_ms=at)
            producer.flush()

    def write_in_transaction(self, decisions: Sequence[Decision], commit: bool) -> None:
        """Write decisions in a transaction of their own."""
        with contextlib.closing(
            KafkaProducer(bootstrap_servers=self.address, acks="all", transactional_id="a-worker")
        ) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            self._send(producer, decisions, None)
            (producer.commit_transaction if commit else producer.abort_transaction)()

    def _send(self, producer: Any, decisions: Sequence[Decision | bytes], at: int | None, **place: Any) -> None:
        for decision in decisions:
            if isinstance(decision, bytes):
                topic, partition, value = place["topic"], place["partition"], decision
            else:
                topic, partition = f"posts.{decision.verdict}", decision.source.partition
                value = encode(decision)
            producer.send(topic, value, partition=partition, timestamp_ms=at).get(30)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of an embedded broker."""
    service, address = start_broker(tmp_path_factory.mktemp("broker"))
    yield address
    service.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`redis://` URL of an embedded Valkey."""
    service, url = start_valkey(tmp_path_factory.mktemp("valkey"))
    yield url
    service.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def fresh_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """`host:port` of a broker of the test's own: first the embedded one, then Apache Kafka where it was fetched."""
    if request.param == "kafka" and not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    start = start_broker if request.param == "embedded" else kafka.start_kafka
    service, address = start(tmp_path)
    yield address
    service.stop(10)


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of Apache Kafka."""
    if not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    # Readers that are killed should soon be missed.
    cluster = kafka.Cluster(tmp_path_factory.mktemp("kafka"), settings={"group.min.session.timeout.ms": 500})
    cluster.start()
    yield cluster.address
    cluster.stop()


@pytest.fixture
def empty_apache(apache: str) -> str:
    """`host:port` of Apache Kafka without topics."""
    names = {topic.name for topic in TOPICS}
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=apache)) as admin:
        if present := names & set(admin.list_topics()):
            admin.delete_topics(list(present))
        # A topic that is being deleted is there for a moment more.
        while names & set(admin.list_topics()):
            time.sleep(0.05)
    return apache


@pytest.fixture
def empty_broker(tmp_path: Path) -> Iterator[str]:
    """`host:port` of an embedded broker of the test's own, without topics."""
    service, address = start_broker(tmp_path)
    yield address
    service.stop()


def desk_at(address: str) -> Desk:
    """A broker once the topics, of which it has none, are created."""
    with TopicAdmin(address) as topics:
        topics.create(PARTITIONS, replication=1)
    return Desk(address)


@pytest.fixture
def desk(empty_apache: str) -> Desk:
    """Apache Kafka with empty topics."""
    return desk_at(empty_apache)


@pytest.fixture
def embedded(empty_broker: str) -> Desk:
    """The embedded broker, with empty topics."""
    return desk_at(empty_broker)


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process forgets settings of Sluicegate's while the test runs."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def group() -> str:
    """A consumer group of the test's own."""
    return f"desk-{uuid.uuid4().hex}"


@pytest.fixture
def make_desk() -> type[Desk]:
    """Makes a desk of the address of a broker that has the topics."""
    return Desk
