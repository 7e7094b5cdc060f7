"""Creating and checking topics, on real brokers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from deploy.embedded import start_broker
from deploy.kafka import HOW_TO, fetched, start_kafka
from deploy.processes import free_port
from topics.admin import AdminError, TopicAdmin
from topics.catalog import CAMPAIGNS, OUTPUTS, TOPICS


@pytest.fixture(scope="module")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of an Apache Kafka broker."""
    if not fetched():
        pytest.skip(f"Apache Kafka is not here: {HOW_TO}")
    service, address = start_kafka(tmp_path_factory.mktemp("kafka"))
    yield address
    service.stop()


@pytest.fixture
def empty_kafka(apache_kafka: str) -> Iterator[str]:
    """`host:port` of an Apache Kafka broker without topics; those that a test makes are deleted after it."""
    yield apache_kafka
    client = KafkaAdminClient(bootstrap_servers=apache_kafka)
    if names := client.list_topics():
        client.delete_topics(names)
    deadline = time.monotonic() + 10
    while client.list_topics() and time.monotonic() < deadline:
        time.sleep(0.05)
    client.close()


@pytest.fixture
def empty_embedded(tmp_path: Path) -> Iterator[str]:
    """`host:port` of an embedded broker without topics."""
    service, address = start_broker(tmp_path)
    yield address
    service.stop()


@pytest.fixture(params=["empty_embedded", pytest.param("empty_kafka", marks=pytest.mark.kafka)])
def cluster(request: pytest.FixtureRequest) -> str:
    """`host:port` of a broker without topics."""
    address: str = request.getfixturevalue(request.param)
    return address


def test_topics_are_missing_then_created_then_as_declared(cluster: str) -> None:
    names = [topic.name for topic in TOPICS]
    with TopicAdmin(cluster) as admin:
        assert admin.describe() == {}
        assert admin.check().differences == [f"{name} is missing" for name in names]

        assert admin.create(partitions=3) == names
        assert admin.create(partitions=5) == []

        found = admin.describe()
        assert list(found) == names
        assert {name: state.partitions for name, state in found.items()} == {
            **dict.fromkeys(names, 3),
            CAMPAIGNS.name: 1,
        }
        assert {state.replication for state in found.values()} == {1}
        assert admin.check(partitions=3).differences == []
        assert admin.check(partitions=4).differences == ["posts has 3 partitions, fewer than 4"]


def test_outputs_get_as_many_partitions_as_posts_has(cluster: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=cluster)
    client.create_topics({"posts": {"num_partitions": 5, "replication_factor": 1}}, wait_for_metadata=True)
    client.close()
    with TopicAdmin(cluster) as admin:
        assert "posts" not in admin.create(partitions=2)
        assert {admin.describe()[topic.name].partitions for topic in OUTPUTS} == {5}


def test_what_differs_is_reported_and_left_as_it_is(cluster: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=cluster)
    client.create_topics(
        {
            "posts.flag": {
                "num_partitions": 2,
                "replication_factor": 1,
                "configs": {"max.message.bytes": "1000000"},
            }
        },
        wait_for_metadata=True,
    )
    client.close()
    with TopicAdmin(cluster) as admin:
        admin.create(partitions=4)
        for _ in range(2):
            differences = admin.check(partitions=4).differences
            assert "posts.flag has 2 partitions, fewer than the 4 of posts" in differences
            assert "posts.flag has max.message.bytes=1000000, declared is 2097152" in differences
            admin.create(partitions=4)


def test_what_the_broker_does_not_report_is_unknown_and_no_difference(empty_embedded: str) -> None:
    # The embedded broker reports only the configs that a topic was created with.
    client = KafkaAdminClient(bootstrap_servers=empty_embedded)
    client.create_topics({"posts": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    client.close()
    with TopicAdmin(empty_embedded) as admin:
        found = admin.check(partitions=1)
    assert [line for line in found.differences if line.startswith("posts ")] == []
    assert "posts: the broker does not report retention.ms" in found.unknown


def test_a_broker_that_does_not_answer_is_one_clear_line() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(AdminError) as raised:
        TopicAdmin(address, {"bootstrap_timeout_ms": 300})
    assert str(raised.value).startswith(f"no Kafka broker answers at {address}")
    assert "\n" not in str(raised.value)


@pytest.mark.kafka
def test_a_cluster_that_refuses_is_one_clear_line(empty_kafka: str) -> None:
    with TopicAdmin(empty_kafka) as admin, pytest.raises(AdminError, match="posts could not be created") as raised:
        admin.create(replication=3)
    assert "\n" not in str(raised.value)
