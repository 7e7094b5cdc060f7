"""Text of our own making, labelled: what ordinary people write, and what moderation is for.

Chinese and English, seeded.

for row in labelled_texts(10_000, seed=7, labels=["chatter", "solicitation"]): ...
texts = phrasebook().expand({"chatter.zh": 8192}, rng)["chatter.zh"]        # the fast way: columns
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.grammar.expand import Column, Grammar
from models.grammar.spelling import camouflage, slip, variation

__all__ = [
    "LABELS",
    "LANGS",
    "Column",
    "LabelledText",
    "camouflage",
    "labelled_texts",
    "name_symbol",
    "phrasebook",
    "slip",
    "variation",
]

LANGS = ("zh", "en")
_SHARES = {
    "chatter": 0.6,
    "solicitation": 0.08,
    "lure": 0.06,
    "fraud": 0.06,
    "marketing": 0.07,
    "abuse": 0.06,
    "click_farm": 0.04,
    "link_spam": 0.03,
}
LABELS = tuple(_SHARES)
_ZH = 0.65
# Labels whose authors' names are part of what they do, and the symbol of those.
_NAMES = {"solicitation": "solicit_name", "lure": "lure_name", "fraud": "fraud_name"}
_CHUNK = 8192
# How many texts of a label are written to evade, and how far at most.
_EVASIVE = {
    "solicitation": (0.6, 0.6),
    "lure": (0.4, 0.5),
    "fraud": (0.4, 0.5),
    "marketing": (0.2, 0.4),
    "abuse": (0.2, 0.4),
    "click_farm": (0.4, 0.5),
    "link_spam": (0.2, 0.4),
}


class LabelledText(NamedTuple):
    """A text with its author's display name; `label` is one of LABELS, `lang` one of LANGS."""

    name: str
    text: str
    label: str
    lang: str


@cache
def phrasebook() -> Grammar:
    """The grammar of the files beside this module. Its roots are `LABEL.LANG` and `name.LANG`."""
    return Grammar(sorted(Path(__file__).parent.glob("*.words.txt")))


def name_symbol(label: str, lang: str) -> str:
    """The symbol of display names for authors of such texts."""
    return f"{_NAMES.get(label, 'name')}.{lang}"


def labelled_texts(count: int, seed: int, labels: Sequence[str] | None = None) -> Iterator[LabelledText]:
    """`count` texts in random order, the same for the same arguments. Without `labels` 60 % are chatter;
    with them, those labels only, in the same proportion to each other. Raises ValueError for
    a label that is not in LABELS."""
    chosen = list(LABELS if labels is None else dict.fromkeys(labels))
    unknown = sorted(set(chosen) - set(LABELS))
    if unknown or not chosen:
        raise ValueError(f"labels must be some of {', '.join(LABELS)}; not {', '.join(unknown) or 'none'}")
    rng = np.random.default_rng([seed, 0x6772])
    shares = np.array([_SHARES[label] for label in chosen])
    kinds = [(label, lang) for label in chosen for lang in LANGS]
    odds = np.outer(shares / shares.sum(), [_ZH, 1 - _ZH]).ravel()
    for start in range(0, count, _CHUNK):
        yield from _rows(kinds, rng.multinomial(min(_CHUNK, count - start), odds).tolist(), rng)


def _rows(kinds: list[tuple[str, str]], counts: list[int], rng: np.random.Generator) -> list[LabelledText]:
    wanted: dict[str, int] = {}
    for (label, lang), n in zip(kinds, counts, strict=True):
        wanted[f"{label}.{lang}"] = n
        wanted[name_symbol(label, lang)] = wanted.get(name_symbol(label, lang), 0) + n
    columns = {symbol: iter(column.tolist()) for symbol, column in phrasebook().expand(wanted, rng).items()}
    rows = []
    for (label, lang), n in zip(kinds, counts, strict=True):
        share, most = _EVASIVE.get(label, (0.0, 0.0))
        evasive = rng.random(n) < share
        sloppy = rng.random(n) < 0.06
        for i in range(n):
            text, name = next(columns[f"{label}.{lang}"]), next(columns[name_symbol(label, lang)])
            if evasive[i]:
                strength = float(rng.uniform(0.05, most))
                text = camouflage(text, rng, strength)
                name = camouflage(name, rng, strength) if label in _NAMES else name
            elif sloppy[i]:
                text = slip(text, rng)
            rows.append(LabelledText(name, text, label, lang))
    return [rows[i] for i in rng.permutation(len(rows))]
