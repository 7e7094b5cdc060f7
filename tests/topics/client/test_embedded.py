"""Reading the embedded broker, whose ends lie early, which does not find every time and keeps no metadata."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from topics.client import Decisions


def test_a_reader_sees_all_that_is_there_and_what_is_of_a_time(embedded: Any) -> None:
    times = []
    for start in (0, 10, 20):
        times.append(datetime.now(UTC))
        embedded.write_together([embedded.decision(start + number, partition=number % 2) for number in range(8)])
        time.sleep(0.1)
    with Decisions(embedded.address, until=datetime.now(UTC)) as decisions:
        assert len(list(decisions)) == 24
    with Decisions(embedded.address, since=times[1], until=times[2]) as decisions:
        assert sorted(decision.source.offset for decision in decisions) == list(range(10, 18))


def test_a_reader_goes_on_and_drops_what_comes_again(embedded: Any) -> None:
    batch = [embedded.decision(offset) for offset in (3, 8)]
    embedded.write_together(batch)
    with Decisions(embedded.address, "flag") as decisions:
        assert [decision.source.offset for decision in islice(decisions, 2)] == [3, 8]
        embedded.write_together([*batch, embedded.decision(9)])
        assert next(decisions).source.offset == 9
        assert decisions.repeats == 2
