"""Readers of decisions over encrypted and authenticated connections, each with the least rights."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from topics.client import ClientError, Decisions
from topics.decision import Decision, Source, encode

pytestmark = pytest.mark.kafka


def test_trust_and_safety_reads_with_its_own_rights_and_nothing_else(cluster: Any, parties: Any) -> None:
    wanted = {f"{uuid.uuid4()}" for _ in range(2)}
    made = [
        Decision(id=name, author="a", verdict="flag", policy="v1", source=Source(9, 0), created_at=10**12, arrived_at=0)
        for name in wanted
    ]
    parties.send("admin", "posts.flag", [encode(decision) for decision in made])
    connection = cluster.arguments("trust-and-safety")
    kafka = connection.pop("bootstrap_servers")
    with Decisions(kafka, "flag", "block", group="trust-and-safety", **connection) as decisions:
        while wanted:
            wanted -= {next(decisions).id}
    with pytest.raises(ClientError, match=r"posts\.allow cannot be read: .* or this user may not see it"):
        Decisions(kafka, "allow", **connection)
    with Decisions(kafka, "flag", group="platform", **connection) as decisions:
        with pytest.raises(ClientError, match="GroupAuthorizationFailed") as refused:
            next(decisions)
        assert "\n" not in str(refused.value)


def test_a_wrong_password_is_told_and_not_repeated(cluster: Any) -> None:
    connection = cluster.arguments("trust-and-safety") | {"sasl_plain_password": "pw-is-wrong"}
    kafka = connection.pop("bootstrap_servers")
    with pytest.raises(ClientError) as refused:
        Decisions(kafka, "flag", **connection)
    assert "\n" not in str(refused.value)
    assert "pw-is-wrong" not in str(refused.value)
