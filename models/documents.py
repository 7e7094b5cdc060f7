"""What a model reads: the text of a post, or the author's name and the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Reads = Literal["text", "name+text"]
BETWEEN = "\n"


def documents(texts: Sequence[str], names: Sequence[str], reads: Reads) -> list[str]:
    """One string a post. Name and text are joined by a line end, so a document is split at its first one."""
    if reads == "text":
        return list(texts)
    return [one_line(name) + BETWEEN + text for name, text in zip(names, texts, strict=True)]


def one_line(name: str) -> str:
    """The name with its line ends spelled in another way, which folds to the same."""
    return name.replace(BETWEEN, "\r")


def parts(document: str) -> tuple[str, str]:
    """Name and text of a document made for `name+text`."""
    name, _, text = document.partition(BETWEEN)
    return name, text
