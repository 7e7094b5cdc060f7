"""The feed of a run: which records it makes of a file, and where it sends them."""

from __future__ import annotations

from pathlib import Path

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from workers.live.feed import file_source, partition_of
from workers.live.watch import Seen


def test_a_line_is_keyed_by_its_author_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b'{"author":{"id":"a1"},"text":"x"}\r\n\n  \nnot json\n')
    assert [(payload.key, payload.value) for payload in file_source(file)] == [
        (b"a1", b'{"author":{"id":"a1"},"text":"x"}'),
        (None, b"not json"),
    ]


@given(st.binary(min_size=1), st.integers(1, 64))
def test_an_author_goes_where_kafka_s_own_partitioner_sends_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)


@given(st.permutations(range(5, 25)), st.lists(st.integers(0, 30)))
def test_each_offset_counts_once_whatever_the_order(order: list[int], repeats: list[int]) -> None:
    seen = Seen(5)
    first = [offset for offset in order if seen.add(offset)]
    assert first == order
    assert [offset for offset in repeats if offset < 25 and seen.add(offset)] == []
