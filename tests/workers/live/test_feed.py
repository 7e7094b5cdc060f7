"""The feed of a run: which records it makes of a file, and where it sends them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from workers.live.feed import file_source, partition_of, simulator_source


def test_a_line_is_keyed_by_its_author_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b'{"author":{"id":"a1"},"text":"x"}\r\n\n  \nnot json\n')
    assert [(payload.key, payload.value) for payload in file_source(file)] == [
        (b"a1", b'{"author":{"id":"a1"},"text":"x"}'),
        (None, b"not json"),
    ]


def test_the_mark_that_windows_puts_before_a_file_is_no_part_of_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text('{"author":{"id":"a1"}}\n', "utf-8-sig")
    assert [payload.key for payload in file_source(file)] == [b"a1"]


@given(st.binary(min_size=1), st.integers(1, 64))
def test_an_author_goes_where_kafka_s_own_partitioner_sends_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)


@pytest.mark.parametrize("hour", range(0, 24, 4))
def test_a_stream_of_so_many_posts_lies_in_the_past_at_any_hour(hour: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_795_737_600 + hour * 3_600
    monkeypatch.setattr(time, "time", lambda: float(now))
    dates = re.findall(rb'"created_at":(1\d{12})', b"".join(line.value for line in simulator_source(1, 20_000)))
    assert len(dates) > 19_000
    assert max(map(int, dates)) < now * 1_000


def test_what_is_true_of_a_post_is_told_only_where_it_is_asked_for() -> None:
    assert all(line.truth for line in simulator_source(1, 100))
    assert not any(line.truth for line in simulator_source(1, 100, told=False))
