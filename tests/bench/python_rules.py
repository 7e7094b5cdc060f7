"""A policy's rules as Python expressions: the way of a rule engine that looks at a post at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import CodeType
from typing import Any, NamedTuple

from workers.policy import Policy
from workers.policy.rules import VERDICTS

_CASE = re.compile(r"CASE WHEN (.+?) THEN (.+?) ELSE (.+?) END")
_TOKEN = re.compile(r"\s*(?:('[^']*')|([A-Za-z_]\w*)|([0-9.]+)|(<=|>=|<>|[-+*/(),=<>]))")
_WORDS = {"AND": "and", "OR": "or", "NULL": "NULL", "IN": "in", "if": "if", "else": "else"}
_SIGNS = {"=": "==", "<>": "!="}


class Null:
    """An unknown value: no comparison with it is true."""

    def _false(self, _: object) -> bool:
        return False

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _false
    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return False

    def _null(self, _: object) -> Null:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _null


NULL = Null()


class PythonRule(NamedTuple):
    """A rule, and its condition compiled."""

    name: str
    verdict: str
    category: str
    reason: str
    condition: CodeType


def python_rules(policy: Policy) -> list[PythonRule]:
    """The policy's rules. Raises ValueError for SQL that this cannot say."""
    return [
        PythonRule(rule.name, rule.verdict, rule.category, rule.reason, compile(python(rule.when), rule.name, "eval"))
        for rule in policy.rules
    ]


def python(when: str) -> str:
    """An SQL condition as a Python expression, in which a comparison with NULL is false.

    That is the same as SQL's three values where nothing is negated but IN. Raises ValueError for anything else.
    """
    source = _CASE.sub(r"(\2 if \1 else \3)", when.strip())
    written: list[str] = []
    place = 0
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise ValueError(f"cannot say {source[place:]!r} in Python")
        place = match.end()
        text, word, number, sign = match.groups()
        if word == "IS":
            written.append("is")
        elif word == "NOT":
            _negate(written, source, place)
        elif word is not None and word.isupper() and word not in _WORDS:
            raise ValueError(f"cannot say {word} in Python")
        else:
            written.append(text or number or _WORDS.get(word or "", word) or _SIGNS.get(sign, sign))
    return " ".join(written)


def _negate(written: list[str], source: str, place: int) -> None:
    if written[-1:] == ["is"]:
        written.append("not")
    elif written and source[place:].lstrip().startswith("IN"):
        # NULL is in no list, and not in none either.
        written[-1:] = [written[-1], "is not NULL and", written[-1], "not"]
    else:
        raise ValueError("cannot say NOT in Python")


def decide(rules: list[PythonRule], signals: Mapping[str, Any]) -> tuple[str, list[PythonRule]]:
    """The heaviest verdict of the rules that fire, and all of those."""
    fired = [rule for rule in rules if eval(rule.condition, {"NULL": NULL}, signals)]
    return max((rule.verdict for rule in fired), key=VERDICTS.index, default="allow"), fired
