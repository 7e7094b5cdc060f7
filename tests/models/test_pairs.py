from __future__ import annotations

from models.folding import fold
from models.grams import grams


def odd(*texts: str) -> list[int]:
    counted: list[int] = grams(fold(texts)).odd.tolist()
    return counted


def test_what_everybody_writes_has_no_odd_pairs() -> None:
    assert odd("今天天气不错，我们一起去吃饭吧", "你们说好不好") == [0, 0]


def test_characters_swapped_for_ones_that_sound_or_look_the_same_leave_odd_pairs() -> None:
    assert odd("妳閅阅好卟伓", "今天", "")[0] >= 3


def test_separators_hide_no_pair_and_make_none() -> None:
    assert odd("今.天.天.气", "今天 天气") == [0, 0]


def test_only_pairs_of_chinese_characters_are_odd_and_only_within_a_text() -> None:
    assert odd("zqxj kvwq", "안녕하세요", "ありがとう", "🍑🍑💋", "v信", "彧", "鼯") == [0] * 7
