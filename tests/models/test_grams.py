from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.folding import fold
from models.grams import LAYOUT, NO_GRAM, Grams, grams

LATIN = "abcxyz", "AZbq", "0189", " .-,!", "ＡＺ９", "éñÅß"
ALPHABETS = (*LATIN, "аеорΑΒ", "中文加微信號號", "かナ한", "😀🈶\u200b\ufe0f")
TEXTS = st.lists(st.text(max_size=30), max_size=6)


def of(*texts: str) -> Grams:
    return grams(fold(texts))


def test_grams_end_with_their_text() -> None:
    hashes = of("abc", "d", "", "ef").hashes
    present = (hashes != NO_GRAM).tolist()
    assert present == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
        [True, False, False],
        [True, True, False],
        [True, False, False],
    ]


def test_counts_are_the_numbers_of_grams() -> None:
    found = of("abc", "d", "", "ef", "加微信号")
    present = (found.hashes != NO_GRAM).sum(axis=1)
    each = [int(present[a:b].sum()) for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]
    assert found.counts().tolist() == each == [6, 1, 0, 3, 9]


def test_hashes_are_the_same_on_every_machine() -> None:
    assert of("加微信").hashes.tolist() == [
        [1014157837, 3628442035, 3183735810],
        [2557015533, 2884222093, 0],
        [232140974, 0, 0],
    ]
    assert of("a!").marks.tolist() == [[1987719547, 1623203535, 4284751011, 1933882132]]
    assert of("vx 8899").words.tolist() == [[2594955539, 0], [377544109, 3798537471]]
    assert of("VX 8899").shapes.T.tolist() == [[3383088207, 1060341180, 13135618, 2622498953, 0]]
    assert of("vx 8899").quads[:, 0].tolist() == [1246677493, 3520200246, 2059412628, 3888873450]
    assert of("加微VX8899!").words.tolist() == [[2815753027, 0], [3135765556, 431050933]]
    assert of("加微VX8899!").shapes.T.tolist() == [[2123193240, 707989949, 2578343102, 157698748, 444425663]]


def test_every_column_of_a_text_is_as_models_were_trained_on() -> None:
    """Where this fails, models that are served no longer read what they learned: raise LAYOUT, and train anew."""
    # Of all that is drawn by chance, only this is promised to stay.
    chance = Random(7).random
    texts = []
    for length in range(160):
        use = "".join(ALPHABETS[int(chance() * len(ALPHABETS))] for _ in range(1 + length % 4))
        texts.append("".join(use[int(chance() * len(use))] for _ in range(length)))
    found = of(*texts)
    digest = sha256()
    for field in fields(found):
        digest.update(getattr(found, field.name).astype("<i8").tobytes())
    assert (LAYOUT, digest.hexdigest()[:16]) == (2, "8be3c2d665c1e4a5")


def held(hashes: NDArray[np.uint32]) -> list[int]:
    found: list[int] = hashes[hashes != NO_GRAM].tolist()
    return found


@given(TEXTS)
def test_a_text_has_the_same_grams_in_any_batch(texts: list[str]) -> None:
    batch = of(*texts)
    for row, text in enumerate(texts):
        alone = of(text)
        assert np.array_equal(batch.hashes[batch.starts[row] : batch.starts[row + 1]], alone.hashes)
        assert np.array_equal(batch.marks[batch.mark_starts[row] : batch.mark_starts[row + 1]], alone.marks)
        assert np.array_equal(batch.words[batch.word_starts[row] : batch.word_starts[row + 1]], alone.words)
        assert batch.odd[row] == alone.odd[0]
        assert batch.shapes[:, row].tolist() == alone.shapes[:, 0].tolist()
        first, last = batch.quad_places.searchsorted(batch.starts[row : row + 2])
        assert held(batch.quads[first:last]) == held(alone.quads)


def test_hashes_spread_evenly_over_few_columns() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 8000)))
    for column in of(text).hashes.T:
        held = np.bincount(column & np.uint32(1023), minlength=1024)
        assert held.max() < 3 * held.mean()


