"""Model cards: what a model is for, what it learned from, how good it is. Written by the training run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.documents import Reads
from models.evader import READABLE, Point
from models.evaluation import Row, Tradeoff
from models.training.ablation import Worth
from models.training.dialect import Alarms
from models.training.examples import Examples
from models.training.sources import SOURCES

PURPOSE = {
    "abuse": (
        "Insults, threats and hate against a person or a group, in Chinese and English.",
        "Not for political opinion, criticism or coarse language that hurts nobody. It does not know who speaks: "
        "a word that a group uses for itself counts like the same word thrown at it.",
    ),
    "marketing": (
        "Advertising and bulk promotion in Chinese and English.",
        "Not for telling allowed advertising from forbidden: that is for a policy, with counters and account "
        "signals beside this score.",
    ),
    "solicitation": (
        "What is offered under cover, in a post or in its author's name, mostly Chinese: sexual services and "
        "pornography; the trades of fraud, such as gambling, money mules, work that is none, bought attention.",
        "Not for talk about such things: sexuality, health advice, art, news, warnings, a victim who asks for help.",
    ),
}
LIMITS = [
    "- It reads characters, not meaning: irony, quotation and what was said before are lost on it.",
    "- A post of a few characters says little; such posts score low unless the words are clear.",
    "- Where posts differ from the sets above, probabilities drift: measure on your own posts with",
    "  `sluicegate models evaluate FILE`, or train on them with `sluicegate models train --task`.",
]
TWEETS = [
    "- The English tweets it learned from were labelled with a known bias against African American English, as",
    "  their authors say. Watch false alarms by dialect before you block on this score alone.",
]
SHOWN = (
    "accuracy", "precision", "recall", "f1", "macro_f1", "auc", "average_precision", "ece",
    "recall_at_precision_95", "recall_at_precision_98",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A model's figures and reliability on one file. transfer: nothing of its kind was learned from."""

    file: str
    transfer: bool
    figures: dict[str, float]
    reliability: list[Row]
    tradeoffs: list[Tradeoff]


