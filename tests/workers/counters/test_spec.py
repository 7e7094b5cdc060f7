from __future__ import annotations

import pytest

from workers.counters import CounterSpec, parse_window


@pytest.mark.parametrize(
    ("text", "window_ms"), [("1s", 1_000), ("30s", 30_000), ("1m", 60_000), ("6h", 21_600_000), ("7d", 604_800_000)]
)
def test_a_window_is_a_number_and_a_unit(text: str, window_ms: int) -> None:
    assert parse_window(text) == window_ms


@pytest.mark.parametrize("text", ["", "m", "10", "1.5m", "-1m", "1 m", "1M", "1w", "0s", "91d", "9999999999d", "٣m"])
def test_a_window_that_is_none_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        parse_window(text)


@pytest.mark.parametrize(
    ("kind", "of", "by", "window_ms", "message"),
    [
        ("sum", "posts", "author", 60_000, "count or distinct"),
        ("count", "author", "ip", 60_000, "did you mean distinct"),
        ("distinct", "posts", "ip", 60_000, "distinct counts one of"),
        ("distinct", "campaign", "ip", 60_000, "distinct counts one of"),
        ("count", "posts", "colour", 60_000, "by is one of"),
        ("distinct", "author", "author", 60_000, "always 1"),
        ("count", "posts", "author", 10, "between 1s and 90d"),
    ],
)
def test_a_counter_that_makes_no_sense_is_refused(kind: str, of: str, by: str, window_ms: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CounterSpec("c", kind, of, by, window_ms)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Posts", "1st", "a-b", "a b", "é", "x" * 65])
def test_a_counter_name_must_be_usable_in_sql(name: str) -> None:
    with pytest.raises(ValueError, match="a name is"):
        CounterSpec(name, "count", "posts", "author", 60_000)


def test_a_counter_is_known_by_what_it_counts() -> None:
    spec = CounterSpec("a", "count", "posts", "author", 60_000)
    assert spec.identity == CounterSpec("b", "count", "posts", "author", 60_000).identity
    assert spec.identity != CounterSpec("a", "count", "posts", "author", 120_000).identity