def test_the_same_letters_in_another_order_are_other_grams() -> None:
    one, other = of("abc").hashes[0], of("cba").hashes[0]
    assert one[2] != other[2]
    assert one[1] != other[1]


def test_splitting_a_word_leaves_its_grams_and_adds_marks() -> None:
    plain, split = of("加微信"), of("加.微.信")
    assert np.array_equal(plain.hashes, split.hashes)
    assert len(plain.marks) == 0
    assert len(split.marks) == 2


def test_each_length_up_to_13_has_a_gram_and_longer_ones_share() -> None:
    short = of(*["一二三四五六七八九十甲乙丙"[:size] for size in range(14)]).shapes[0]
    assert len(set(short.tolist())) == 14
    long, longer = of("一二三" * 50, "一二三" * 90).shapes[0]
    assert long == longer


def test_plain_letters_have_grams_of_four_and_chinese_has_none() -> None:
    assert len(held(of("free now").quads)) == 5  # free ree_ ee_n e_no _now
    assert held(of("加微信看视频").quads) == []
    assert len(held(of("加微信vx88").quads)) == 1
    assert len(held(of("free", "now", "", "cash").quads)) == 2


def test_capitals_and_the_longest_number_are_told_however_the_text_folds() -> None:
    plain, shouted, wide = of("call 0871873 now", "CALL 0871873 NOW", "ｃａｌｌ ０８７１８７３ ｎｏｗ").shapes.T
    assert plain[0] == shouted[0] == wide[0]
    assert plain[1] == wide[1] != shouted[1]
    assert plain[2] == shouted[2] == wide[2]
    numbers = of(*["a" + "1" * size for size in range(13)], "a" + "1" * 30, "12 345").shapes[2]
    assert len(set(numbers[:13].tolist())) == 13
    assert numbers[13] == numbers[12]
    assert numbers[14] == numbers[3]


def test_digits_and_separators_are_counted() -> None:
    one, other = of("12 345!", "1a2b3c4d5!!! ...").shapes.T
    assert one[3] == other[3] != NO_GRAM
    assert one[4] != other[4]
    plain = of("加微信").shapes[:, 0]
    assert plain[3] == plain[4] == NO_GRAM


def test_what_chinese_and_alphabetic_texts_share_is_hashed_apart() -> None:
    alphabetic, chinese = of("Call 0871 now!"), of("Call 0871 now! 加微信")
    for one, other in (
        (alphabetic.hashes, chinese.hashes),
        (alphabetic.marks, chinese.marks),
        (alphabetic.words, chinese.words),
        (alphabetic.quads, chinese.quads),
        (alphabetic.shapes, chinese.shapes),
    ):
        assert set(held(one)).isdisjoint(held(other))
    assert set(held(of("0871").hashes)) < set(held(alphabetic.hashes))
    assert set(held(of("加0871").hashes)) & set(held(chinese.hashes))


def test_a_chinese_character_or_two_slipped_into_an_english_text_leave_it_its_script() -> None:
    plain, slipped = of("Call 0871 now!"), of("Call 0871 now! 加")
    assert set(held(plain.hashes)) < set(held(slipped.hashes))
    assert set(held(plain.words)) == set(held(slipped.words))


def test_emoji_belong_to_no_script() -> None:
    assert set(held(of("free 👍").hashes)) >= set(held(of("free").hashes))
    assert set(held(of("加微 👍").hashes)) >= set(held(of("加微").hashes))


@given(TEXTS, TEXTS)
def test_grams_of_texts_hashed_together_and_split_are_those_of_each(first: list[str], rest: list[str]) -> None:
    for part, texts in zip(of(*first, *rest).split(len(first)), (first, rest), strict=True):
        alone = of(*texts)
        # Of those of four some are none, and which of these are there depends on the neighbours.
        assert held(part.quads) == held(alone.quads)
        for name in {each.name for each in fields(Grams)} - {"quads", "quad_places"}:
            assert np.array_equal(getattr(part, name), getattr(alone, name)), name
