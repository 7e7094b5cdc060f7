"""What the shipped models must do on text of our own, and on the real sets where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.evader import READABLE, evade
from models.evaluation import figures
from models.folding import fold
from models.grammar import labelled_texts
from models.grams import grams
from models.registry import SHIPPED, Registry
from models.scorer import Scorer
from models.training.run import score_posts, truth
from models.training.sources import read_posts

SHORT_CHAT = [
    "",
    "来嘛",
    "哈哈哈",
    "ok",
    "好的",
    "加油",
    "在吗",
    "lol",
    "早上好",
    "👍",
    "?",
    "。。。",
    "1",
    "转发微博",
    "嗯嗯",
]


def scores(scorer: Scorer, texts: list[str], names: list[str] | None = None) -> NDArray[np.float32]:
    names = names or [""] * len(texts)
    return scorer.score(grams(fold(texts)), grams(fold(names)), texts, names)


def test_three_models_ship_and_are_small(scorer: Scorer) -> None:
    assert scorer.names == ("abuse", "marketing", "solicitation")
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) < 6_000_000


def test_every_shipped_model_has_a_card_with_sources_and_figures() -> None:
    registry = Registry()
    for name in registry.names():
        entry = registry.entry(name)
        card = (SHIPPED / entry.file).with_name("CARD.md").read_text(encoding="utf-8")
        assert card.startswith(f"# {name} {entry.version}")
        for part in ("## Sources", "## Figures", "## Reliability", "## Limits", "Apache-2.0"):
            assert part in card


def test_short_chat_is_nothing(scorer: Scorer) -> None:
    assert scores(scorer, SHORT_CHAT).max() < 0.5


def test_chatter_is_nothing_and_offers_are_seen(scorer: Scorer) -> None:
    rows = list(labelled_texts(2_000, seed=77, labels=["chatter", "solicitation", "marketing", "abuse"]))
    found = scores(scorer, [row.text for row in rows], [row.name for row in rows])
    labels = np.array([row.label for row in rows])
    assert (found[labels == "chatter"].max(axis=1) >= 0.9).mean() < 0.005
    for column, name in enumerate(scorer.names):
        assert (found[labels == name, column] >= 0.5).mean() > 0.8


@pytest.mark.parametrize(("name", "most"), [("abuse", 0.09), ("marketing", 0.08), ("solicitation", 0.03)])
def test_camouflage_that_is_read_at_once_hides_little(scorer: Scorer, name: str, most: float) -> None:
    texts = [row.text for row in labelled_texts(2_000, seed=78, labels=[name])]
    column = scorer.names.index(name)
    plain, evaded = (
        (scores(scorer, spelled)[:, column] >= 0.5).mean()
        for spelled in (texts, evade(texts, READABLE, seed=5, held_out=True))
    )
    assert plain - evaded <= most


def test_an_offer_in_the_name_alone_counts(scorer: Scorer) -> None:
    plain, offering = scores(scorer, ["好的", "好的"], ["爱吃鱼的猫", "同城约炮加微信看资料"])
    column = scorer.names.index("solicitation")
    assert plain[column] < 0.2
    assert offering[column] > plain[column] + 0.2


@pytest.mark.data
@pytest.mark.parametrize(
    ("model", "file", "figure", "least"),
    [
        ("abuse", "cold-dev", "macro_f1", 0.88),
        ("abuse", "davidson-dev", "f1", 0.967),
        ("marketing", "sms-antispam-dev", "f1", 0.962),
        ("marketing", "sms-train", "average_precision", 0.99),
        ("solicitation", "tg-spam-dev", "average_precision", 0.88),
    ],
)
def test_figures_hold_on_real_text(
    scorer: Scorer, sets: Path, model: str, file: str, figure: str, least: float
) -> None:
    posts = read_posts(sets / f"{file}.jsonl")
    chance = score_posts(scorer, posts)[:, scorer.names.index(model)]
    assert figures(truth(posts), chance)[figure] >= least


@pytest.mark.data
@pytest.mark.parametrize(
    ("model", "least", "most"), [("abuse", 0.97, 0.007), ("marketing", 0.99, 0.003), ("solicitation", 0.90, 0.002)]
)
def test_ordinary_posts_seldom_reach_what_the_policy_flags_on_text_alone(
    scorer: Scorer, sets: Path, model: str, least: float, most: float
) -> None:
    posts = read_posts(sets / "weibo-background-train.jsonl")
    chance = score_posts(scorer, posts)[:, scorer.names.index(model)]
    assert (chance >= least).mean() < most
