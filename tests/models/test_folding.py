from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.folding import DROP, ROLE_SHIFT, SEPARATOR, TABLE_FILE, WORD, fold, table

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


Entry = tuple[int, int, int]


def by_character(text: str) -> tuple[list[tuple[str, int]], list[str]]:
    """Each folded character with its origin, and the marks: what folding means, said a character at a time."""
    entries = [(*divmod(int(table()[ord(character)]), 1 << ROLE_SHIFT), place) for place, character in enumerate(text)]
    visible = [entry for entry in entries if entry[0] != DROP]
    solid: list[Entry] = []
    gaps: list[int | None] = []  # where the last separator before each of them is
    marks = []
    gap = None
    for before, here, after in zip([None, *visible], visible, [*visible[1:], None], strict=False):
        if here[0] == SEPARATOR:
            gap = here[2]
            around = [(0, 0) if entry is None else entry[:2] for entry in (before, here, after)]
            between_words = around[0][0] == WORD == around[2][0]
            if len(set(around)) > 1 and not (here[1] == ord(" ") and between_words):
                marks.append("".join(chr(code) for _, code in around))
        else:
            solid.append(here)
            gaps.append(gap)
            gap = None

    def in_words(place: int) -> bool:
        return 0 < place < len(solid) and solid[place][0] == WORD == solid[place - 1][0]

    def alone(place: int) -> bool:
        return not any(in_words(at) and gaps[at] is None for at in (place, place + 1))

    found, run = [], 0
    for place, (role, code, origin) in enumerate(solid):
        gap = gaps[place]
        spaced = in_words(place) and gap is not None and not (alone(place) and alone(place - 1))
        run = run + 1 if place and solid[place - 1][:2] == (role, code) and not spaced else 1
        if spaced and gap is not None:
            found.append((" ", gap))
        if run <= 3 or chr(code) in "0123456789":
            found.append((chr(code), origin))
    return found, marks


mixed = st.text("abAB01 .-!\u3000哈啊한Ａ①\u200b\u0336👍🏽", max_size=30)
drawls = st.lists(st.tuples(st.sampled_from("a哈1 ."), st.integers(1, 5)), max_size=8).map(
    lambda runs: "".join(character * length for character, length in runs)
)


@given(st.lists(ANY_TEXT | mixed | drawls, max_size=4))
def test_a_batch_folds_as_its_characters_do_one_by_one(texts: list[str]) -> None:
    batch = fold(texts)
    for row, text in enumerate(texts):
        codes, marks = slice(*batch.starts[row : row + 2]), slice(*batch.mark_starts[row : row + 2])
        read = [(chr(code), origin) for code, origin in zip(batch.codes[codes], batch.origin[codes], strict=True)]
        assert (read, ["".join(map(chr, mark)) for mark in batch.marks[marks]]) == by_character(text)
        assert batch.capitals[row] == sum("A" <= character <= "Z" for character in text)


@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = folded(text)
    assert folded(once) == once


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
