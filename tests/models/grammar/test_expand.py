from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models.grammar.expand import Grammar, GrammarError


def grammar(tmp_path: Path, text: str) -> Grammar:
    path = tmp_path / "some.words.txt"
    path.write_text(text, encoding="utf-8")
    return Grammar([path])


def texts(g: Grammar, symbol: str, count: int = 400) -> list[str]:
    return list(g.expand({symbol: count}, np.random.default_rng(5))[symbol])


def test_alternatives_slots_and_groups_make_every_combination(tmp_path: Path) -> None:
    g = grammar(tmp_path, "[pet]\ncat | dog\n[say]\nmy {pet} (eats|sleeps)(| a lot)\n")
    assert set(texts(g, "say")) == {
        f"my {pet} {does}{how}" for pet in ("cat", "dog") for does in ("eats", "sleeps") for how in ("", " a lot")
    }


def test_a_symbol_that_two_files_define_has_the_alternatives_of_both(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    paths[0].write_text("[tea]\ngreen\n")
    paths[1].write_text("[tea]\nblack\n")
    assert set(texts(Grammar(paths), "tea")) == {"green", "black"}


def test_numbers_stay_in_their_range_and_random_characters_have_their_width(tmp_path: Path) -> None:
    g = grammar(tmp_path, "[n]\n{7..9}\n[d]\n{d6}\n[w]\n{w5}\n")
    assert set(texts(g, "n")) == {"7", "8", "9"}
    assert all(len(text) == 6 and text.isdecimal() for text in texts(g, "d"))
    assert all(len(text) == 5 and text.isalnum() for text in texts(g, "w"))


def test_a_percentage_says_how_often_a_group_appears(tmp_path: Path) -> None:
    g = grammar(tmp_path, "[s]\nx(a|b)%20\n")
    assert 0.15 < sum(text != "x" for text in texts(g, "s", 5000)) / 5000 < 0.25


def test_a_weight_makes_a_line_more_likely(tmp_path: Path) -> None:
    counts = Counter(texts(grammar(tmp_path, "[s]\nrare\noften *9\n"), "s", 5000))
    assert 0.87 < counts["often"] / 5000 < 0.93


def test_a_line_of_several_topics_is_read_for_each(tmp_path: Path) -> None:
    g = grammar(tmp_path, "[a]\none\n[b]\ntwo\n[both for a b]\nsay {@}\n")
    assert set(texts(g, "both")) == {"say one", "say two"}


def test_a_backslash_keeps_a_character_as_it_is(tmp_path: Path) -> None:
    assert set(texts(grammar(tmp_path, "[s]\n\\(a\\|b\\) \\{c\\}\n"), "s")) == {"(a|b) {c}"}


def test_several_symbols_at_once_each_get_their_count(tmp_path: Path) -> None:
    g = grammar(tmp_path, "[a]\nx{b}\n[b]\n1|2\n")
    columns = g.expand({"a": 7, "b": 3}, np.random.default_rng(0))
    assert [len(column) for column in columns.values()] == [7, 3]


def test_nothing_wanted_gives_empty_columns(tmp_path: Path) -> None:
    assert texts(grammar(tmp_path, "[a]\nx{b}\n[b]\n1|2\n"), "a", 0) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a]\n{b}\n", r"\[a\] uses \{b\}"),
        ("[a]\nx{b}\n[b]\ny{a}\n", "contains itself"),
        ("[a]\n(x|y\n", "without its"),
        ("[a]\nx)\n", "without its"),
        ("[a]\nx{\n", "lone"),
        ("x\n", r"some\.words\.txt:1"),
    ],
)
def test_a_mistake_in_a_file_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(GrammarError, match=complaint):
        grammar(tmp_path, text)


def test_an_unknown_symbol_cannot_be_expanded(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no symbol 'b'"):
        texts(grammar(tmp_path, "[a]\nx\n"), "b")