@dataclass(frozen=True)
class Card:
    """What the card is written from. alarms: file of ordinary posts -> their probabilities. shipped: trained by
    one of our recipes, not on a platform's own posts. evasion: file -> recall on its positive posts as their spelling
    gets stranger. ablation: what the parts of the recipe are worth, where that was measured. dialect: file of English
    posts -> false alarms among posts with marks of African American English and without."""

    name: str
    reads: Reads
    trained: str
    seed: int
    learned: Examples
    measured: list[Measured]
    alarms: dict[str, NDArray[np.float32]]
    shipped: bool
    evasion: dict[str, list[Point]] = field(default_factory=dict)
    ablation: list[Worth] = field(default_factory=list)
    dialect: dict[str, list[Alarms]] = field(default_factory=dict)

    def text(self) -> str:
        """The card as Markdown, with `{version}` where the registry puts the version."""
        own = (f"`{self.name}`, as the posts it learned from say.", "")
        purpose, not_for = PURPOSE[self.name] if self.shipped else own
        reads = "the text of a post" if self.reads == "text" else "the author's name and the text of a post"
        return "\n".join([
            f"# {self.name} {{version}}",
            "",
            f"{purpose} It reads {reads} and gives a probability.",
            *(["", not_for] if not_for else []),
            "",
            f"Trained {self.trained}, seed {self.seed}. Logistic regression over hashed grams, weighted by rarity: 1 "
            "to 3 folded characters, 4 of the Latin script, words and pairs of them, separators, length, capitals, the "
            "longest number, pairs of characters nobody writes; "
            "learned from camouflaged copies as well; calibrated by Platt's method on posts kept out of training.",
            "",
            "## Sources",
            "",
            *table(["source", "licence", "posts", "positive", "by"], self.sources()),
            "",
            "## Figures",
            "",
            "A post counts as caught from 0.5 on. `transfer`: a set unlike all it learned from; the others are "
            "kept-out posts of sets it learned from. `in parts`: a set without a part kept out, scored by models that "
            "each left out a fifth of its authors or wordings, and calibrated as the one that is kept.",
            "",
            *table(["set", *SHOWN], self.rows()),
            *self.false_alarms(),
            *self.dialect_table(),
            *self.evasion_table(),
            *self.ablation_table(),
            "",
            "## Precision and recall",
            "",
            "What a threshold gives. Share: of all posts of the set, those at or above it.",
            "",
            *self.thresholds(),
            "## Reliability",
            "",
            "Of posts with a probability in the bin, the share that was positive.",
            "",
            *self.reliability(),
            "## Limits",
            "",
            *LIMITS,
            *(TWEETS if "davidson-train" in self.learned.sources else []),
            "",
        ])  # fmt: skip

    def sources(self) -> Iterator[list[str]]:
        posts, positive = Counter(self.learned.sources), Counter[str]()
        for source, is_positive in zip(self.learned.sources, self.learned.positive.tolist(), strict=True):
            positive[source] += is_positive
        known = {source.file: source for source in SOURCES}
        for source, count in posts.items():
            title, licence, by = (
                (known[source].title, known[source].licence, known[source].credit)
                if source in known
                else (source, "own", "")
            )
            yield [title, licence, f"{count:,}", f"{positive[source]:,}", by]

    def rows(self) -> Iterator[list[str]]:
        for measured in self.measured:
            name = f"{measured.file} (transfer)" if measured.transfer else measured.file
            yield [name, *(shown(measured.figures[figure]) for figure in SHOWN)]

    def false_alarms(self) -> list[str]:
        if not self.alarms:
            return []
        rows = [
            [file, f"{len(chance):,}", f"{(chance >= 0.5).mean():.2%}", f"{(chance >= 0.9).mean():.3%}"]
            for file, chance in self.alarms.items()
        ]
        return [
            "",
            "False alarms on ordinary Weibo posts that nobody checked (some are what the model looks for):",
            "",
            *table(["set", "posts", "from 0.5", "from 0.9"], rows),
        ]

    def dialect_table(self) -> list[str]:
        rows = [
            [file, alarms.kind, f"{alarms.posts:,}", shown(alarms.share)]
            for file, both in self.dialect.items()
            for alarms in both
        ]
        if not rows:
            return []
        return [
            "",
            "False alarms by dialect: of posts labelled normal, the share called otherwise from 0.5 on, with marks of "
            "African American English (some features of grammar and spelling, `training/dialect`) and without. No "
            "label says who wrote a post: a sign, no measure.",
            "",
            *table(["set", "posts that are", "posts", "false alarms"], rows),
        ]

    def evasion_table(self) -> list[str]:
        if not self.evasion:
            return []
        strengths = [point.strength for point in next(iter(self.evasion.values()))]
        rows = [[file, *(f"{point.recall:.3f}" for point in points)] for file, points in self.evasion.items()]
        return [
            "",
            "## Evasion",
            "",
            "Recall from 0.5 on of positive posts when this share of their characters is written in another way, by "
            f"spellings that training never saw. Up to {READABLE:g} a person reads them at once.",
            "",
            *table(["set", *(f"{strength:g}" for strength in strengths)], rows),
        ]

    def ablation_table(self) -> list[str]:
        if not self.ablation:
            return []
        rows = [
            [
                worth.variant,
                worth.file,
                f"{worth.f1:.3f}",
                f"{worth.average_precision:.3f}",
                f"{worth.ece:.3f}",
                f"{worth.camouflaged:.3f}",
            ]
            for worth in self.ablation
        ]
        return [
            "",
            "## What each part is worth",
            "",
            "The model without it, before calibration (so `ece` beside that of the figures above tells what it is "
            f"worth). Camouflaged: recall on positive posts in held-out spellings at {READABLE:g}.",
            "",
            *table(["variant", "set", "f1", "average_precision", "ece", "camouflaged"], rows),
        ]

    def thresholds(self) -> Iterator[str]:
        for measured in self.measured:
            yield f"### {measured.file}"
            yield ""
            yield from table(
                ["from", "precision", "recall", "share"],
                ([f"{row.threshold:g}", *(shown(value) for value in row[1:])] for row in measured.tradeoffs),
            )
            yield ""

    def reliability(self) -> Iterator[str]:
        for measured in self.measured:
            yield f"### {measured.file}"
            yield ""
            yield from table(
                ["probability", "posts", "mean", "positive"],
                (
                    [f"{row.low:.1f} to {row.high:.1f}", f"{row.posts:,}", f"{row.mean:.3f}", f"{row.share:.3f}"]
                    for row in measured.reliability
                ),
            )
            yield ""


def shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def table(head: Sequence[str], rows: Iterator[list[str]] | Sequence[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
