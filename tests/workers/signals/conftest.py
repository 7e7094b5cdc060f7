"""Posts and batches made shortly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
