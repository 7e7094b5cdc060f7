"""Where training text comes from, and on what terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.lines import without_mark


class Source(NamedTuple):
    """A published set whose licence lets weights learned from it be shipped. file: name without `.jsonl`."""

    file: str
    title: str
    licence: str
    credit: str


SOURCES = (
    Source("cold-train", "COLDataset", "Apache-2.0", "Deng et al., EMNLP 2022"),
    Source("davidson-train", "Hate Speech and Offensive Language", "MIT", "Davidson et al., ICWSM 2017"),
    Source("oai-moderation-train", "Moderation evaluation set", "MIT", "Markov et al., AAAI 2023 (OpenAI)"),
    Source("x-replies-train", "XCNSpamShield, replies on X", "MIT", "OptimisticQuan"),
    Source("sms-antispam-train", "text-antispam, message log", "MIT", "TensorLayer"),
    Source("sms-en-train", "SMS Spam Collection", "CC BY 4.0", "Almeida and Hidalgo, UCI, 2011"),
    Source("youtube-spam-train", "YouTube Spam Collection", "CC BY 4.0", "Alberto et al., UCI, 2015"),
)


class PostsError(ValueError):
    """A file of labelled posts cannot be read; the message names file and line."""


class LabelledPost(msgspec.Struct, gc=False):
    """A line of a training or evaluation file. Any label but `normal` is positive; `nick` is the author's
    name; the rest is what some published sets have."""

    text: str
    label: str
    nick: str = ""
    user: str = ""
    labelled_by: str = ""
    votes: list[int] = []

    @property
    def positive(self) -> bool:
        return self.label != "normal"


READ = frozenset(LabelledPost.__struct_fields__)


def read_posts(path: Path, say: Callable[[str], None] | None = None) -> list[LabelledPost]:
    """The labelled posts of a JSON Lines file; empty lines are skipped. PostsError if one cannot be read.

    say: is told which fields of the first post are not read. A misspelt `nick` is one of them, and would be missed by
    nobody.
    """
    return list(iterate_posts(path, say))


def iterate_posts(path: Path, say: Callable[[str], None] | None = None) -> Iterator[LabelledPost]:
    decoder = msgspec.json.Decoder(LabelledPost)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(without_mark(lines), 1):
                if line.strip():
                    yield decoded(decoder, line, f"{path}, line {number}")
                    if say and (passed_over := unread(line)):
                        say(f"{path}: fields that are not read: {passed_over}")
                    say = None
    except OSError as error:
        raise PostsError(f"cannot read {path}: {error.strerror}") from None


def unread(line: bytes) -> str:
    """Fields of a post that a LabelledPost has not."""
    return ", ".join(
        f"{name[:40]!r}" for name in msgspec.json.decode(line, type=dict[str, msgspec.Raw]) if name not in READ
    )


def decoded(decoder: msgspec.json.Decoder[LabelledPost], line: bytes, place: str) -> LabelledPost:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PostsError(f"{place}: not a post with text and label, as JSON in one line: {error}") from None
