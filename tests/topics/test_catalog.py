"""What the catalog promises."""

from __future__ import annotations

import pytest

from topics.catalog import ALLOW, BLOCK, CAMPAIGNS, DEAD, FLAG, OUTPUTS, POSTS, TOPICS, Topic


def test_posts_come_in_and_an_answer_to_each_and_campaigns_go_out() -> None:
    assert OUTPUTS == (ALLOW, FLAG, BLOCK, DEAD)
    assert (POSTS, *OUTPUTS, CAMPAIGNS) == TOPICS
    assert [topic.name for topic in OUTPUTS] == ["posts.allow", "posts.flag", "posts.block", "posts.dead"]


def test_campaigns_are_compacted_and_lie_together_so_that_the_last_record_of_an_id_stands() -> None:
    assert (CAMPAIGNS.name, CAMPAIGNS.cleanup, CAMPAIGNS.partitions) == ("posts.campaigns", "compact", 1)


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
