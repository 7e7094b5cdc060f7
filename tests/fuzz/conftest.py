"""Hostile payloads by the thousand: posts with one to three things wrong with them, and bytes that were never posts.

Seeded, so that a failure comes back; plain Python, so that a hundred thousand are made in seconds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

NOW = 1_790_000_000_000
TEXTS = (
    "今天的面条很好吃", "a fine day for a walk", "同城可约，上门服务，加微信 vx8899 看照片", "", " ", "\u200b" * 30,
    "春季新品上架，手工羊毛围巾全场五折，加微信 wool88 领券", "you are a stupid idiot", "https://t.co/x 看主页",
)  # fmt: skip
NASTY = (
    "\ud800", "\udfff", "\udc00\ud800", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\uffff",
    "\U0010ffff", "\U000e0041", "e\u0301" * 40, "\u0661\u06f1", "ﷺ" * 20, "İıſß", "\u1160" * 9,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "加\u034f微\u00ad信", "Ｖ𝐱８⑧㊙", "\\", '"', "%s%b%%", "{0}", "$.id",
    "\r\n", "\t",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "-1", "1.0", "1e3", "1.5", "1e400", "-1e400", "1e-400", "NaN", "Infinity", "9" * 400,
    "-" + "9" * 25, "9223372036854775807", "9223372036854775808", "18446744073709551616", "4294967295",
    "4294967296", "946684799999", "946684800000", "4102444800000", "4102444800001",
    "01", "1.", ".5", "+1", "0x10", "1_000",
)  # fmt: skip
LINKS = (
    "https://example.com/x", "http://xn--fsqu00a.xn--0zwm56d/", "javascript:alert(1)", "//", "http://[::1",
    "http://[v1.x]/",
    "https://" + "a." * 900 + "com", "http://1.2.3.4:99999/", "http://user:pw@host/", "HTTP://BÜCHER.de", "http://。/",
    "?#",
    "http://\u2100.com", "data:,", "http://a\u0000b", "https://bit.ly/3x",
)  # fmt: skip
LIMITS = {
    ("text",): 20_000, ("id",): 128, ("author", "id"): 128, ("author", "name"): 200, ("author", "agency"): 128,
    ("reply_to",): 128, ("ip",): 128, ("device",): 128, ("lang",): 128,
}  # fmt: skip
FIELDS = (
    *LIMITS, ("created_at",), ("kind",), ("links",), ("media",), ("author",), ("author", "created_at"),
    ("author", "followers"), ("links", 0), ("media", 0), ("media", 0, "kind"), ("media", 0, "hash"),
    ("media", 0, "scores"), ("media", 0, "scores", "nudity"), ("unknown",),
)  # fmt: skip


class Number(float):
    """A number as it is written, which `json` would not write so."""

    def __new__(cls, written: str) -> Number:
        made = super().__new__(cls, 0.0)
        made.written = written
        return made

    written: str


class Fuzzer:
    """Makes payloads: `bytes`, or None for a tombstone."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.last = b"{}"
        self.ways: tuple[Callable[[dict[str, Any]], None], ...] = (
            self.swap, self.swap, self.drop, self.limit, self.number, self.nasty, self.nasty, self.many, self.deep,
        )  # fmt: skip

    def payloads(self, count: int) -> Iterator[bytes | None]:
        """`count` of them: a third are posts still, or nearly."""
        for _ in range(count):
            yield self.payload()

    def payload(self) -> bytes | None:
        dice = self.random.random()
        if dice < 0.01:
            return self.random.choice((None, b"", b"null", b"[]", b"{}", b"\xef\xbb\xbf{}", b'""', b"0"))
        if dice < 0.04:
            return self.random.randbytes(self.random.randrange(120))
        post = self.post()
        if dice > 0.3:
            for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                self.random.choice(self.ways)(post)
        value = self.written(post)
        if dice > 0.8:
            value = self.broken(value)
        self.last = value
        return value

    def post(self) -> dict[str, Any]:
        """A post that is one."""
        chance, number = self.random.random, self.random.randrange(5_000)
        post: dict[str, Any] = {
            "id": f"p{self.random.getrandbits(60)}",
            "text": self.random.choice(TEXTS),
            "author": {"id": f"a{number % 900}", "name": "小王"},
            "created_at": NOW - self.random.randrange(90_000),
        }
        if chance() < 0.6:
            post["author"] |= {"created_at": NOW - self.random.randrange(10**11), "followers": number}
        if chance() < 0.3:
            post |= {"links": self.random.sample(LINKS, 2), "ip": f"192.0.2.{number % 256}", "device": f"d{number}"}
        if chance() < 0.2:
            post |= {"kind": "comment", "reply_to": f"p{number}", "lang": "zh-CN"}
        if chance() < 0.2:
            post["media"] = [{"kind": "image", "hash": f"h{number}", "scores": {"nudity": 0.4}}]
        return post

    def written(self, post: Any) -> bytes:
        """The post as JSON: escaped or not, and now and then with a key twice."""
        text = _json(post, self.random.random() < 0.5)
        if self.random.random() < 0.05:
            key = self.random.choice(("id", "author", "text", "created_at"))
            text = f'{{"{key}":{self.value()},{text[1:]}' if self.random.random() < 0.5 else (
                f'{text[:-1]},"{key}":{self.value()}}}'
            )  # fmt: skip
        if self.random.random() < 0.01:
            return text.encode(self.random.choice(("utf-16", "utf-32", "utf-7", "gb18030")), "replace")
        return text.encode(errors="surrogatepass")

    def value(self) -> str:
        """Any JSON value, or nearly."""
        return self.random.choice(
            ("null", "true", '""', '"x"', "[]", "{}", "[[[]]]", '{"id":"z"}', "[null]", *self.random.sample(NUMBERS, 3))
        )

    def broken(self, value: bytes) -> bytes:
        """The same bytes with bits turned, cut off, spliced with other bytes, or run on."""
        made = bytearray(value)
        match self.random.randrange(5):
            case 0:
                for _ in range(self.random.choice((1, 1, 2, 8))):
                    made[self.random.randrange(len(made))] ^= 1 << self.random.randrange(8)
            case 1:
                del made[self.random.randrange(len(made)) :]
            case 2:
                start = self.random.randrange(len(made))
                made[start : start + self.random.randrange(20)] = self.random.randbytes(self.random.randrange(20))
            case 3:
                cut = self.random.randrange(len(made))
                made = made[:cut] + self.last[min(cut, len(self.last)) :]
            case _:
                made += self.random.choice((b"\n", b" ", b"\x00", b"{}", b"//", value))
        return bytes(made)

    def swap(self, post: dict[str, Any]) -> None:
        """A value of another type."""
        _put(post, self.random.choice(FIELDS), Number(self.value()))

    def number(self, post: dict[str, Any]) -> None:
        """A number at, beyond or far beyond what is allowed."""
        place = self.random.choice(
            (("created_at",), ("author", "created_at"), ("author", "followers"), ("media", 0, "scores", "nudity"))
        )
        _put(post, place, Number(self.random.choice(NUMBERS)))

    def drop(self, post: dict[str, Any]) -> None:
        """A field less."""
        within = post["author"] if isinstance(post.get("author"), dict) and self.random.random() < 0.4 else post
        if within:
            del within[self.random.choice(list(within))]

    def limit(self, post: dict[str, Any]) -> None:
        """A text just below, at or above its limit; the long one seldom, since it costs."""
        place = self.random.choice(list(LIMITS)[0 if self.random.random() < 0.15 else 1 :])
        char = self.random.choice(("a", "中", "\U0001f600", "\u0301", "ﷺ", " "))
        _put(post, place, char * (LIMITS[place] + self.random.choice((-1, 0, 1))))

    def nasty(self, post: dict[str, Any]) -> None:
        """Characters that break what is careless, in any text."""
        place = self.random.choice(
            (*LIMITS, ("kind",), ("links", 0), ("media", 0, "kind"), ("media", 0, "hash"), ("text",))
        )
        _put(post, place, self.random.choice(("", "x", "加微信 ")) + "".join(self.random.choices(NASTY, k=3)))

    def many(self, post: dict[str, Any]) -> None:
        """As many entries as are allowed, or one more or less."""
        more = self.random.choice((-1, 0, 1))
        match self.random.randrange(4):
            case 0:
                post["links"] = [self.random.choice(LINKS)] * (100 + more)
            case 1:
                post["media"] = [{"kind": "image"}] * (50 + more)
            case 2:
                scores = {f"s{number}": 0.5 for number in range(50 + more)}
                post["media"] = [{"kind": "image", "scores": scores}]
            case _:
                post["links"] = ["x" * (2_048 + more)]

    def deep(self, post: dict[str, Any]) -> None:
        """Lists or objects in one another, in a field that is known or in one that is passed over."""
        depth = self.random.choice((3, 30, 500, 3_000))
        opened, closed = self.random.choice((("[", "]"), ('{"a":', "}"), ('[{"id":', "}]")))
        _put(post, self.random.choice(FIELDS), Number(opened * depth + "0" + closed * depth))


def _put(post: dict[str, Any], place: tuple[Any, ...], value: Any) -> None:
    within: Any = post
    for step, following in pairwise(place):
        try:
            within = within[step]
        except (KeyError, IndexError, TypeError):
            fresh: Any = [{}] if following == 0 else {}
            if isinstance(within, dict):
                within[step] = fresh
            within = fresh
    if isinstance(within, dict) or (isinstance(within, list) and within):
        within[place[-1]] = value


def _json(value: Any, escaped: bool) -> str:
    match value:
        case Number():
            return value.written
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_json(item, escaped)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(_json(item, escaped) for item in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=escaped)


@pytest.fixture
def fuzzer() -> type[Fuzzer]:
    """The class of fuzzers: a seed."""
    return Fuzzer
