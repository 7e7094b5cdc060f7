"""Bytes that are no post. None of them holds a newline, so each stays one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

_encode = msgspec.json.encode
_MARK = "@@mark@@"
_Post = dict[str, Any]

# How a producer breaks a record: from the good bytes and what they say to the bad bytes.
WAYS: dict[str, Callable[[bytes, _Post], bytes]] = {
    "not_json": lambda line, post: f"id={post['id']}&text=hello".encode(),
    "cut_off": lambda line, post: line[: len(line) // 2],
    "tombstone": lambda line, post: b"",
    "array": lambda line, post: b"[" + line + b"]",
    "missing_id": lambda line, post: _encode({key: post[key] for key in post if key != "id"}),
    "missing_author": lambda line, post: _encode({key: post[key] for key in post if key != "author"}),
    "empty_id": lambda line, post: _encode(post | {"id": ""}),
    "newline_in_id": lambda line, post: _encode(post | {"id": post["id"] + "\n"}),
    "text_is_null": lambda line, post: _encode(post | {"text": None}),
    "time_is_text": lambda line, post: _encode(post | {"created_at": "yesterday"}),
    "time_in_seconds": lambda line, post: _encode(post | {"created_at": post["created_at"] // 1000}),
    "unknown_kind": lambda line, post: _encode(post | {"kind": "livestream"}),
    "lone_surrogate": lambda line, post: _with_text(post, rb"\ud83d oops"),
    "nul": lambda line, post: _with_text(post, rb"a\u0000b"),
    "raw_nul": lambda line, post: _with_text(post, b"a\x00b"),
    "not_utf8": lambda line, post: _with_text(post, b"\xff\xfe\xc3("),
    "long_text": lambda line, post: _encode(post | {"text": post["text"][:20].ljust(30_000, "~")}),
    "many_links": lambda line, post: _encode(post | {"links": [f"http://a.example/{i}" for i in range(2_000)]}),
}


def malformed(well_formed: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """The record, broken in one of the WAYS; and in which."""
    way = list(WAYS)[int(rng.integers(len(WAYS)))]
    return WAYS[way](well_formed, msgspec.json.decode(well_formed)), way


def _with_text(post: _Post, text: bytes) -> bytes:
    return _encode(post | {"text": _MARK}).replace(_MARK.encode(), text)
