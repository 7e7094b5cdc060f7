"""Scoring without a broker: lines of JSON in, a line of JSON out for each, in order."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
import polars as pl

from models.lines import without_mark
from topics.decision import Span
from topics.post import LATEST, Author, Kind, Media, Post
from workers.batch import Batch
from workers.encoding import decisions
from workers.judge import Judge, Judgement
from workers.policy import VERDICTS

BATCH = 4_000
LooseTime = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]


class LooseAuthor(msgspec.Struct, gc=False):
    """An author of whom anything may be unknown."""

    id: str = ""
    name: str = ""
    created_at: LooseTime | None = None
    followers: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    agency: str | None = None


class LoosePost(msgspec.Struct, gc=False):
    """A post of which only the text must be known. An unknown author has no counters of its own.

    nick: the author's name as labelled sets have it, for a row without `author`.
    """

    text: str
    id: str | int | None = None
    author: LooseAuthor = msgspec.field(default_factory=LooseAuthor)
    created_at: LooseTime = 0
    kind: Kind = "post"
    reply_to: str | None = None
    links: list[str] = []
    ip: str | None = None
    device: str | None = None
    lang: str | None = None
    media: list[Media] = []
    nick: str = ""

    def strict(self, number: int) -> Post:
        """The post as the worker knows it; without an id it takes its line's `number`."""
        author = Author(*msgspec.structs.astuple(self.author))
        author.name = author.name or self.nick
        name = str(number) if self.id is None else str(self.id)
        rest = msgspec.structs.astuple(self)[3:-1]
        return Post(name, self.text, author, *rest)


_decode = msgspec.json.Decoder(LoosePost).decode


def read_line(number: int, line: bytes) -> Post:
    """The post in a line of JSON, of which only `text` is required. number: that of the line, from 1.

    Raises ValueError or RecursionError where it is none.
    """
    if not line or line.isspace():
        raise ValueError("is empty")
    post = _decode(line).strict(number)
    # A lone surrogate is no text: nothing downstream could write it again.
    msgspec.json.encode(post)
    return post


class Scored(msgspec.Struct):
    """A line's outcome: a post with its verdict and scores, or why the line is none."""

    id: str | None
    verdict: str | None = None
    rules: list[str] = []
    campaign: str | None = None
    scores: dict[str, float] = {}
    error: str | msgspec.UnsetType = msgspec.UNSET
    spans: list[Span] | msgspec.UnsetType = msgspec.UNSET
    post: Post | msgspec.UnsetType = msgspec.UNSET


async def score_lines(judge: Judge, lines: Iterable[bytes], explain: bool = False) -> AsyncIterator[Scored]:
    """One outcome for each line, in order.

    Args:
        judge: an offline judge; its counters see the posts in the order of the lines.
        lines: JSON objects; only `text` is required.
        explain: give spans for every model that a fired rule names, and the post itself.
    """
    numbered = iter(enumerate(without_mark(lines), 1))
    first_offset = 0
    while chunk := list(itertools.islice(numbered, BATCH)):
        posts: list[Post] = []
        outcomes: list[Scored | None] = []
        for number, line in chunk:
            try:
                posts.append(read_line(number, line))
            except (ValueError, RecursionError) as error:
                outcomes.append(Scored(None, error=f"line {number}: {error}"))
            else:
                outcomes.append(None)
        scored: Iterator[Scored] = iter(())
        if posts:
            batch = Batch.offline(posts, first_offset)
            first_offset += len(posts)
            scored = iter(_scored(await judge.judge(batch), judge, explain))
        for outcome in outcomes:
            yield next(scored) if outcome is None else outcome


def _scored(judgement: Judgement, judge: Judge, explain: bool) -> list[Scored]:
    verdicts, batch = judgement.verdicts, judgement.batch
    scores = judgement.frame.select(pl.col(judge.scorer.names).cast(pl.Float64).round(6)).rows()
    outcomes = [
        Scored(
            post_id,
            VERDICTS[verdict],
            campaign=judgement.campaigns.name(place),
            scores=dict(zip(judge.scorer.names, row, strict=True)),
        )
        for place, (post_id, verdict, row) in enumerate(zip(batch.ids, verdicts.verdict.tolist(), scores, strict=True))
    ]
    for row, fired in verdicts.fired.items():
        outcomes[row].rules += [verdicts.rules[index].name for index in fired]
    if explain:
        full = decisions(judgement, list(range(len(batch))), judge)
        for outcome, decision, post in zip(outcomes, full, batch.posts, strict=True):
            outcome.spans, outcome.post = decision.spans, post
    return outcomes


async def measure_posts(posts: Sequence[dict[str, Any]], judge: Judge) -> pl.DataFrame:
    """Every signal of posts given as dictionaries, in which only `text` is required: one row each, in order.

    Each post is measured alone, as if nothing had been counted before it.

    Raises:
        msgspec.ValidationError: a post has a field of the wrong type.
    """
    frames = []
    for number, given in enumerate(posts):
        post = msgspec.convert(given, LoosePost).strict(number)
        frames.append((await judge.judge(Batch.offline([post], number))).frame)
    return pl.concat(frames)
