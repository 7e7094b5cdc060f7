"""What a worker lacks on the brokers, a right or a topic: aiokafka would wait for it, and say nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from aiokafka.cluster import ClusterMetadata

from topics.catalog import OUTPUTS, TOPICS
from workers.connection import kafka_arguments
from workers.settings import Settings

CONNECT_MS = 5_000


class LackingTopicsError(Exception):
    """Topics that a worker reads or writes are missing, or have fewer partitions than `posts`."""


def need_topics(cluster: ClusterMetadata, partitions: Collection[int]) -> None:
    """Return if the topics that a worker needs are there, and outputs for each of these partitions of `posts`.

    cluster: all that this login may see. Brokers that create topics by themselves do so for those that are asked for.

    Raises LackingTopicsError; the text names them in a line.
    """
    counts = {name: len(cluster.partitions_for_topic(name)) for name in cluster.topics()}
    if missing := [topic.name for topic in TOPICS if topic.name not in counts]:
        raise LackingTopicsError(
            f"no {', '.join(missing)}: `sluicegate topics create` creates topics that the cluster lacks; "
            "or this login may not see them"
        )
    needed = max(partitions, default=-1) + 1
    small = [topic.name for topic in OUTPUTS if counts[topic.name] < needed]
    if small:
        raise LackingTopicsError(
            f"{', '.join(small)} must have as many partitions as posts, at least {needed}: "
            "`kafka-topics.sh --alter --partitions` adds them"
        )


def refused_group(settings: Settings) -> str | None:
    """Why the worker may not be in its group, as a line; None if it may, or if the brokers do not answer now."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import GroupAuthorizationFailedError, KafkaError

    # A listener without logins or certificates knows nobody to give rights to.
    if settings.kafka_protocol == "PLAINTEXT":
        return None
    with contextlib.suppress(KafkaError, OSError):
        try:
            admin = KafkaAdminClient(**kafka_arguments(settings), bootstrap_timeout_ms=CONNECT_MS)
            with contextlib.closing(admin):
                admin.describe_groups([settings.group])
        except GroupAuthorizationFailedError:
            return f"Kafka refuses the group {settings.group!r} to this login; `python -m deploy.acls` tells its rights"
    return None
