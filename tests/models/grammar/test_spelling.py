from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grammar import camouflage, slip, variation

HINT = "小姐姐同城可约，加微信看我主页，视频福利私信我 http://abc.example/x1"
PITCH = (
    "家人们！这款燕麦片到货了，厂家直销包邮到家，今天下单买一送一，效果真的有用，"
    "名额有限，点链接咨询 https://oat.example/q7k2 推荐给朋友🔥"
)


def changed(before: str, after: str) -> float:
    same = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return 1 - same / max(len(before), len(after))


def test_camouflage_without_strength_changes_nothing() -> None:
    assert camouflage(HINT, np.random.default_rng(1), 0.0) == HINT


def test_camouflage_touches_more_the_stronger_it_is() -> None:
    weak, strong = (
        np.mean([changed(HINT, camouflage(HINT, np.random.default_rng(i), s)) for i in range(60)]) for s in (0.1, 0.7)
    )
    assert 0 < weak < 0.25 < strong


def test_camouflage_leaves_links_whole() -> None:
    for i in range(50):
        assert "http://abc.example/x1" in camouflage(HINT, np.random.default_rng(i), 0.9)


def test_camouflage_is_the_same_for_the_same_chance() -> None:
    assert camouflage(HINT, np.random.default_rng(9), 0.5) == camouflage(HINT, np.random.default_rng(9), 0.5)


def test_held_out_spellings_are_never_those_of_training() -> None:
    def spellings(held_out: bool) -> set[str]:
        return {camouflage("微信", np.random.default_rng(i), 1.0, held_out=held_out) for i in range(200)}

    assert len(spellings(False)) > 3
    assert len(spellings(True)) > 2
    assert not spellings(False) & spellings(True)


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_a_variation_changes_at_most_its_share_of_a_fifth(strength: float) -> None:
    for i in range(100):
        other = variation(PITCH, np.random.default_rng(i), strength)
        assert changed(PITCH, other) <= 0.2 * strength + 1 / len(PITCH)


def test_two_hundred_variations_are_mostly_distinct() -> None:
    rng = np.random.default_rng(3)
    assert len({variation(PITCH, rng, 0.6) for _ in range(200)}) > 150


@given(st.text(max_size=80), st.integers(0, 2**32 - 1))
def test_any_text_can_be_respelled(text: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert isinstance(camouflage(text, rng, 0.5), str)
    assert isinstance(variation(text, rng, 1.0), str)
    assert abs(len(slip(text, rng)) - len(text)) <= 1
