"""Posts of a campaign: the same advertisement, each time changed in another way; and a finder of it in a store."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
import pytest

from topics.post import Author, Post
from workers.batch import Batch
from workers.campaigns.campaigns import Campaigns, Scope
from workers.campaigns.finding import FULL_EVIDENCE
from workers.campaigns.texts import Texts, comparable
from workers.counters import Counters, Store

NOW = 1_790_000_000_000
OFFER = (
    "春季新品上架，手工羊毛围巾全场五折，前一百名下单的朋友再送同款手套一双。老顾客推荐新顾客，两个人都有礼物。"
    "详情请看主页置顶，有问题直接留言，店长每天晚上在线回复"
)
ENGLISH_OFFER = (
    "Handmade wool scarves are half price all week and the first hundred orders get matching gloves for free. "
    "Bring a friend along and both of you receive a present, just leave a note and we answer every evening"
)
CHANGES = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"


def changed(text: str, share: float, seed: int) -> str:
    """The text with a share of its characters put in the place of others, and its sentences in another order."""
    rng = np.random.default_rng(seed)
    letters = list(text)
    others = CHANGES if ord(text[0]) > 255 else "etaoinshrdlu"
    for place in rng.choice(len(letters), round(share * len(letters)), replace=False).tolist():
        letters[place] = others[rng.integers(len(others))]
    mark = "。" if "。" in text else ". "
    sentences = "".join(letters).split(mark)
    rng.shuffle(sentences)
    return mark.join(sentences)


def batch_of(texts: Sequence[str], first: int = 0, time: int = NOW, **fields: Any) -> Batch:
    """Posts of so many accounts; `fields` of every post."""
    posts = [Post(f"p{number}", text, Author(f"a{number}"), time, **fields) for number, text in enumerate(texts, first)]
    return Batch.offline(posts, first)


def texts_of(batch: Batch, evidence: int = FULL_EVIDENCE) -> Texts:
    return comparable(batch, np.full(len(batch), evidence, np.uint32), [None] * len(batch))


Find = Callable[..., Campaigns]


@pytest.fixture
def find(store: Store, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Find:
    """The campaigns of a batch's posts, found with counters of their own in the store."""
    counters = Counters([], store, scope=Scope(least_accounts=3))

    def found(batch: Batch, evidence: int = FULL_EVIDENCE, committed: int = 0) -> Campaigns:
        readings = run(
            counters.apply(
                [part._replace(committed=committed) for part in batch.parts],
                batch.offsets,
                batch.times,
                {},
                texts_of(batch, evidence),
            )
        )
        campaigns: Campaigns = readings.campaigns
        return campaigns

    return found
