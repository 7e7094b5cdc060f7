"""Ordinary traffic, a block at a time as columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import UNSET, Raw, UnsetType
from numpy.typing import NDArray

from models.grammar import Column, phrasebook, slip
from workers.simulator.record import Record, links_in, media_fragments
from workers.simulator.society import Society

_KINDS = np.array(["post", "comment", "repost", "message", "profile"], object)
_ODDS = [0.55, 0.33, 0.08, 0.03, 0.01]
_HOT = 701  # every so many posts, one that many people answer
_MEMORY = 3000  # originals of earlier blocks that are still passed on


class Crowd:
    """Everybody's posts. Keeps the latest originals, for reposts reach back into the block before."""

    def __init__(self, society: Society, id_prefix: str) -> None:
        self._society, self._prefix = society, id_prefix
        self._originals: list[tuple[str, str]] = []  # id, text

    def write(
        self, numbers: NDArray[np.int64], times: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[list[Record], Column, list[str | None]]:
        """Records of posts with these numbers and times; their authors' ids; and a detail, `repost` or None."""
        n = len(numbers)
        society = self._society
        authors = society.draw(n, rng)
        texts = self._texts(society.english[authors], rng)
        kinds = _KINDS[rng.choice(len(_KINDS), n, p=_ODDS)]
        ids = [f"{self._prefix}{number}" for number in numbers.tolist()]
        replies = self._replies(numbers, rng)
        reply_to = [target if kind == "comment" else None for target, kind in zip(replies, kinds.tolist(), strict=True)]
        passed_on = self._repost(ids, texts, kinds, rng)
        for i, (original, text) in passed_on.items():
            reply_to[i], texts[i] = original, text
        langs = np.where(society.english[authors], "en", "zh").astype(object)
        langs[rng.random(n) < 0.06] = None
        pictured = rng.random(n) < 0.22
        media: list[Raw | UnsetType] = [UNSET] * n
        fragments = media_fragments(int(pictured.sum()), rng, sexual=False)
        for i, fragment in zip(np.flatnonzero(pictured).tolist(), fragments, strict=True):
            media[i] = fragment
        rows = zip(
            ids,
            texts.tolist(),
            society.authors[authors].tolist(),
            times.tolist(),
            kinds.tolist(),
            reply_to,
            map(links_in, texts.tolist()),
            society.addresses(authors, rng).tolist(),
            society.devices(authors, rng).tolist(),
            langs.tolist(),
            media,
            strict=True,
        )
        details: list[str | None] = [None] * n
        for i in passed_on:
            details[i] = "repost"
        return [Record(*row) for row in rows], society.id_column[authors], details

    def _texts(self, english: NDArray[np.bool_], rng: np.random.Generator) -> Column:
        texts: Any = np.empty(len(english), object)
        count = int(english.sum())
        fresh = phrasebook().expand({"chatter.en": count, "chatter.zh": len(english) - count}, rng)
        texts[english], texts[~english] = fresh["chatter.en"], fresh["chatter.zh"]
        for i in np.flatnonzero(rng.random(len(english)) < 0.04):
            texts[i] = slip(texts[i], rng)
        return texts  # type: ignore[no-any-return]

    def _replies(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
        """Whom each post would answer: something recent, or the hot thread of the hour."""
        back = 1 + rng.exponential(300, len(numbers)).astype(np.int64)
        hot = (numbers - 40) // _HOT * _HOT
        targets = np.where((rng.random(len(numbers)) < 0.4) & (hot >= 0), hot, numbers - back).clip(0)
        return [f"{self._prefix}{target}" for target in targets.tolist()]

    def _repost(
        self, ids: list[str], texts: Column, kinds: Column, rng: np.random.Generator
    ) -> dict[int, tuple[str, str]]:
        """Original id and text for each repost, an earlier one; a repost with nothing to pass on becomes a post."""
        fresh = np.flatnonzero(kinds == "post")
        known = self._originals + [(ids[i], texts[i]) for i in fresh.tolist()]
        reposts = np.flatnonzero(kinds == "repost")
        limit = len(self._originals) + np.searchsorted(fresh, reposts)
        chosen = limit - 1 - rng.exponential(800, len(reposts)).astype(np.int64)
        popular = rng.random(len(reposts)) < 0.6
        chosen = np.where(popular, chosen // 25 * 25, chosen)
        self._originals = known[-_MEMORY:]
        kinds[reposts[chosen < 0]] = "post"
        pairs = zip(reposts.tolist(), chosen.tolist(), strict=True)
        return {i: known[at] for i, at in pairs if at >= 0}
