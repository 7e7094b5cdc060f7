"""Creating and checking topics, on real brokers."""

from __future__ import annotations

import pytest
from kafka.admin import KafkaAdminClient

from deploy.processes import free_port
from topics.admin import AdminError, TopicAdmin
from topics.catalog import CAMPAIGNS, OUTPUTS, TOPICS


@pytest.fixture(params=["empty_broker", pytest.param("empty_apache", marks=pytest.mark.kafka)])
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


def test_what_the_broker_does_not_report_is_unknown_and_no_difference(empty_broker: str) -> None:
    # The embedded broker reports only the configs that a topic was created with.
    client = KafkaAdminClient(bootstrap_servers=empty_broker)
    client.create_topics({"posts": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    client.close()
    with TopicAdmin(empty_broker) as admin:
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
def test_a_cluster_that_refuses_is_one_clear_line(empty_apache: str) -> None:
    with TopicAdmin(empty_apache) as admin, pytest.raises(AdminError, match="posts could not be created") as raised:
        admin.create(replication=3)
    assert "\n" not in str(raised.value)
