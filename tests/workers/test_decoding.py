"""From what was fetched to a batch: which rows are of which partition, and up to where all is done with them."""

from __future__ import annotations

from typing import Any

from workers.batch import Part
from workers.decoding import decode, ends_of, joined


def test_what_was_fetched_later_comes_behind_what_was_fetched_before(record: Any) -> None:
    records = [record(offset, b"{}") for offset in range(5)]
    fetch = joined({0: records[:2], 1: records[2:3]}, {2: records[3:4], 0: records[4:]})
    assert fetch == {0: [records[0], records[1], records[4]], 1: [records[2]], 2: [records[3]]}


def test_a_fetch_ends_behind_the_last_record_of_each_partition_post_or_not(record: Any, post_bytes: Any) -> None:
    fetch = {3: [record(5, post_bytes(5)), record(9, b"{")], 0: [record(0, None)]}
    assert ends_of(fetch) == {3: 10, 0: 1}


def test_parts_are_of_the_partitions_with_posts_and_leave_out_what_is_none(record: Any, post_bytes: Any) -> None:
    fetch = {
        0: [record(7, b"{")],
        2: [record(1, b"{"), record(2, post_bytes(2)), record(3, None), record(5, post_bytes(5))],
        1: [record(8, post_bytes(8))],
    }
    batch, dead = decode(fetch, {0: 7, 1: 6, 2: 1})
    assert batch.parts == (Part(2, 1, 0, 2), Part(1, 6, 2, 3))
    assert batch.offsets.tolist() == [2, 5, 8]
    assert {partition: len(letters) for partition, letters in dead.items()} == {0: 1, 2: 2, 1: 0}
