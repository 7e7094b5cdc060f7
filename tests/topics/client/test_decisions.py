"""What a reader of decisions is promised, on Apache Kafka."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from deploy.processes import free_port
from topics.client import ClientError, Decisions, Unreadable
from topics.client import log as client_log

pytestmark = pytest.mark.kafka

FLAGS = TopicPartition("posts.flag", 0)


def now() -> datetime:
    # What was written a moment ago is to lie before it.
    return datetime.now(UTC) + timedelta(milliseconds=50)


def take(decisions: Decisions, count: int) -> list[int]:
    """Source offsets of the next decisions, which are handled then."""
    offsets = [decision.source.offset for decision in islice(decisions, count)]
    decisions.commit()
    return offsets


def everything(desk: Any, **options: Any) -> list[Any]:
    with Decisions(desk.address, **options, until=now()) as decisions:
        return list(decisions)


def test_each_verdict_is_read_typed_and_in_the_order_of_the_posts(desk: Any) -> None:
    desk.write(desk.decision(0, "allow"), desk.decision(1, "flag"), desk.decision(2, "block"), desk.decision(3, "flag"))
    with Decisions(desk.address, "flag", "block", until=now()) as decisions:
        found = {decision.verdict: decision for decision in decisions}
        assert decisions.latest
    assert set(found) == {"flag", "block"}
    assert found["block"].rules[0].reason == "Too many posts in a minute"
    assert found["block"].post.author.name == "Lin"
    with Decisions(desk.address, "flag", until=now()) as decisions:
        assert [decision.source.offset for decision in decisions] == [1, 3]
        assert decisions.latest[:3] == ("posts.flag", 0, 1)
    assert [decision.post for decision in everything(desk) if decision.verdict == "allow"] == [None]


def test_only_committed_decisions_are_read(desk: Any) -> None:
    desk.write_in_transaction([desk.decision(1)], commit=False)
    desk.write_in_transaction([desk.decision(2)], commit=True)
    desk.write_in_transaction([desk.decision(3)], commit=False)
    assert [decision.source.offset for decision in everything(desk)] == [2]


def test_what_was_handled_is_not_read_again_and_what_was_not_is(desk: Any, group: str) -> None:
    desk.write(*(desk.decision(offset) for offset in range(6)))
    with Decisions(desk.address, group=group) as decisions:
        for decision in decisions:
            if decision.source.offset == 2:
                break
    with contextlib.suppress(RuntimeError), Decisions(desk.address, group=group) as decisions:
        for decision in decisions:
            assert decision.source.offset >= 2
            if decision.source.offset == 3:
                raise RuntimeError
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [3, 4]
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 1) == [5]


def test_a_loop_that_was_left_goes_on_with_its_own_decision_unless_that_was_committed(desk: Any, group: str) -> None:
    desk.write(*(desk.decision(offset) for offset in range(4)))
    with Decisions(desk.address, group=group) as decisions:
        for _ in decisions:
            break
        for decision in decisions:
            assert decision.source.offset == 0
            break
        decisions.commit()
        assert take(decisions, 3) == [1, 2, 3]


def test_two_groups_do_not_share(desk: Any, group: str) -> None:
    desk.write(desk.decision(0), desk.decision(1))
    for name in (group, f"{group}-other"):
        with Decisions(desk.address, group=name) as decisions:
            assert take(decisions, 2) == [0, 1]


def test_reading_begins_at_a_time_and_ends_at_one(desk: Any) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for hour in range(6):
        at = int((start + timedelta(hours=hour)).timestamp() * 1_000)
        desk.write(desk.decision(hour), desk.decision(hour, partition=1), at=at)
    since, until = start + timedelta(hours=2), start + timedelta(hours=4)
    found = everything(desk, since=since)
    assert sorted(decision.source.offset for decision in found) == [2, 2, 3, 3, 4, 4, 5, 5]
    with Decisions(desk.address, since=since, until=until) as decisions:
        assert sorted(decision.source.offset for decision in decisions) == [2, 2, 3, 3]
    assert everything(desk, since=now() + timedelta(hours=1)) == []


def test_a_clock_that_was_behind_hides_no_decision_of_the_time(desk: Any) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    at = int(start.timestamp() * 1_000)
    for offset, minutes in enumerate((1, 61, 59, 62, 120)):
        desk.write(desk.decision(offset), at=at + minutes * 60_000)
    for first, wanted in ((0, [0, 2]), (1, [1, 3])):
        since = start + timedelta(hours=first)
        with Decisions(desk.address, since=since, until=since + timedelta(hours=1)) as decisions:
            assert [decision.source.offset for decision in decisions] == wanted


def test_a_group_goes_on_where_it_ended_whatever_since_says(desk: Any, group: str) -> None:
    desk.write(desk.decision(0), desk.decision(1))
    with Decisions(desk.address, group=group, since=now() - timedelta(hours=1)) as decisions:
        assert take(decisions, 1) == [0]
    with Decisions(desk.address, group=group, since=now() + timedelta(hours=1)) as decisions:
        assert take(decisions, 1) == [1]


def test_filters_go_by_any_rule_that_fired(desk: Any) -> None:
    desk.write(desk.decision(0, rule="ad", category="marketing"), desk.decision(1, rule="flood"))
    desk.write(desk.decision(2, "block", rule="farm", category="link_farm"), desk.decision(3, "allow"))

    def found(**filters: Any) -> list[int]:
        return sorted(decision.source.offset for decision in everything(desk, **filters))

    assert found(category="marketing") == [0]
    assert found(category=["marketing", "link_farm"]) == [0, 2]
    assert found(rule="flood") == [1]
    assert found(rule="flood", category="marketing") == []


def test_the_decisions_on_a_post_or_an_account_can_be_asked_for(desk: Any) -> None:
    desk.write(*(desk.decision(offset) for offset in range(4)))
    one, other, *_ = everything(desk)
    assert [decision.id for decision in everything(desk, post=one.id)] == [one.id]
    assert [decision.id for decision in everything(desk, post=[one.id, other.id, "none"])] == [one.id, other.id]
    assert {decision.author for decision in everything(desk, author=other.author)} == {other.author}
    assert list(everything(desk, post=one.id, author="nobody")) == []


def test_what_is_no_decision_is_told_counted_and_passed(
    desk: Any, group: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.write(desk.decision(0))
    nonsense = [b"\xff", b"{", b"", b'{"id":"secret text"}', b"[" * 100_000]
    desk.write(*nonsense, topic="posts.flag", partition=0)
    desk.write(desk.decision(9))
    with caplog.at_level(logging.WARNING, "topics"), Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [0, 9]
        assert decisions.unreadable == len(nonsense)
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(":", 2)[1] for line in told] == [f"{at} is no decision" for at in range(1, 6)]
    assert "secret" not in caplog.text
    unreadable: list[Unreadable] = []
    with Decisions(desk.address, "flag", until=now(), on_unreadable=unreadable.append) as decisions:
        assert len(list(decisions)) == 2
    assert [each.value for each in unreadable] == nonsense
    assert unreadable[0].record[:3] == ("posts.flag", 0, 1)


def test_a_record_whose_callback_raised_is_not_passed(desk: Any, group: str) -> None:
    desk.write(b"{", topic="posts.flag", partition=0)
    desk.write(desk.decision(0))

    def refuse(unreadable: Unreadable) -> None:
        raise RuntimeError(str(unreadable))

    for _ in range(2):
        with (
            pytest.raises(RuntimeError, match=r"posts\.flag 0:0 is no decision"),
            Decisions(desk.address, group=group, on_unreadable=refuse) as decisions,
        ):
            next(decisions)
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 1) == [0]


def test_what_comes_again_is_dropped_over_restarts_too(desk: Any, group: str) -> None:
    batch = [desk.decision(offset) for offset in (3, 4, 8)]
    desk.write(batch[0], batch[2])
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [3, 8]
    # The first attempt left a hole: its second record was never written.
    desk.write(*batch, desk.decision(9))
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [4, 9]
        assert decisions.repeats == 2


def test_where_posts_was_created_anew_its_first_offsets_are_not_taken_for_repeats(desk: Any, group: str) -> None:
    desk.write(*(desk.decision(offset) for offset in range(5)))
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 5) == [0, 1, 2, 3, 4]
    desk.write(*(desk.decision(offset, arrived_at=1_795_100_000_000) for offset in range(2)))
    with Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [0, 1]


def test_what_was_deleted_before_it_was_read_is_told(desk: Any, group: str, caplog: pytest.LogCaptureFixture) -> None:
    desk.write(*(desk.decision(offset) for offset in range(5)))
    with Decisions(desk.address, group=group) as decisions:
        take(decisions, 1)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=desk.address)) as admin:
        admin.delete_records({FLAGS: 3})
    with caplog.at_level(logging.WARNING, "topics"), Decisions(desk.address, group=group) as decisions:
        assert take(decisions, 2) == [3, 4]
    assert "deleted before they were read" in caplog.text


def test_partitions_that_are_added_are_read_from_their_beginning(desk: Any) -> None:
    with Decisions(desk.address, "flag", metadata_max_age_ms=200, patience=20) as decisions:
        desk.write(desk.decision(0))
        assert take(decisions, 1) == [0]
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=desk.address)) as admin:
            admin.create_partitions({"posts.flag": 3})
        desk.write(desk.decision(7, partition=2))
        assert take(decisions, 1) == [7]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (["flagged"], {}, "'flagged' is no verdict: there are allow, flag, block"),
        ([], {"since": datetime(2026, 1, 1)}, "since needs a time zone"),
        ([], {"group": "g", "until": datetime.now(UTC)}, "has no `until`"),
        ([], {"isolation_level": "read_uncommitted"}, "the client sets isolation_level itself"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments: Any, options: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        Decisions("localhost:1", *arguments, **options)


def test_no_broker_and_no_topic_are_one_line(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=desk.address)) as admin:
        admin.delete_topics(["posts.block"])
    with pytest.raises(ClientError, match=r"posts\.block cannot be read: the cluster has no such topic") as none:
        Decisions(desk.address, "block")
    monkeypatch.setattr(client_log, "CONNECT_SECONDS", 1)
    with pytest.raises(ClientError, match="no Kafka broker answers at") as unreachable:
        Decisions(f"127.0.0.1:{free_port()}")
    for raised in (none, unreachable):
        assert "\n" not in str(raised.value)
