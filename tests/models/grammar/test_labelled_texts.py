from __future__ import annotations

import re
import unicodedata
from collections import Counter

import pytest

from models.grammar import LABELS, LANGS, LabelledText, labelled_texts, phrasebook


def folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


@pytest.fixture(scope="module")
def chatter() -> list[LabelledText]:
    return list(labelled_texts(100_000, seed=11, labels=["chatter"]))


def test_the_same_seed_gives_the_same_texts_and_another_seed_others() -> None:
    once, again = list(labelled_texts(500, 3)), list(labelled_texts(500, 3))
    assert once == again
    assert once != list(labelled_texts(500, 4))


def test_every_label_occurs_in_both_languages() -> None:
    rows = list(labelled_texts(10_000, 1))
    assert len(rows) == 10_000
    assert {(row.label, row.lang) for row in rows} == {(label, lang) for label in LABELS for lang in LANGS}
    assert all(row.text and row.name for row in rows)


def test_only_the_wanted_labels_are_given() -> None:
    assert {row.label for row in labelled_texts(300, 1, ["abuse", "click_farm"])} == {"abuse", "click_farm"}


@pytest.mark.parametrize("labels", [["spam"], []])
def test_a_label_that_does_not_exist_is_refused(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="labels must be some of chatter"):
        next(labelled_texts(1, 1, labels))


def test_ordinary_texts_longer_than_eight_characters_hardly_repeat(chatter: list[LabelledText]) -> None:
    texts = [text for row in chatter if len(text := folded(row.text)) > 8]
    assert 1 - len(set(texts)) / len(texts) < 0.005


def test_ordinary_texts_are_of_all_lengths_from_one_character_to_three_hundred(
    chatter: list[LabelledText],
) -> None:
    lengths = sorted(len(row.text) for row in chatter)
    assert lengths[0] <= 2
    assert lengths[-1] >= 250
    assert 15 < lengths[len(lengths) // 2] < 60


def test_ordinary_texts_draw_on_a_wide_stock_of_characters(chatter: list[LabelledText]) -> None:
    assert len(Counter("".join(row.text for row in chatter))) > 2000


def test_no_opening_of_an_ordinary_text_is_a_frame_for_all_of_them(chatter: list[LabelledText]) -> None:
    openings = Counter(row.text[:6] for row in chatter if len(row.text) > 12)
    assert openings.most_common(1)[0][1] / len(chatter) < 0.02


def test_names_of_solicitation_often_carry_the_contact() -> None:
    names = [row.name for row in labelled_texts(2000, 2, ["solicitation"])]
    telling = re.compile(r"主页|简介|资料|名字|头像|bio|profile|🔞|微|薇|QQ|Q|telegram|同城", re.IGNORECASE)
    assert sum(bool(telling.search(name)) for name in names) / len(names) > 0.3


def test_every_symbol_can_be_expanded() -> None:
    import numpy as np

    symbols = phrasebook().symbols
    columns = phrasebook().expand(dict.fromkeys(sorted(symbols), 5), np.random.default_rng(0))
    assert all(len(column) == 5 for column in columns.values())
