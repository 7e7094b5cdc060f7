"""Bytes to posts: a whole batch at a time, never raising, whatever the bytes.

What is not a post comes back as a `BadPost`: a short code (one of `dead_letter.Reason`, which may label a
metric) and a sentence for a person, which names the field and the limit and repeats nothing of the post.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import json

from topics.dead_letter import Reason
from topics.post import Post
from topics.refusal import why_refused


class BadPost(NamedTuple):
    """Why the value in one row of a batch is not a post."""

    row: int
    reason: Reason
    detail: str


_decode: Final = json.Decoder(Post).decode
# Bytes as numbers: looking for one is several times as fast as looking for a piece of bytes.
_BACKSLASH: Final = 0x5C
_C1_LEAD: Final = 0xC2
_DEL: Final = 0x7F
_control: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read_posts(values: Sequence[bytes | None]) -> tuple[list[Post | None], list[BadPost]]:
    """Posts in the order of their values, None where a value is no post; and why, for each of those."""
    posts: list[Post | None] = []
    bad: list[BadPost] = []
    for row, value in enumerate(values):
        post: Post | None = None
        if value is None:
            bad.append(BadPost(row, "tombstone", "the record has no value (a tombstone), so there is no post"))
        else:
            try:
                post = _decode(value)
            except (ValueError, RecursionError) as error:
                bad.append(BadPost(row, *why_refused(error, value)))
            else:
                # JSON has C0 characters only as escapes; DEL and C1 may stand raw.
                if _BACKSLASH in value or _C1_LEAD in value or _DEL in value:
                    detail = _forbidden_character(post)
                    if detail is not None:
                        post = None
                        bad.append(BadPost(row, "control_character", detail))
        posts.append(post)
    return posts, bad


def _forbidden_character(post: Post) -> str | None:
    """Which field has a character that it must not have, as a sentence."""
    author = post.author
    ids = f"{post.id}{author.id}{author.agency}{post.reply_to}{post.ip}{post.device}{post.lang}"
    # isprintable is false for more than control characters, but where it is true there are none.
    if not ids.isprintable() or post.media:
        for field, identifier in _identifiers(post):
            if identifier is not None and _control.search(identifier):
                return f"{field} contains a control character (such as a line feed or NUL), which no id may"
    if "\0" in post.text:
        return "text contains the character NUL, which no text may"
    if "\0" in author.name:
        return "author.name contains the character NUL, which no text may"
    if "\0" in "".join(post.links):
        return "links contain the character NUL, which no text may"
    return None


def _identifiers(post: Post) -> Iterator[tuple[str, str | None]]:
    yield "id", post.id
    yield "author.id", post.author.id
    yield "author.agency", post.author.agency
    yield "reply_to", post.reply_to
    yield "ip", post.ip
    yield "device", post.device
    yield "lang", post.lang
    for media in post.media:
        yield "media.kind", media.kind
        yield "media.hash", media.hash
        for name in media.scores:
            yield "a name in media.scores", name
