"""What the brokers refuse a worker before it joins its group: aiokafka would wait for the right, and say nothing."""

from __future__ import annotations

import contextlib

from workers.connection import kafka_arguments
from workers.settings import Settings

CONNECT_MS = 5_000


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
