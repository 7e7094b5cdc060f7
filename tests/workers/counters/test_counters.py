"""What a counter means, and what a redelivery reads, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from workers.batch import Part
from workers.counters import (
    MEMBERS_A_PANE,
    Counters,
    CounterSpec,
    Readings,
    StaleEpoch,
    Store,
)
from workers.counters.store import Applied, Redelivered, Request

Run = Callable[[Coroutine[Any, Any, Any]], Any]

POSTS = CounterSpec("posts", "count", "posts", "author", 60_000)
DAILY = CounterSpec("daily", "count", "posts", "author", 86_400_000)
CAMPAIGN = CounterSpec("campaign", "count", "posts", "campaign", 60_000)
AUTHORS = CounterSpec("authors", "distinct", "author", "fingerprint", 60_000)
PANE = 10_000
NOW = 1_700_000_040_000  # where a block of a minute begins


def apply(
    counters: Counters,
    offsets: Sequence[int],
    times: Sequence[int] | int = NOW,
    *,
    partition: int = 0,
    committed: int = 0,
    **keys: Sequence[Any],
) -> Coroutine[Any, Any, Readings]:
    """Posts of author 7, if no other key is given."""
    columns: Mapping[str, Any] = keys or {"author": [7] * len(offsets)}
    return counters.apply(
        [Part(partition, committed, 0, len(offsets))] if offsets else [],
        np.array(offsets, np.int64),
        np.full(len(offsets), times) if isinstance(times, int) else np.array(times, np.int64),
        {name: np.array(column, np.uint64) for name, column in columns.items()},
    )


def values(readings: Readings, name: str = "posts") -> list[int | None]:
    pairs = zip(readings.values[name].tolist(), readings.known[name].tolist(), strict=True)
    return [value if known else None for value, known in pairs]


def test_a_first_post_reads_one_and_a_batch_reads_its_own_earlier_posts(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    assert values(run(apply(counters, [0, 1, 2], author=[7, 8, 7]))) == [1, 1, 2]
    assert values(run(apply(counters, [3, 4], author=[7, 8]))) == [3, 2]


def test_a_post_without_the_key_reads_null_and_counts_nothing(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    assert values(run(apply(counters, [0, 1, 2], author=[0, 7, 0]))) == [None, 1, None]
    assert values(run(apply(counters, [3], author=[0]))) == [None]


def test_the_window_is_the_posts_own_pane_and_the_five_before(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    run(apply(counters, [0], NOW))
    assert values(run(apply(counters, [1], NOW + 6 * PANE - 1))) == [2]
    assert values(run(apply(counters, [2], NOW + 6 * PANE))) == [2]


def test_a_late_post_reads_the_window_of_its_own_time(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    run(apply(counters, [0, 1], [NOW, NOW + 3 * PANE]))
    assert values(run(apply(counters, [2, 3], [NOW + PANE, NOW + 3 * PANE]))) == [2, 4]


@pytest.mark.parametrize("strange", [0, -5, 2**53, NOW + 10**9])
def test_a_post_with_a_strange_date_leaves_the_others_readings_alone(store: Store, run: Run, strange: int) -> None:
    counters = Counters([POSTS], store)
    assert values(run(apply(counters, [0, 1, 2], [NOW, strange, NOW]))) == [1, 1, 2]
    assert values(run(apply(counters, [3, 4], [NOW, strange]))) == [3, 2]


def test_distinct_counts_members_once_and_leaves_out_posts_without_one(store: Store, run: Run) -> None:
    counters = Counters([AUTHORS], store)
    read = run(apply(counters, [0, 1, 2, 3], author=[0, 5, 5, 6], fingerprint=[1, 1, 1, 1]))
    assert values(read, "authors") == [0, 1, 1, 2]
    read = run(apply(counters, [4, 5, 6], author=[6, 0, 8], fingerprint=[1, 1, 1]))
    assert values(read, "authors") == [2, 2, 3]


@pytest.mark.parametrize("batch", [100, 700, 2 * MEMBERS_A_PANE])
def test_distinct_is_exact_up_to_its_limit_and_then_stays_there(store: Store, run: Run, batch: int) -> None:
    counters = Counters([AUTHORS], store)
    read: list[int | None] = []
    authors = np.arange(1, 2 * MEMBERS_A_PANE + 1)
    for first in range(0, len(authors), batch):
        chosen = authors[first : first + batch].tolist()
        offsets = range(first, first + len(chosen))
        read += values(run(apply(counters, offsets, author=chosen, fingerprint=[1] * len(chosen))), "authors")
    assert read == np.minimum(authors, MEMBERS_A_PANE).tolist()


def test_distinct_is_exact_again_when_the_full_pane_has_left_the_window(store: Store, run: Run) -> None:
    counters = Counters([AUTHORS], store)
    crowd = list(range(1, MEMBERS_A_PANE + 9))
    run(apply(counters, range(len(crowd)), author=crowd, fingerprint=[1] * len(crowd)))
    times = [NOW + 5 * PANE, NOW + 6 * PANE, NOW + 6 * PANE]
    read = run(apply(counters, [5_000, 5_001, 5_002], times, author=[1, 2, 1], fingerprint=[1] * 3))
    assert values(read, "authors") == [MEMBERS_A_PANE, 2, 2]


def test_a_renamed_counter_keeps_its_counts(store: Store, run: Run) -> None:
    run(apply(Counters([POSTS], store), [0]))
    renamed = CounterSpec("author_posts", "count", "posts", "author", 60_000)
    assert values(run(apply(Counters([renamed], store), [1])), "author_posts") == [2]


@pytest.mark.parametrize(("first", "stop"), [(2, 6), (2, 4), (0, 12), (5, 12), (0, 1), (9, 12), (3, 9)])
def test_a_redelivered_post_reads_what_it_read_whatever_the_bounds(
    store: Store, run: Run, first: int, stop: int
) -> None:
    counters = Counters([POSTS], store)
    for begin, end in ((0, 2), (2, 6), (6, 9)):
        run(apply(counters, range(begin, end)))
    again = run(apply(counters, range(first, stop)))
    assert values(again) == list(range(first + 1, stop + 1))
    assert (again.replayed, again.peeked) == (min(stop, 9) - min(first, 9), 0)
    assert values(run(apply(counters, [20]))) == [max(stop, 9) + 1]


def test_posts_whose_answer_was_lost_read_what_they_were_counted_as(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = store.apply

    async def asked_again(request: Request) -> Applied | Redelivered:
        await answer(request)
        return await answer(request)

    monkeypatch.setattr(store, "apply", asked_again)
    counters = Counters([POSTS], store)
    assert values(run(apply(counters, range(4)))) == [1, 2, 3, 4]
    assert values(run(apply(counters, range(2, 8)))) == [3, 4, 5, 6, 7, 8]
    assert values(run(apply(counters, [8]))) == [9]


def test_of_a_batch_each_partition_reads_its_own_be_it_new_redelivered_or_refused(
    store: Store, run: Run, refusing: Any
) -> None:
    counters = Counters([POSTS, AUTHORS], store)
    run(apply(counters, [0, 1], author=[1, 1], fingerprint=[1, 1]))
    run(apply(counters, [0, 1], partition=2, author=[4, 5], fingerprint=[3, 3]))
    parts = [Part(0, 0, 0, 2), Part(1, 0, 2, 4), Part(2, 0, 4, 6)]
    offsets, times = np.array([0, 1, 0, 1, 2, 3]), np.full(6, NOW)
    keys = {
        "author": np.array([1, 1, 2, 2, 3, 4], np.uint64),
        "fingerprint": np.array([1, 1, 2, 2, 3, 3], np.uint64),
    }
    with refusing(store, "apply", 1):
        read = run(counters.apply(parts, offsets, times, keys))
    assert values(read) == [1, 2, None, None, 1, 2]
    assert values(read, "authors") == [1, 1, None, None, 3, 3]
    assert (list(read.unread), read.replayed) == ([1], 2)
    again = run(counters.apply(parts, offsets, times, keys))
    assert values(again) == [1, 2, 1, 2, 1, 2]
    assert (list(again.unread), again.replayed) == ([], 4)


def test_a_redelivery_may_leave_posts_out(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    run(apply(counters, range(6)))
    assert values(run(apply(counters, [1, 4, 6]))) == [2, 5, 7]


def test_what_has_moved_on_meanwhile_does_not_show_in_a_redelivered_reading(store: Store, run: Run) -> None:
    counters = Counters([POSTS, AUTHORS], store)
    keys = {"author": [7, 8], "fingerprint": [1, 1]}
    read = run(apply(counters, [0, 1], **keys))
    run(apply(counters, [0, 1, 2], partition=1, author=[7, 8, 9], fingerprint=[1, 1, 1]))
    again = run(apply(counters, [0, 1], **keys))
    assert values(again) == values(read) == [1, 1]
    assert values(again, "authors") == values(read, "authors") == [1, 2]


def test_posts_set_back_behind_the_commit_read_the_present_and_are_not_counted_again(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    run(apply(counters, [0, 1]))
    run(apply(counters, [2, 3], committed=2))
    again = run(apply(counters, [0, 1, 2, 4], committed=0))
    assert values(again) == [4, 4, 3, 5]
    assert (again.replayed, again.peeked) == (1, 2)


def test_posts_set_back_to_when_nothing_is_kept_of_any_more_read_nothing(store: Store, run: Run) -> None:
    counters = Counters([POSTS, AUTHORS], store)
    keys = {"author": [7, 7, 8], "fingerprint": [9, 9, 9]}
    run(apply(counters, [0, 1, 2], **keys))
    run(apply(counters, [3], committed=3, author=[1], fingerprint=[1]))
    # As if what was counted had expired: it is read where none was.
    again = run(apply(counters, [0, 1, 2], NOW + 3_600_000, **keys))
    assert again.peeked == 3
    assert values(again) == values(again, "authors") == [0, 0, 0]


def test_a_counter_new_in_an_upgrade_is_null_for_redelivered_posts(store: Store, run: Run) -> None:
    run(apply(Counters([POSTS, CAMPAIGN], store), [0, 1], author=[7, 7], campaign=[1, 1]))
    upgraded = Counters([DAILY, POSTS], store)
    read = run(apply(upgraded, [1, 2]))
    assert values(read) == [2, 3]
    assert values(read, "daily") == [None, 1]


def test_a_former_owner_is_refused_and_counts_nothing(store: Store, run: Run) -> None:
    former, owner = Counters([POSTS], store), Counters([POSTS], store)
    run(former.claim([0]))
    run(apply(former, [0]))
    run(owner.claim([0]))
    with pytest.raises(StaleEpoch, match="epoch 1 is older than 2") as refused:
        run(apply(former, [1]))
    assert (refused.value.epoch, refused.value.newest) == (1, 2)
    assert values(run(apply(owner, [1]))) == [2]


def test_an_owner_that_did_not_claim_does_when_it_first_counts(store: Store, run: Run) -> None:
    former, owner = Counters([POSTS], store), Counters([POSTS], store)
    run(apply(former, [0]))
    assert run(apply(owner, [0])).replayed == 1
    with pytest.raises(StaleEpoch):
        run(apply(former, [1]))


def test_owners_of_other_partitions_and_sources_do_not_meet(store: Store, run: Run) -> None:
    counters, second = Counters([POSTS], store), Counters([POSTS], store)
    other = Counters([POSTS], store, source="group/other")
    run(apply(counters, [0]))
    assert values(run(apply(second, [0], partition=1))) == [2]
    assert values(run(apply(other, [0]))) == [3]
    assert values(run(apply(counters, [1]))) == [4]


def test_a_claim_gives_up_what_was_owned_before(store: Store, run: Run) -> None:
    first, second = Counters([POSTS], store), Counters([POSTS], store)
    run(first.claim([0, 1]))
    run(second.claim([1]))
    run(first.claim([0]))
    run(apply(second, [0], partition=1))
    assert values(run(apply(first, [0]))) == [2]


def test_a_store_that_knows_less_than_it_did_is_told_once(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)
    assert not run(apply(counters, [0])).lost
    assert not run(apply(counters, [1])).lost
    emptied = Counters([POSTS], store, source="as/emptied")
    emptied._epochs, emptied._applied = {0: 1}, {0: 1}
    assert run(apply(emptied, [2])).lost
    assert not run(apply(emptied, [3])).lost


def test_a_store_that_knows_nothing_of_a_partition_with_committed_offsets_is_told(store: Store, run: Run) -> None:
    assert run(apply(Counters([POSTS], store), [5], committed=5)).lost


def test_two_calls_at_once_for_a_partition_are_counted_in_their_order(store: Store, run: Run) -> None:
    counters = Counters([POSTS], store)

    async def both() -> list[Readings]:
        return await asyncio.gather(*(apply(counters, range(i * 100, i * 100 + 100)) for i in range(5)))

    read = [value for readings in run(both()) for value in values(readings)]
    assert read == list(range(1, 501))


def test_without_counters_or_without_posts_the_store_is_not_asked(run: Run) -> None:
    nobody: Any = object()
    readings = run(apply(Counters([], nobody), [0, 1]))
    assert (readings.values, readings.known) == ({}, {})
    assert run(apply(Counters([POSTS], nobody), [])).values["posts"].shape == (0,)


def test_times_and_keys_may_be_views_into_larger_columns(store: Store, run: Run) -> None:
    column = np.arange(20, dtype=np.uint64).reshape(10, 2)
    column[:, 1] = 7
    offsets = np.arange(0, 20, 2)
    readings = run(
        Counters([POSTS], store).apply([Part(0, 0, 0, 10)], offsets, np.full(10, NOW), {"author": column[:, 1]})
    )
    assert values(readings) == list(range(1, 11))
    again = run(
        Counters([POSTS], store).apply([Part(0, 0, 0, 10)], offsets, np.full(10, NOW), {"author": column[:, 1]})
    )
    assert values(again) == values(readings)
