"""A post on its way to bytes: like `topics.post.Post`, but with author and media already as JSON."""

from __future__ import annotations

import re

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from topics.post import Media

_LINK = re.compile(r"(?:https?://|www\.)[!-~]+")
_encode = msgspec.json.Encoder().encode


class Record(Struct, gc=False, omit_defaults=True):
    id: str
    text: str
    author: Raw
    created_at: int
    kind: str = "post"
    reply_to: str | None = None
    links: list[str] = []
    ip: str | None = None
    device: str | None = None
    lang: str | None = None
    media: Raw | UnsetType = UNSET


def links_in(text: str) -> list[str]:
    """The addresses a text holds, as the platform's own parser would list them."""
    if "http" not in text and "www." not in text:
        return []
    return [link.rstrip(".,!?;:)\"'~") for link in _LINK.findall(text)]


def media_fragments(count: int, rng: np.random.Generator, *, sexual: bool) -> list[Raw]:
    """JSON of one picture or video each, most with scores of an upstream scanner, 0 to 1. Ordinary pictures score low,
    save some of beaches and gyms."""
    score = rng.beta(6, 3, count) if sexual else rng.beta(1.2, 14, count)
    if not sexual:
        score = np.where(rng.random(count) < 0.02, rng.uniform(0.3, 0.7, count), score)
    violence = rng.beta(1, 30, count).round(3).tolist()
    kinds = np.where(rng.random(count) < 0.85, "image", "video").tolist()
    hashes = rng.integers(0, 1 << 62, count).tolist()
    scored = (rng.random(count) < 0.7).tolist()
    return [
        Raw(
            _encode(
                [Media(kind, f"{mark:016x}", {"sexual": sexy, "violence": harm} if known else {})],
            )
        )
        for kind, mark, sexy, harm, known in zip(kinds, hashes, score.round(3).tolist(), violence, scored, strict=True)
    ]
