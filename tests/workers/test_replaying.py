"""Dead letters are replayed in portions, so that a transaction and what is held of it are bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.dead_letter import DeadLetter
from topics.dead_topic import Stored
from workers import replaying


def dead(offset: int, value: bytes | None) -> tuple[Stored, DeadLetter]:
    letter = DeadLetter(value, b"a", "not_json", "", "posts", 0, offset)
    return Stored(0, offset, 0, letter.key, letter.value, letter.to_headers()), letter


@given(st.lists(st.none() | st.binary(max_size=4), max_size=30))
def test_a_portion_ends_with_the_letter_that_makes_it_full_and_none_is_left_out(values: list[bytes | None]) -> None:
    letters = [dead(offset, value) for offset, value in enumerate(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "PORTION_LETTERS", 3)
        patch.setattr(replaying, "PORTION_BYTES", 4)
        portions = list(replaying._portions(letters))
    assert [letter for portion in portions for letter in portion] == letters

    def is_full(portion: list[tuple[Stored, DeadLetter]]) -> bool:
        return len(portion) >= 3 or sum(len(stored.value or b"") for stored, _ in portion) >= 4

    assert all(map(is_full, portions[:-1]))
    assert not any(is_full(portion[:-1]) for portion in portions)
    assert all(portions)
