from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.folding import TABLE_FILE, fold, table

ANY_TEXT = st.text(alphabet=st.characters(), max_size=60)


def folded(text: str) -> str:
    return fold([text]).text(0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ｖ　信：①③⑧", "v信138"),
        ("𝓗𝕖𝖑𝗅𝘰 ⓦⓞⓡⓛⓓ", "hello world"),
        ("🅥🅘🅟 🇻🇽", "vip vx"),
        ("⑴⒜⒈❶➀１٣५", "1a111135"),
        ("繁體中文 乾淨", "繁体中文干净"),
        ("ρаypаl", "paypal"),
        ("Vïägrä ʜᴇʟʟᴏ", "viagra hello"),
        ("加\u200b微\u2060信\ufe0f", "加微信"),
        ("a\u0336b\u0336c", "abc"),
        ("㊙ ㈠", "秘一"),
    ],
)
def test_spellings_of_one_text_fold_to_the_plain_one(written: str, read: str) -> None:
    assert folded(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("加.微.信", "加微信"),
        ("加 V x 123", "加vx 123"),
        ("v i a g r a", "viagra"),
        ("buy v-i-a-g-r-a now", "buy viagra now"),
        ("U.S.A is great, isn't it?", "usa is great isn t it"),
        ("  two   words\n", "two words"),
        ("★加★微★信★", "加微信"),
        ("한국어 카 지 노", "한국어 카지노"),
        ("……", ""),
    ],
)
def test_separators_go_but_words_stay_apart(written: str, read: str) -> None:
    assert folded(written) == read


def test_emoji_stay_without_skin_tone() -> None:
    assert folded("好👍🏽❤️!") == "好👍❤"


def test_a_drawl_is_cut_to_three_and_a_number_is_not() -> None:
    assert folded("哈哈哈哈哈哈 cooooool 1000000") == "哈哈哈coool 1000000"


def test_chinese_kana_and_digits_are_left_alone() -> None:
    plain = "日本語のテキスト一二三〇口口"
    assert folded(plain).startswith("日本语のテキスト一二三")
    assert folded("0123456789") == "0123456789"


def test_origin_points_at_the_character_that_was_written() -> None:
    text = "加.\u200b微 信,  hi you"
    result = fold(["xx", text])
    codes = result.codes[result.starts[1] :]
    origin = result.origin[result.starts[1] :]
    assert [(chr(code), text[place]) for code, place in zip(codes, origin, strict=True)] == [
        ("加", "加"),
        ("微", "微"),
        ("信", "信"),
        ("h", "h"),
        ("i", "i"),
        (" ", " "),
        ("y", "y"),
        ("o", "o"),
        ("u", "u"),
    ]


def test_marks_tell_which_separators_stood_where() -> None:
    marks = fold(["a!!!! b", "加 微", "two words", "。"])
    assert ["".join(map(chr, mark)) for mark in marks.marks.tolist()] == ["a!!", "!! ", "! b", "加 微", "\0。\0"]
    assert marks.mark_starts.tolist() == [0, 3, 4, 4, 5]


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["\u200b", "", "..."]])
def test_nothing_to_read_folds_to_nothing(texts: list[str]) -> None:
    result = fold(texts)
    assert len(result) == len(texts)
    assert len(result.codes) == len(result.origin) == 0


def test_a_lone_surrogate_is_dropped() -> None:
    assert folded("a\ud800b") == "ab"


@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = folded(text)
    assert folded(once) == once


@given(st.lists(ANY_TEXT, max_size=5))
def test_a_text_folds_the_same_in_any_batch(texts: list[str]) -> None:
    batch = fold(texts)
    for row, text in enumerate(texts):
        alone = fold([text])
        assert batch.text(row) == alone.text(0)
        assert np.array_equal(batch.origin[batch.starts[row] : batch.starts[row + 1]], alone.origin)
        assert np.array_equal(batch.marks[batch.mark_starts[row] : batch.mark_starts[row + 1]], alone.marks)


@given(ANY_TEXT)
def test_origins_rise_and_lie_inside_the_text(text: str) -> None:
    origin = fold([text]).origin
    assert np.all(np.diff(origin) > 0)
    assert len(origin) == 0 or (origin[0] >= 0 and origin[-1] < len(text))


@given(ANY_TEXT)
def test_invisible_characters_change_nothing(text: str) -> None:
    assert folded("\u200d".join(text)) == folded(text)


@given(st.lists(ANY_TEXT, max_size=4), st.lists(ANY_TEXT, max_size=4))
def test_texts_folded_together_and_split_are_those_folded_apart(first: list[str], rest: list[str]) -> None:
    for part, texts in zip(fold([*first, *rest]).split(len(first)), (first, rest), strict=True):
        alone = fold(texts)
        assert [part.text(place) for place in range(len(part))] == [alone.text(place) for place in range(len(alone))]
        for name in ("starts", "marks", "mark_starts", "raw_starts", "capitals", "origin"):
            assert np.array_equal(getattr(part, name), getattr(alone, name)), name


@pytest.mark.filterwarnings("ignore")
def test_the_table_is_what_its_sources_give() -> None:
    pytest.importorskip("opencc", reason="needs the extra `train`")
    pytest.importorskip("confusable_homoglyphs", reason="needs the extra `train`")
    from models.folding_table import build

    with np.load(TABLE_FILE, allow_pickle=False) as stored:
        if str(stored["unicode"]) != unicodedata.unidata_version:
            pytest.skip(f"the table was made with Unicode {stored['unicode']}, this Python has another")
        fresh = build()
        assert sorted(stored.files) == sorted(fresh)
        for name in fresh:
            assert np.array_equal(stored[name], fresh[name]), f"{name}: run python -m models.folding_table"
    assert TABLE_FILE.stat().st_size < 200_000


def test_the_table_has_an_entry_for_every_code_point() -> None:
    assert len(table()) == 0x110000
