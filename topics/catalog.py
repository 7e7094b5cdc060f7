"""The topics Sluicegate reads and writes, declared once: what creates, checks or documents them asks here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from msgspec import Struct

from topics.campaign import Campaign
from topics.dead_letter import DeadLetter
from topics.decision import Decision
from topics.post import Post

MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic as it ought to be.

    `partitions` is how many it gets when nobody says otherwise. `max_message_bytes` bounds a batch of records
    as it is sent (after compression), and so one record too. `timestamp` says who dates a record: its
    producer, or the broker when it comes in.
    """

    name: str
    description: str
    message: type[Struct]
    key: str
    partitions: int = 12
    retention: timedelta
    cleanup: Literal["delete", "compact"] = "delete"
    max_message_bytes: int
    timestamp: Literal["CreateTime", "LogAppendTime"] = "CreateTime"

    @property
    def configs(self) -> dict[str, str]:
        """What is declared, in Kafka's own names for a topic's settings."""
        return {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": self.timestamp,
            "retention.ms": str(self.retention // timedelta(milliseconds=1)),
        }


POSTS: Final = Topic(
    name="posts",
    description="Posts as the platform sends them; what Sluicegate reads.",
    message=Post,
    key="author id",
    retention=timedelta(days=7),
    max_message_bytes=MIB,
    # A post's arrival bounds its event time, so it must not be the sender's to choose.
    timestamp="LogAppendTime",
)
ALLOW: Final = Topic(
    name="posts.allow",
    description="Decisions to let a post pass, without the post.",
    message=Decision,
    key="author id",
    retention=timedelta(days=7),
    max_message_bytes=MIB,
)
FLAG: Final = Topic(
    name="posts.flag",
    description="Decisions to divert a post to people, with the post.",
    message=Decision,
    key="author id",
    retention=timedelta(days=30),
    # The decision wraps the post, so what fits into `posts` must fit here with more around it.
    max_message_bytes=2 * MIB,
)
BLOCK: Final = Topic(
    name="posts.block",
    description="Decisions to stop a post, with the post.",
    message=Decision,
    key="author id",
    retention=timedelta(days=30),
    max_message_bytes=2 * MIB,
)
DEAD: Final = Topic(
    name="posts.dead",
    description="What came on `posts` and could not be decided: bytes untouched, the reason in the headers.",
    message=DeadLetter,
    key="the original key",
    retention=timedelta(days=30),
    max_message_bytes=2 * MIB,
)

CAMPAIGNS: Final = Topic(
    name="posts.campaigns",
    description="Campaigns as they are first told and as they grow; the last record of an id stands.",
    message=Campaign,
    key="campaign id",
    partitions=1,
    retention=timedelta(days=30),
    cleanup="compact",
    max_message_bytes=MIB,
)

OUTPUTS: Final = (ALLOW, FLAG, BLOCK, DEAD)
"""Each has at least as many partitions as `posts`: a decision goes to the number its post came from."""
TOPICS: Final = (POSTS, *OUTPUTS, CAMPAIGNS)
