"""Small changes to a text: how evaders spell it, how a campaign varies it, how an ordinary hand slips."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

_TABLES = Path(__file__).parent
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SEPARATORS = " .-_·|/*~、丶。"
_CONFETTI = "❤🌹💋🔥✨💰👉🍑🌸🎁"
_WORD = re.compile(r"[a-z]+|\d+|[^\W\d_]", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)[!-~]+")


@cache
def _spellings(held_out: bool) -> dict[str, list[str]]:
    """Table of other spellings: `written: for training / held out`, alternatives by blanks."""
    table: dict[str, list[str]] = {}
    for line in (_TABLES / "spellings.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") and ":" in line:
            written, others = line.split(":", 1)
            known, _, kept = others.partition(" / ")
            alternatives = (kept if held_out else known).split()
            if alternatives:
                table.setdefault(written.strip(), []).extend(alternatives)
    return table


@cache
def _synonyms() -> dict[str, list[str]]:
    """Words that may stand for each other: a group a line, by ` | `."""
    table: dict[str, list[str]] = {}
    for line in (_TABLES / "synonyms.txt").read_text(encoding="utf-8").splitlines():
        group = [word.strip() for word in line.split("|")]
        if not line.startswith("# ") and len(group) > 1:
            for word in group:
                table.setdefault(word, []).extend(other for other in group if other != word)
    return table


@cache
def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word)))))


@cache
def _marked(words: frozenset[str]) -> re.Pattern[str]:
    """Links and words of the table, the parts of a text that are not single characters."""
    return re.compile(f"{_URL.pattern}|{_pattern(words).pattern}")


def camouflage(text: str, rng: np.random.Generator, strength: float, *, held_out: bool = False) -> str:
    """The text as an evader would spell it: look-alikes, sound-alikes, pinyin, traditional forms, split
    characters and emoji from the table, full-width, separators, zero-width characters. `strength` 0..1 is about
    the share of characters that are touched; links stay whole, or nobody could follow them. `held_out` takes the
    spellings that training never sees."""
    table = _spellings(held_out)
    parts: list[str] = []
    at = 0
    for found in _marked(frozenset(table)).finditer(text):
        parts.extend(text[at : found.start()])
        parts.append(found[0])
        at = found.end()
    parts.extend(text[at:])
    habit = rng.integers(0, 6)  # a spammer has one habit beside the table, not all of them
    draws = rng.random(len(parts)).tolist()
    for i, part in enumerate(parts):
        if draws[i] >= strength or part.isspace():
            continue
        others = table.get(part)
        if others:
            parts[i] = others[int(rng.integers(len(others)))]
        elif len(part) == 1 and (part.isalnum() or habit == 1):
            parts[i] = _disguise(part, int(habit), rng)
    return "".join(parts)


def _disguise(character: str, habit: int, rng: np.random.Generator) -> str:
    if habit == 0:
        return character + _SEPARATORS[int(rng.integers(len(_SEPARATORS)))]
    if habit == 1:
        return character + _INVISIBLE[int(rng.integers(len(_INVISIBLE)))]
    if habit == 2 and rng.random() < 0.5:
        return character + _CONFETTI[int(rng.integers(len(_CONFETTI)))]
    if "!" <= character <= "~" and habit in (3, 4):
        return chr(ord(character) + 0xFEE0)  # full-width form
    return character.upper() if rng.random() < 0.5 else character


def variation(text: str, rng: np.random.Generator, strength: float = 0.5) -> str:
    """The same marketing text as another account of the campaign would post it: synonyms, endings of
    links, punctuation, emoji. At most `strength` x 20 % of the characters change, so strength 1 is the most that
    still counts as one campaign."""
    budget = int(len(text) * 0.2 * min(max(strength, 0.0), 1.0))
    changes: list[Callable[[str, np.random.Generator, int], tuple[str, int]]] = [
        _other_word,
        _other_link,
        _other_mark,
        _other_emoji,
    ]
    for _ in range(12):
        if budget < 1:
            break
        text, cost = changes[int(rng.integers(len(changes)))](text, rng, budget)
        budget -= cost
    return text


def _pick(matches: list[re.Match[str]], rng: np.random.Generator) -> re.Match[str] | None:
    return matches[int(rng.integers(len(matches)))] if matches else None


def _other_word(text: str, rng: np.random.Generator, budget: int) -> tuple[str, int]:
    table = _synonyms()
    found = _pick(list(_pattern(frozenset(table)).finditer(text)), rng)
    if found is None:
        return text, 0
    others = table[found[0]]
    other = others[int(rng.integers(len(others)))]
    cost = max(len(other), len(found[0]))
    return (text[: found.start()] + other + text[found.end() :], cost) if cost <= budget else (text, 0)


def _other_link(text: str, rng: np.random.Generator, budget: int) -> tuple[str, int]:
    found = _pick(list(_URL.finditer(text)), rng)
    width = min(budget, 3)
    if found is None or "/" not in found[0][8:] or len(found[0].rsplit("/", 1)[1]) < width:
        return text, 0
    tail = "".join("abcdefghjkmnpqrstuvwxyz23456789"[i] for i in rng.integers(0, 31, width))
    return text[: found.end() - width] + tail + text[found.end() :], width


def _other_mark(text: str, rng: np.random.Generator, budget: int) -> tuple[str, int]:
    found = _pick(list(re.finditer(r"[，。！!,～~ ](?!\S*/)", text)), rng)
    if found is None:
        return text, 0
    mark = "，。！!～ …,"[int(rng.integers(8))]
    return text[: found.start()] + mark + text[found.end() :], 1


def _other_emoji(text: str, rng: np.random.Generator, budget: int) -> tuple[str, int]:
    emoji = _CONFETTI[int(rng.integers(len(_CONFETTI)))]
    found = _pick(list(re.finditer(f"[{_CONFETTI}]", text)), rng)
    if found is not None and rng.random() < 0.6:
        return text[: found.start()] + emoji + text[found.end() :], 1
    return (text + emoji, 1) if rng.random() < 0.5 or _URL.search(text) else (emoji + text, 1)


def slip(text: str, rng: np.random.Generator) -> str:
    """One slip of an ordinary hand: a letter doubled, dropped or swapped, a word shouted; never in a link."""
    end = _URL.search(text)
    words = list(_WORD.finditer(text, 0, end.start() if end else len(text)))
    found = _pick(words, rng)
    if found is None:
        return text
    word, how = found[0], int(rng.integers(4))
    if how == 0:
        word += word[-1]
    elif how == 1 and len(word) > 3:
        cut = int(rng.integers(1, len(word) - 1))
        word = word[:cut] + word[cut + 1 :]
    elif how == 2 and len(word) > 3:
        cut = int(rng.integers(0, len(word) - 1))
        word = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    else:
        word = word.upper() if word.islower() else word + word[-1]
    return text[: found.start()] + word + text[found.end() :]
