"""What posts carry that says nothing about them: mentions, emoticons, tags; and small talk that only sounds
strong.

No set that may be used for shipped weights comes from a microblog, so a model would take a row of mentions for
advertising, and disgust at a spoilt lunch for an insult.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from models.training.examples import Examples

ENDS = ("", "", "！", "！！！", "。", "…", "~", "～", "，", "!!", " ")


@cache
def words() -> dict[str, list[str]]:
    """The word lists of trimmings.txt."""
    sections: dict[str, list[str]] = {}
    found: list[str] = []
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found = sections.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            found += [word.replace("_", " ") for word in line.split()]
    return sections


def trimmed(of: Examples, share: float, seed: int) -> Examples:
    """The same posts, about `share` of them with trimmings before or behind, whatever their label."""
    writer = Writer(seed)
    chosen = (np.random.default_rng(seed).random(len(of)) < share).tolist()
    texts = [writer.trimmed(text) if chosen[row] else text for row, text in enumerate(of.texts)]
    return replace(of, texts=texts)


def small_talk(count: int, weight: float, seed: int) -> Examples:
    """Greetings, emoticons and mentions alone, and strong words about things: all of it ordinary."""
    writer = Writer(seed)
    return Examples(
        [writer.small_talk() for _ in range(count)],
        [""] * count,
        np.zeros(count, bool),
        np.full(count, weight),
        [f"small talk {place}" for place in range(count)],
        ["small talk of our own"] * count,
    )


class Writer:
    """Writes trimmings and small talk; the same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, options: Sequence[str]) -> str:
        return options[int(self.rng.random() * len(options))]

    def word(self, section: str) -> str:
        return self.one(words()[section])

    def trimmed(self, text: str) -> str:
        kind = self.one(["emoticons", "emoticons", "mentions", "mentions", "reply", "repost", "topic", "both"])
        if kind == "reply":
            return f"回复@{self.word('handles')}:{text}"
        if kind == "repost":
            return f"{text}//@{self.word('handles')}:{self.one(['转发微博', self.word('greetings')])}"
        if kind == "topic":
            return f"#{self.word('topics')}#{text}"
        text += "" if kind == "mentions" else self.emoticons()
        return text + ("" if kind == "emoticons" else self.mentions())

    def emoticons(self) -> str:
        """One to eight, often the same again."""
        times = int(self.one("11112233458"))
        several = [self.word("emoticons") for _ in range(times)]
        shown = several if self.one("aab") == "b" else [several[0]] * times
        return "".join(f"[{one}]" for one in shown)

    def mentions(self) -> str:
        between = self.one(["", " ", "  "])
        return between.join(f" @{self.word('handles')}" for _ in range(int(self.one("1112233459"))))

    def small_talk(self) -> str:
        kind = self.one(["greeting", "greeting", "outburst", "outburst", "outburst", "nod", "trimming"])
        if kind == "nod":
            return self.word("nods") + self.one(ENDS)
        if kind == "trimming":
            return self.trimmed(self.one(["", "", self.word("nods")]))
        said = self.greeting() if kind == "greeting" else self.outburst()
        behind = self.one(["", "", "emoticons", "mentions"])
        return said + (self.emoticons() if behind == "emoticons" else self.mentions() if behind else "")

    def greeting(self) -> str:
        whom = self.one(["", self.word("to_whom"), "祝" + self.word("to_whom")])
        wish = self.one(["", "", self.word("wishes")])
        return whom + self.word("greetings") + self.one(["", "", "，", "！"]) + wish + self.one(ENDS)

    def outburst(self) -> str:
        about = self.one([self.word("things"), self.word("things"), "", "今天", "唉"])
        return about + self.one(["", "", "，"]) + self.word("feelings") + self.one(ENDS)
