"""Dead letters as records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.dead_letter import MAX_DETAIL, DeadLetter, replay_note, replayed_offset


@given(
    value=st.none() | st.binary(max_size=20) | st.just(b"null"),
    key=st.none() | st.binary(max_size=20),
    detail=st.text(st.characters(codec="utf-8"), max_size=40),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
)
def test_a_dead_letter_is_read_back_as_it_was_written(
    value: bytes | None, key: bytes | None, detail: str, partition: int, offset: int
) -> None:
    letter = DeadLetter(value, key, "schema", detail, "posts", partition, offset)
    assert DeadLetter.from_record(value, key, letter.to_headers()) == letter


def test_headers_are_text_that_a_console_shows() -> None:
    letter = DeadLetter(b"{", b"a-1", "not_json", "the value is not JSON: it breaks off", "posts", 3, 17)
    assert letter.to_headers() == [
        ("reason", b"not_json"),
        ("detail", b"the value is not JSON: it breaks off"),
        ("source_topic", b"posts"),
        ("source_partition", b"3"),
        ("source_offset", b"17"),
    ]


def test_a_detail_that_is_too_long_or_not_encodable_still_becomes_a_header() -> None:
    letter = DeadLetter(b"{", None, "step_failed", "\ud800" * 2_000, "posts", 0, 0)
    assert DeadLetter.from_record(b"{", None, letter.to_headers()).detail == "?" * MAX_DETAIL


def test_headers_of_others_are_passed_over() -> None:
    letter = DeadLetter(b"{", None, "not_json", "it breaks off", "posts", 0, 0)
    headers = [("trace", b"\x00"), ("empty", None), *letter.to_headers()]
    assert DeadLetter.from_record(b"{", None, headers) == letter


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("reason", None)],
        [("reason", b"\xff")],
        DeadLetter(b"", None, "schema", "", "posts", 0, 0).to_headers()[:-1],
        [*DeadLetter(b"", None, "schema", "", "posts", 0, 0).to_headers(), ("reason", b"mood")],
        [*DeadLetter(b"", None, "schema", "", "posts", 0, 0).to_headers(), ("source_offset", b"-1")],
    ],
)
def test_a_record_without_proper_headers_raises_a_value_error(headers: list[tuple[str, bytes | None]]) -> None:
    with pytest.raises(ValueError, match=r"."):
        DeadLetter.from_record(b"{", None, headers)


def test_the_note_of_a_replay_names_an_offset_and_is_no_dead_letter() -> None:
    note = replay_note(17)
    assert replayed_offset(note) == 17
    with pytest.raises(ValueError, match="reason"):
        DeadLetter.from_record(None, b"a-1", note)
    assert replayed_offset(DeadLetter(b"", None, "schema", "", "posts", 0, 0).to_headers()) is None


@pytest.mark.parametrize("written", [None, b"", b"-1", b"1.0", b"9" * 5_000, b"\xff", "\u0661".encode()])
def test_a_note_that_names_no_offset_is_none(written: bytes | None) -> None:
    assert replayed_offset([("replayed", written)]) is None
