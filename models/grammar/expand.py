"""A grammar of text that is expanded in columns: thousands of texts at a time, no recursion a text.

A grammar file is plain text. `[symbol]` starts a symbol; each line below it holds alternatives, separated by
`|`. Blanks around an alternative are dropped, save inside parentheses. In an alternative:

    {symbol}        a text of that symbol
    {3..90}         a whole number
    {d6} {w6} {x6}  so many random digits, small letters and digits, hexadecimal digits
    {a6}            so many random letters, small or capital, and digits
    (a|b|)          one of these
    (a|b)%30        one of these in 30 % of cases, else nothing
    \\x              the character x itself; but \\n is a line end

` *5` at the end of a line makes each alternative of that line five times as likely. A line that starts with `# `
is a comment.
`[symbol for food weather]` reads its lines once with `@` replaced by `food` and once by `weather`.
A symbol that several files define has the alternatives of all of them. Symbols may not contain themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]  # dtype object, of str

_HEADING = re.compile(r"\[([a-z0-9_.]+)(?: for ([a-z0-9_ ]+))?\]\s*$")
_TOKEN = re.compile(r"\\(.)|\{([^{}]+)\}|(\()|\)(?:%(\d+))?|(\|)|([^\\{}()|]+)")
_NUMBER = re.compile(r"(\d+)\.\.(\d+)$")
_RANDOM = re.compile(r"([adwx])(\d+)$")
_WEIGHT = re.compile(r"\s\*(\d+)$")
_LETTERS = {
    "a": "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789",
    "d": "0123456789",
    "w": "abcdefghijkmnpqrstuvwxyz23456789",
    "x": "0123456789abcdef",
}


class GrammarError(ValueError):
    """A grammar file that cannot be read: the message names the symbol and the line."""


@dataclass(frozen=True)
class _Ref:
    symbol: str


_Part = str | _Ref


@dataclass
class _Symbol:
    alternatives: list[tuple[_Part, ...]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, parts: list[_Part], weight: float) -> None:
        self.alternatives.append(tuple(parts))
        self.weights.append(weight)


class Grammar:
    """Symbols of grammar files, ready to be expanded; `symbols` names those the files define."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._symbols: dict[str, _Symbol] = {}
        for path in files:
            self._read(path)
        self.symbols = frozenset(name for name in self._symbols if not name.startswith("("))
        self._order = self._sorted()
        self._rank = {name: rank for rank, name in enumerate(self._order)}
        self._words: dict[str, Column] = {}
        self._odds: dict[str, NDArray[np.float64]] = {}
        self._cumulative: dict[str, NDArray[np.float64]] = {}
        for name, symbol in self._symbols.items():
            weights = np.asarray(symbol.weights)
            self._odds[name] = weights / weights.sum()
            if not any(isinstance(part, _Ref) for parts in symbol.alternatives for part in parts):
                self._words[name] = np.array(["".join(map(str, parts)) for parts in symbol.alternatives], object)
                self._cumulative[name] = np.cumsum(self._odds[name])[:-1]  # without the last: never past the end

    def expand(self, wanted: Mapping[str, int], rng: np.random.Generator) -> dict[str, Column]:
        """So many texts of each wanted symbol, as object columns. A symbol is expanded once for all its users:
        first the demand runs down from users to parts, then texts are put together on the way back."""
        need: dict[str, int] = {}
        waiting: list[int] = []  # ranks of the symbols in demand: users come before their parts

        def ask(name: str, count: int) -> None:
            if name not in need:
                need[name] = 0
                heappush(waiting, self._rank[name])
            need[name] += count

        for name, count in wanted.items():
            if name not in self._rank:
                raise KeyError(f"the grammar has no symbol {name!r}")
            ask(name, count)
        drawn: dict[str, NDArray[np.int64]] = {}
        settled: list[str] = []
        while waiting:
            name = self._order[heappop(waiting)]
            settled.append(name)
            if not need[name] or name in self._words or name not in self._symbols:
                continue
            drawn[name] = rng.multinomial(need[name], self._odds[name])
            alternatives = self._symbols[name].alternatives
            for i in drawn[name].nonzero()[0].tolist():
                for part in alternatives[i]:
                    if isinstance(part, _Ref):
                        ask(part.symbol, int(drawn[name][i]))
        ready: dict[str, Column] = {}
        used = dict.fromkeys(settled, 0)
        for name in reversed(settled):
            if name in self._words:
                words = self._words[name]
                ready[name] = words[self._cumulative[name].searchsorted(rng.random(need[name]), side="right")]
            elif name in drawn:
                texts = self._assemble(self._symbols[name], drawn[name], ready, used)
                ready[name] = texts[rng.permutation(len(texts))]
            elif name in self._symbols:
                ready[name] = np.empty(0, object)
            else:
                ready[name] = _random_column(name, need[name], rng)
        return {name: ready[name][used[name] : used[name] + count] for name, count in wanted.items()}

    def _assemble(
        self, symbol: _Symbol, drawn: NDArray[np.int64], ready: dict[str, Column], used: dict[str, int]
    ) -> Column:
        texts: list[str] = []
        for i in drawn.nonzero()[0].tolist():
            count = int(drawn[i])
            columns: list[list[str]] = []
            for part in symbol.alternatives[i]:
                if isinstance(part, _Ref):
                    start = used[part.symbol]
                    used[part.symbol] = start + count
                    columns.append(ready[part.symbol][start : start + count].tolist())
                else:
                    columns.append([part] * count)
            texts.extend(map("".join, zip(*columns, strict=True)) if columns else [""] * count)
        column = np.empty(len(texts), object)
        column[:] = texts
        return column

    def _read(self, path: Path) -> None:
        current: _Symbol | None = None
        topics = [""]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("# "):
                continue
            heading = _HEADING.match(line)
            if heading:
                current = self._symbols.setdefault(heading[1], _Symbol())
                topics = heading[2].split() if heading[2] else [""]
                continue
            if current is None:
                raise GrammarError(f"{path.name}:{number}: text before the first [symbol]")
            try:
                for topic in topics:
                    self._read_line(line.strip().replace("@", topic) if topic else line.strip(), current)
            except GrammarError as error:
                raise GrammarError(f"{path.name}:{number}: {error}") from None

    def _read_line(self, line: str, symbol: _Symbol) -> None:
        weight = _WEIGHT.search(line)
        if weight:
            line = line[: weight.start()]
        tokens = list(_TOKEN.finditer(line))
        if "".join(token[0] for token in tokens) != line:
            raise GrammarError("a lone { or } (write \\{ or \\})")
        alternatives, end, _ = self._alternatives(tokens, 0)
        if end != len(tokens):
            raise GrammarError("a ) without its (")
        for parts in alternatives:
            if parts and isinstance(parts[0], str):
                parts[0] = parts[0].lstrip(" ")
            if parts and isinstance(parts[-1], str):
                parts[-1] = parts[-1].rstrip(" ")
            if any(parts):
                symbol.add(parts, float(weight[1]) if weight else 1.0)

    def _alternatives(self, tokens: list[re.Match[str]], at: int) -> tuple[list[list[_Part]], int, int | None]:
        """Alternatives from token `at` to the closing parenthesis or the end; where that is; its percentage."""
        found: list[list[_Part]] = [[]]
        while at < len(tokens):
            escaped, ref, opening, percent, bar, text = tokens[at].groups()
            literal = "\n" if escaped == "n" else escaped or text
            if tokens[at][0].startswith(")"):
                return found, at, int(percent) if percent else None
            if bar:
                found.append([])
            elif opening:
                inner, end, share = self._alternatives(tokens, at + 1)
                if end == len(tokens):
                    raise GrammarError("a ( without its )")
                found[-1].append(_Ref(self._inline(inner, share)))
                at = end
            elif ref:
                found[-1].append(_Ref(ref))
            elif found[-1] and isinstance(found[-1][-1], str):
                found[-1][-1] += literal
            else:
                found[-1].append(literal)
            at += 1
        return found, at, None

    def _inline(self, alternatives: list[list[_Part]], share: int | None) -> str:
        name = f"({alternatives}{share}"
        if name not in self._symbols:
            symbol = self._symbols[name] = _Symbol()
            for parts in alternatives:
                symbol.add(parts, 1.0)
            if share is not None:
                symbol.add([], len(alternatives) * (100 - share) / max(share, 1))
        return name

    def _sorted(self) -> list[str]:
        """Every symbol before those it uses; numbers and random characters last."""
        order: list[str] = []
        state: dict[str, int] = {}

        def visit(name: str, user: str) -> None:
            if state.get(name) == 2:
                return
            if state.get(name) == 1:
                raise GrammarError(f"[{name}] contains itself")
            state[name] = 1
            if name in self._symbols:
                for parts in self._symbols[name].alternatives:
                    for part in parts:
                        if isinstance(part, _Ref):
                            visit(part.symbol, name if not name.startswith("(") else user)
            elif not (_NUMBER.match(name) or _RANDOM.match(name)):
                raise GrammarError(f"[{user}] uses {{{name}}}, which no file defines")
            state[name] = 2
            order.append(name)

        for name in self._symbols:
            visit(name, name)
        return order[::-1]


def _random_column(name: str, count: int, rng: np.random.Generator) -> Column:
    column = np.empty(count, object)
    number = _NUMBER.match(name)
    if number:
        column[:] = list(map(str, rng.integers(int(number[1]), int(number[2]) + 1, count).tolist()))
        return column
    kind = _RANDOM.match(name)
    assert kind is not None
    alphabet, width = np.array(list(_LETTERS[kind[1]])), int(kind[2])
    letters = alphabet[rng.integers(0, len(alphabet), (count, width))]
    column[:] = np.ascontiguousarray(letters).view(f"<U{width}").ravel().tolist()
    return column
