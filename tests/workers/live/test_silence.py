"""What a run does where posts wait and nothing decides them."""

from __future__ import annotations

import pytest

from deploy.processes import ServiceError
from workers.live.silence import LONGEST_SECONDS, TOLD_SECONDS, Silence
from workers.live.stack import Stack

WAY_OUT = "Start a worker"


def silence() -> tuple[Silence, list[str]]:
    """A silence that is looked at a second a time, and what it says."""
    said: list[str] = []
    return Silence(said.append, WAY_OUT), said


def test_a_silence_is_told_once_with_the_way_out() -> None:
    watched, said = silence()
    for _ in range(int(TOLD_SECONDS) + 10):
        watched.look(300, 0, 1.0)
    assert said == [f"no verdict for {TOLD_SECONDS:.0f} s, 300 posts wait. {WAY_OUT}"]


def test_a_silence_that_lasts_ends_the_run() -> None:
    watched, _ = silence()
    watched.look(300, 0, LONGEST_SECONDS - 1)
    with pytest.raises(ServiceError, match=f"300 posts wait. {WAY_OUT}"):
        watched.look(300, 0, 1.0)


def test_whatever_is_decided_breaks_a_silence() -> None:
    watched, said = silence()
    for heard in range(3 * int(LONGEST_SECONDS)):
        watched.look(300, heard // 2, 1.0)
    assert said == []


def test_where_nothing_waits_there_is_no_silence() -> None:
    watched, said = silence()
    for _ in range(3 * int(LONGEST_SECONDS)):
        watched.look(0, 7, 1.0)
    assert said == []


def test_with_no_workers_of_its_own_a_run_says_how_to_start_one() -> None:
    with Stack("broker.example:9092", None, 0, {}) as stack:
        assert "`sluicegate worker --kafka broker.example:9092 " in stack.way_out
