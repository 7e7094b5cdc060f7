"""Posts and batches made shortly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.scorer import Scorer
from topics.post import Author, Post
from workers.batch import Batch

NOON = 1_790_000_000_000
"""Milliseconds since the epoch: when every post of these tests was made."""


def make_post(text: str = "", name: str = "Ada", author: dict[str, Any] | None = None, **fields: Any) -> Post:
    who = Author(**{"id": "a1", "name": name, **(author or {})})
    return Post(**{"id": "p1", "text": text, "author": who, "created_at": NOON, **fields})


@pytest.fixture
def post() -> Callable[..., Post]:
    """A post of the given text, its author's name and fields, and the post's own fields."""
    return make_post


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """A batch of the given posts; a str is a post of that text."""

    def make(*posts: Post | str) -> Batch:
        return Batch.offline([make_post(item) if isinstance(item, str) else item for item in posts])

    return make


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """The real scorer over three small models, fitted here to a few texts."""
    ordinary = ["nice weather today", "see you at lunch", "今天天气不错", "晚上一起吃饭吧"]
    subjects = {
        "abuse": ["you stupid fool", "滚开你这个蠢货"],
        "marketing": ["half price sale ends today", "全场五折限时抢购"],
        "solicitation": ["add me for private photos", "加我看私密照片"],
    }
    pipelines = {}
    for model, texts in subjects.items():
        pipeline = make_pipeline(CharGrams(bits=12), LogisticRegression(C=100))
        pipelines[model] = pipeline.fit(texts + ordinary, [1] * len(texts) + [0] * len(ordinary))
    return Scorer(pipelines, dict.fromkeys(subjects, "1"), dict.fromkeys(subjects, "text"))
