"""What the catalog promises."""

from __future__ import annotations

import pytest

from topics.catalog import ALLOW, BLOCK, DEAD, FLAG, OUTPUTS, POSTS, TOPICS, Topic


def test_posts_come_in_and_four_kinds_of_output_go_out() -> None:
    assert [topic.name for topic in TOPICS] == ["posts", "posts.allow", "posts.flag", "posts.block", "posts.dead"]
    assert OUTPUTS == (ALLOW, FLAG, BLOCK, DEAD)


def test_outputs_have_as_many_partitions_as_posts() -> None:
    assert {topic.partitions for topic in OUTPUTS} == {POSTS.partitions}


@pytest.mark.parametrize("topic", [FLAG, BLOCK, DEAD], ids=lambda topic: topic.name)
def test_what_carries_a_post_takes_larger_messages_than_posts(topic: Topic) -> None:
    assert topic.max_message_bytes > POSTS.max_message_bytes


def test_a_topic_says_its_settings_as_kafka_does() -> None:
    assert POSTS.configs == {
        "cleanup.policy": "delete",
        "max.message.bytes": "1048576",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": "604800000",
    }
