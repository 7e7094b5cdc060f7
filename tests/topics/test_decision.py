"""Decisions as bytes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.decision import Decision, FiredRule, Source, Span, allow_lines, decode, encode
from topics.post import Author, Post

TIME = 1_764_000_000_000


def blocked() -> Decision:
    return Decision(
        id="p-1",
        author="a-1",
        verdict="block",
        category="spam",
        rules=[FiredRule("flood", "block", "spam", "Too many posts in a minute")],
        signals={"author_posts_1m": 40, "lang": None, "marketing": 0.5, "link_shortener": True, "ip": "192.0.2.7"},
        scores={"marketing": 0.5},
        spans=[Span("text", 0, 4, "marketing", 1.25)],
        policy="v1",
        models={"marketing": "1"},
        source=Source(3, 17),
        created_at=TIME,
        arrived_at=TIME + 5,
        post=Post(id="p-1", text="buy now", author=Author("a-1"), created_at=TIME),
    )


def test_a_decision_is_read_back_as_it_was_written() -> None:
    assert decode(encode(blocked())) == blocked()


def test_a_decision_carries_its_post_and_its_reasons() -> None:
    wire = msgspec.json.decode(encode(blocked()))
    assert wire["post"] == {"id": "p-1", "text": "buy now", "author": {"id": "a-1"}, "created_at": TIME}
    assert wire["rules"][0]["reason"] == "Too many posts in a minute"
    assert wire["signals"]["lang"] is None


def test_bytes_that_are_no_decision_raise_a_value_error() -> None:
    with pytest.raises(ValueError, match="verdict"):
        decode(b'{"id":"p-1","author":"a-1"}')


identifiers = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
times = st.integers(0, 2**62)
campaigns = st.none() | st.integers(0, 2**64 - 1).map("{:016x}".format)
rows = st.lists(st.tuples(identifiers, identifiers, st.integers(0, 2**62), times, times, campaigns), max_size=6)


@given(rows, st.integers(0, 2**31 - 1), identifiers, st.booleans())
def test_allow_lines_are_what_encoding_each_decision_gives(
    columns: list[tuple[str, str, int, int, int, str | None]], partition: int, policy: str, degraded: bool
) -> None:
    lines = allow_lines(
        [row[0] for row in columns],
        [row[1] for row in columns],
        partition=partition,
        offsets=np.array([row[2] for row in columns], np.int64),
        created_at=np.array([row[3] for row in columns], np.int64),
        arrived_at=np.array([row[4] for row in columns], np.int64),
        policy=policy,
        degraded=degraded,
        campaigns={row: campaign for row, (*_, campaign) in enumerate(columns) if campaign},
    )
    assert lines == [
        encode(
            Decision(
                id=identifier,
                author=author,
                verdict="allow",
                policy=policy,
                degraded=degraded,
                source=Source(partition, offset),
                created_at=created_at,
                arrived_at=arrived_at,
                campaign=campaign,
            )
        )
        for identifier, author, offset, created_at, arrived_at, campaign in columns
    ]


def test_an_allow_decision_stays_slim() -> None:
    (line,) = allow_lines(
        ["0123456789abcdef01234567"],
        ["76543210fedcba9876543210"],
        partition=127,
        offsets=np.array([10**12]),
        created_at=np.array([TIME]),
        arrived_at=np.array([TIME]),
        policy="2026-11-24.1",
        degraded=True,
    )
    assert len(line) < 250
