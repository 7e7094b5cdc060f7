"""Telling what comes again from what is new."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from topics.client.seen import SPAN, Seen

ARRIVED = 1_795_000_000_000


@st.composite
def attempts(draw: st.DrawFn) -> list[list[int]]:
    """Source offsets on a decision topic as workers write them at least once.

    Each batch is written in attempts of which all but the last fail: any of its rows may be missing from these.
    """
    written, start = [], 0
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.integers(1, 30))
        rows = [start + at for at in range(length) if draw(st.booleans())]
        for _ in range(draw(st.integers(0, 2))):
            written.append([row for row in rows if draw(st.booleans())])
        written.append(rows)
        start += length
    return written


@given(attempts(), st.randoms(use_true_random=False))
def test_each_is_new_once_whatever_failed_and_whenever_the_reader_restarts(
    written: list[list[int]], chance: random.Random
) -> None:
    seen, yielded = Seen(), []
    for attempt in written:
        for offset in attempt:
            arrived = ARRIVED + offset // 3
            if not seen.has(offset, arrived):
                yielded.append(offset)
                seen.add(offset, arrived)
            if chance.random() < 0.1:
                seen = Seen.read(seen.written())
    assert len(yielded) == len(set(yielded))
    assert set(yielded) == set().union(*written)


def test_a_worker_that_woke_up_late_repeats_what_is_far_back() -> None:
    seen = Seen()
    for offset in (5, 7, 5 + 3 * SPAN):
        seen.add(offset, ARRIVED + offset)
    assert seen.has(5, ARRIVED + 5)
    assert seen.has(7, ARRIVED + 7)
    assert not seen.has(6 + 3 * SPAN, ARRIVED + 6 + 3 * SPAN)


def test_where_posts_was_created_anew_the_same_offsets_are_new() -> None:
    seen = Seen()
    for offset in range(100):
        seen.add(offset, ARRIVED)
    for offset in range(50):
        assert not seen.has(offset, ARRIVED + 1)
        seen.add(offset, ARRIVED + 1)
    assert seen.has(49, ARRIVED + 1)
    assert not seen.has(50, ARRIVED + 1)


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.randoms(use_true_random=False))
def test_what_is_written_fits_beside_an_offset_and_is_read_again(
    newest: int, arrived: int, chance: random.Random
) -> None:
    seen = Seen(newest, arrived, chance.getrandbits(SPAN))
    assert len(seen.written()) <= 4_096
    again = Seen.read(seen.written())
    assert (again.newest, again.arrived, again.bits) == (seen.newest, seen.arrived, seen.bits)


@given(st.one_of(st.none(), st.text(), st.from_regex(r"-?[0-9]+ [0-9]+ [A-Za-z0-9+/]*={0,2}", fullmatch=True)))
def test_metadata_of_somebody_else_has_seen_nothing_or_is_read(text: str | None) -> None:
    assert Seen.read(text).bits >= 0
