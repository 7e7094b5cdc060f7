"""What is kept of a text to find others most like it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.grammar import labelled_texts
from workers.campaigns.finding import KEYS, LEAST_PERCENT, LEAST_PERCENT_LETTERS, NO_KEY, SLOTS
from workers.campaigns.sketch import named, numbered, sketches

from .conftest import ENGLISH_OFFER, OFFER, batch_of, changed
from .curve import measured


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    same = ((one == other) & (one > 0)).sum()
    return float(same / ((one > 0) | (other > 0)).sum())


@pytest.mark.parametrize("offer", [OFFER, ENGLISH_OFFER])
def test_links_mentions_tags_numbers_and_quoted_words_change_nothing(offer: str) -> None:
    plain, *dressed = sketches(
        batch_of(
            [
                f"{offer} ",
                f"{offer} https://a.example.com/x1",
                f"@小明 {offer} #围巾# 13800138000",
                f"{offer} //@她: 真的吗？",
            ]
        )
    ).slots
    for slots in dressed:
        assert similarity(plain, slots) > 0.85


def test_a_chinese_character_in_an_english_text_changes_only_what_is_beside_it() -> None:
    plain, mingled = sketches(batch_of([ENGLISH_OFFER, f"{ENGLISH_OFFER} 的"])).slots
    assert similarity(plain, mingled) > 0.85


def test_sentences_in_another_order_stay_most_alike() -> None:
    first, second = sketches(batch_of([OFFER, "。".join(reversed(OFFER.split("。")))])).slots
    assert similarity(first, second) > 0.85


def test_the_more_is_changed_the_less_two_texts_are_alike_and_strangers_are_not() -> None:
    shares = [0.0, 0.1, 0.2, 0.4, 0.8]
    plain, *others = sketches(batch_of([OFFER, *(changed(OFFER, share, 1) for share in shares)])).slots
    found = [similarity(plain, slots) for slots in others]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1
    assert found[-1] < 0.15


def test_texts_of_another_matter_are_hardly_alike() -> None:
    texts = list(dict.fromkeys(row.text for row in labelled_texts(600, seed=11, labels=["chatter"])))
    slots = sketches(batch_of(texts)).slots
    pairs = np.random.default_rng(5).integers(0, len(slots), (2_000, 2))
    alike = [similarity(slots[one], slots[other]) for one, other in pairs.tolist() if one != other]
    assert np.mean(np.array(alike) > 0.22) < 0.05


def test_a_number_to_call_is_seen_however_it_is_written_and_not_across_texts() -> None:
    batch = batch_of(
        [f"{OFFER} １３８００１３８０００", f"{OFFER} 1234", f"123 {OFFER} 9999", f"8 {OFFER}", "", "138001"]
    )
    assert numbered(batch).tolist() == [True, False, False, False, False, False]


def test_a_number_may_be_in_groups_and_a_date_or_a_sum_is_none() -> None:
    texts = ["138-0013-8000", "加 3430 9996 聊", "2026-11-27 18:30", "1,000,000", "138 001", "2026 and 2027"]
    assert numbered(batch_of(texts)).tolist() == [True, True, False, False, False, False]


def test_of_one_short_thing_said_again_and_again_the_number_is_looked_at() -> None:
    one, same, other = (f"加我聊聊{number}" * 4 for number in ("2124183607", "2124183607", "8093327451"))
    found = sketches(batch_of([f"{one}呀", same, other, OFFER, "生日快乐" * 20]))
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert similarity(found.slots[0], found.slots[1]) > 0.8
    assert similarity(found.slots[0], found.slots[2]) < 0.5


def test_of_one_that_tells_how_to_reach_someone_less_is_enough() -> None:
    batch = batch_of(["加星看看新片子" * 4, "加星看看新片子" * 4, "加星看看新片子", OFFER])
    assert sketches(batch).rows.tolist() == [3]
    assert sketches(batch, reachable=np.array([True, False, True, False])).rows.tolist() == [0, 3]


def test_an_account_is_named_by_letters_and_digits_outside_of_tags_and_mentions() -> None:
    texts = [
        "薇信：ＬＫ16279",
        "找 yfx168 了解",
        "@wei2588 说得对",
        "生日快乐 #SUPER131#711",
        "iphone15",
        "2026k 12345",
        "ab",
        "123",
    ]
    assert named(batch_of(texts)).tolist() == [True, True, False, False, False, False, False, False]
    assert named(batch_of(texts[::-1])).tolist() == [False, False, False, False, False, False, True, True]


@pytest.mark.parametrize("offer", [OFFER, ENGLISH_OFFER])
def test_nothing_of_a_sketch_is_of_what_changes_from_copy_to_copy_not_even_one_digit(offer: str) -> None:
    pieces = offer.split(" ") if " " in offer else [offer[at : at + 7] for at in range(0, len(offer), 7)]
    found = sketches(batch_of([f" {digit} ".join(pieces) for digit in "123456789"]))
    assert (found.keys == found.keys[0]).all()
    assert (found.slots == found.slots[0]).all()


def test_texts_in_an_alphabet_need_less_in_common() -> None:
    chinese, english, both = sketches(
        batch_of([OFFER, ENGLISH_OFFER, OFFER[:40] + ENGLISH_OFFER[:40]])
    ).percent.tolist()
    assert chinese == LEAST_PERCENT
    assert english == LEAST_PERCENT_LETTERS
    assert english < both < chinese


ODD = st.text(alphabet="ab 12345加微信.哈\u0301😀ก@#\nhtps:/é", max_size=90)


@settings(max_examples=60)
@given(st.lists(st.one_of(ODD, st.text(max_size=60)), max_size=6))
def test_a_text_has_the_same_sketch_alone_and_in_any_batch(texts: list[str]) -> None:
    batch = batch_of([OFFER, *texts, OFFER])
    found, numbers, names = sketches(batch), numbered(batch), named(batch)
    assert found.keys.shape[1] == KEYS
    assert found.slots.shape[1] == SLOTS
    rows = found.rows.tolist()
    assert (found.slots[0] == found.slots[-1]).all()
    for row, text in enumerate(texts, start=1):
        assert numbered(batch_of([text]))[0] == numbers[row]
        assert named(batch_of([text]))[0] == names[row]
        alone = sketches(batch_of([text]))
        assert (len(alone.rows) == 1) == (row in rows)
        if row in rows:
            place = rows.index(row)
            assert alone.keys[0].tolist() == found.keys[place].tolist()
            assert alone.slots[0].tolist() == found.slots[place].tolist()
            assert alone.percent[0] == found.percent[place]


@pytest.mark.parametrize("similarity", [0.1, 0.3, 0.5, 0.8])
def test_keys_are_shared_as_often_as_the_similarity_says(similarity: float) -> None:
    exact, two_of_six, one_of_twelve, *_ = measured(similarity, np.random.default_rng(8))
    assert one_of_twelve == pytest.approx(1 - (1 - exact) ** 12, abs=0.03)
    assert two_of_six == pytest.approx(1 - (1 - exact) ** 6 - 6 * exact * (1 - exact) ** 5, abs=0.03)


def test_a_batch_without_such_texts_has_none() -> None:
    found = sketches(batch_of(["", "短"]))
    assert (len(found.rows), found.keys.shape, found.slots.shape) == (0, (0, KEYS), (0, SLOTS))
    assert NO_KEY == 2**32 - 1
