from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.keys import hash_strings


def test_keys_are_the_same_for_ever() -> None:
    assert hash_strings(["anna", "李娜"]).tolist() == [0x5E74372C8DE63439, 0xA29DD060A8D8E7C2]


def test_none_and_the_empty_string_have_no_key() -> None:
    keys = hash_strings([None, "", "a"])
    assert keys.dtype == np.uint64
    assert (keys != 0).tolist() == [False, False, True]


def test_no_strings_give_no_keys() -> None:
    assert hash_strings([]).shape == (0,)


@given(st.lists(st.text(st.characters(exclude_categories=[]), min_size=1)))
def test_any_text_has_a_key_and_different_texts_have_different_ones(texts: list[str]) -> None:
    keys = hash_strings(texts).tolist()
    assert 0 not in keys
    assert len(set(keys)) == len(set(texts))
