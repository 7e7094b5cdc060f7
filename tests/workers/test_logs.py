"""What libraries tell: repeated lines now and then, with their number; errors of Kafka in a line."""

from __future__ import annotations

import logging

from aiokafka.errors import GroupAuthorizationFailedError

from workers.ending import WithoutTrace
from workers.logs import REPEAT_SECONDS, Repeats

AWAY = "Unable connect to %s"


def told(repeats: Repeats, name: str = "aiokafka", level: int = logging.ERROR, broker: str = "a:1") -> str | None:
    """What becomes of a line; None if it is held back."""
    record = logging.LogRecord(name, level, __file__, 1, AWAY, (broker,), None)
    return record.getMessage() if repeats.filter(record) else None


def test_a_line_of_a_client_is_held_back_for_a_while_and_then_told_with_its_number() -> None:
    now = 0.0
    repeats = Repeats(lambda: now)
    assert [told(repeats) for _ in range(4)] == ["Unable connect to a:1", None, None, None]
    now = REPEAT_SECONDS
    assert told(repeats) == "Unable connect to a:1 (3 times more since this was told last)"
    now = 2 * REPEAT_SECONDS
    assert told(repeats) == "Unable connect to a:1"


def test_what_differs_is_told_each_time() -> None:
    repeats = Repeats(lambda: 0.0)
    assert told(repeats, broker="a:1") != told(repeats, broker="b:1")
    assert told(repeats, name="aiokafka.conn", broker="a:1")


def test_lines_of_ours_and_those_for_debugging_are_all_told() -> None:
    repeats = Repeats(lambda: 0.0)
    assert all(told(repeats, name="workers.app") for _ in range(3))
    assert all(told(repeats, level=logging.DEBUG) for _ in range(3))


def test_an_error_of_kafka_is_told_in_a_line() -> None:
    error = GroupAuthorizationFailedError("moderators")
    record = logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, "Unexpected", (), (type(error), error, None))
    WithoutTrace().filter(record)
    assert record.getMessage() == f"Unexpected: {error}"
    assert record.exc_info is None
