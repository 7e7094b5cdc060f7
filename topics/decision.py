"""A decision: the value of a record on `posts.allow`, `posts.flag` or `posts.block`.

Nothing in it comes from the clock or from chance: the same post under the same policy and models gives the
same bytes. When it was decided is the timestamp of its record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal

import numpy as np
from msgspec import Meta, Struct, json
from numpy.typing import NDArray

from topics.post import MAX_ID, MAX_NAME, MAX_TEXT, Id, Post, Score, Time

Verdict = Literal["allow", "flag", "block"]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Version = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
SignalValue = float | int | str | bool | None
CodePoint = Annotated[int, Meta(ge=0, le=MAX_TEXT)]
CampaignId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class FiredRule(Struct, gc=False):
    """A rule of the policy that was true of the post."""

    name: Annotated[Name, Meta(description="The rule's name in the policy.")]
    verdict: Annotated[Verdict, Meta(description="What this rule asks for.")]
    category: Annotated[Name, Meta(description="What kind of harm the rule is about.")]
    reason: Annotated[str, Meta(max_length=1_000, description="Why, in a sentence for people.")]


class Span(Struct, gc=False):
    """A piece of the post that weighed much in a model's score. Offsets count code points."""

    field: Annotated[Literal["text", "name"], Meta(description="Which field the piece is in.")]
    start: Annotated[CodePoint, Meta(description="Its first code point.")]
    end: Annotated[CodePoint, Meta(description="The code point after its last.")]
    model: Annotated[Name, Meta(description="The model it weighed in, or the list of terms (terms_<list>) it is on.")]
    weight: Annotated[float, Meta(description="What it added to the model's log-odds; 1 for a term.")]


class Source(Struct, gc=False):
    """The record on `posts` that the post came from."""

    partition: Annotated[Annotated[int, Meta(ge=0, le=2**31 - 1)], Meta(description="Partition of `posts`.")]
    offset: Annotated[Count, Meta(description="Offset in that partition.")]


class Decision(Struct, gc=False, omit_defaults=True, kw_only=True):
    """What was decided about a post, and all that is needed to see why."""

    id: Annotated[Id, Meta(description="The post's id.")]
    author: Annotated[Id, Meta(description="The author's id; also the record's key.")]
    verdict: Annotated[Verdict, Meta(description="Let it pass, divert it to people, or stop it.")]
    category: Annotated[Name | None, Meta(description="Category of the rule that decided; absent when none fired.")] = (
        None
    )
    rules: Annotated[list[FiredRule], Meta(description="Every rule that fired.")] = []
    signals: Annotated[
        dict[str, SignalValue], Meta(description="Values of the signals that the fired rules name.")
    ] = {}
    scores: Annotated[dict[str, Score], Meta(description="Probability by model name.")] = {}
    spans: Annotated[list[Span], Meta(description="The pieces of the post that weighed most.")] = []
    policy: Annotated[Version, Meta(description="Version of the policy.")]
    models: Annotated[dict[str, Version], Meta(description="Version by model name.")] = {}
    degraded: Annotated[
        bool, Meta(description="True when counters could not be read, so that their signals were unknown.")
    ] = False
    source: Annotated[Source, Meta(description="The record the post came in.")]
    created_at: Annotated[Time, Meta(description="When the post was written, in epoch milliseconds.")]
    arrived_at: Annotated[Count, Meta(description="Timestamp of the record the post came in, in epoch milliseconds.")]
    campaign: Annotated[
        CampaignId | None, Meta(description="The campaign that the post is one of; absent when it is of none.")
    ] = None
    post: Annotated[Post | None, Meta(description="The post itself; only with flag and block.")] = None


_encoder: Final = json.Encoder()
_decoder: Final = json.Decoder(Decision)


def encode(decision: Decision) -> bytes:
    """The decision as one line of JSON."""
    return _encoder.encode(decision)


def decode(value: bytes) -> Decision:
    """The decision that `encode` or `allow_lines` wrote.

    Raises msgspec.DecodeError (a ValueError) when the bytes are no decision.
    """
    return _decoder.decode(value)


def allow_lines(
    ids: Sequence[str],
    authors: Sequence[str],
    *,
    partition: int,
    offsets: NDArray[np.int64],
    created_at: NDArray[np.int64],
    arrived_at: NDArray[np.int64],
    policy: str,
    degraded: bool = False,
    campaigns: Mapping[int, str] = MappingProxyType({}),
) -> list[bytes]:
    """Allow decisions of posts of one partition, each the bytes `encode` would give, without making objects.

    All columns have one row a post; `campaigns` has the ids of the campaigns by row. Ids must be encodable as UTF-8, as
    ids read by `topics.reading` are.
    """
    # JSON escapes the ends of lines, so a line is one encoded string without doubt.
    id_lines = _encoder.encode_lines(ids).splitlines()
    author_lines = _encoder.encode_lines(authors).splitlines()
    line = b'{"id":%%b,"author":%%b,"verdict":"allow","policy":%b%b,"source":{"partition":%d,"offset":%%d},' % (
        _encoder.encode(policy).replace(b"%", b"%%"),
        b',"degraded":true' if degraded else b"",
        partition,
    )
    line += b'"created_at":%d,"arrived_at":%d}'
    columns = zip(id_lines, author_lines, offsets.tolist(), created_at.tolist(), arrived_at.tolist(), strict=True)
    lines = [line % row for row in columns]
    for row, campaign in campaigns.items():
        lines[row] = b'%b,"campaign":"%b"}' % (lines[row][:-1], campaign.encode())
    return lines
