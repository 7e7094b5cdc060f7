"""What a rule may say: SQL expressions that look at the signals of one post, and at nothing else.

Polars evaluates the SQL. Before it sees any, the words of the expression are checked against lists of what is known
to look at one row only, to give the same answer each time, and to end: no aggregates, no other tables, no clock, no
chance, no files.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import polars as pl

from workers.policy.problems import nearest

FUNCTIONS: Final = (
    "ABS", "CEIL", "COALESCE", "ENDS_WITH", "FLOOR", "GREATEST", "IF", "IFNULL", "LEAST", "LENGTH", "LOWER", "NULLIF",
    "REGEXP_LIKE", "ROUND", "STARTS_WITH", "STRPOS", "SUBSTR", "UPPER",
)  # fmt: skip
KEYWORDS: Final = (
    "AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "NULL", "TRUE", "FALSE", "CASE", "WHEN", "THEN", "ELSE",
    "END",
)  # fmt: skip
ACROSS_POSTS: Final = frozenset({
    "SELECT", "FROM", "WHERE", "OVER", "PARTITION", "GROUP", "HAVING", "UNION", "JOIN", "EXISTS", "WITH", "COUNT",
    "SUM", "AVG", "MEAN", "MIN", "MAX", "MEDIAN", "STDDEV", "STDEV", "VARIANCE", "VAR", "CORR", "FIRST", "LAST",
    "FIRST_VALUE", "LAST_VALUE", "LAG", "LEAD", "RANK", "DENSE_RANK", "ROW_NUMBER", "NTILE", "QUANTILE",
    "PERCENTILE_CONT", "ARRAY_AGG", "STRING_AGG", "UNNEST", "COLUMNS", "ANY", "ALL",
})  # fmt: skip
NOT_THE_SAME_TWICE: Final = frozenset({
    "NOW", "RANDOM", "RAND", "UUID", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME",
    "LOCALTIMESTAMP", "TODAY", "GETDATE",
})  # fmt: skip
COMPARISONS: Final = frozenset({"=", "==", "!=", "<>", "<", "<=", ">", ">="})
# Longer expressions make Polars plan for seconds, or run out of stack.
MAX_PARTS: Final = 300
MAX_VALUES: Final = 2_000
MAX_LENGTH: Final = 40_000

_TOKEN: Final = re.compile(
    r"(?P<space>\s+)|(?P<text>'(?:[^']|'')*')|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<word>[^\W\d]\w*)|(?P<comment>--|/\*)|(?P<other>=[<>]|[0-9][\w.]*)"
    r"|(?P<operator><=|>=|<>|!=|==|[-+*/%(),=<>])|(?P<sign>.)",
    re.DOTALL,
)
# Signs of other keyboards and languages, beside those of another width -> SQL's own.
_PLAIN: Final = {
    "&": "AND", "|": "OR", "!": "NOT", "‘": "'", "’": "'", "“": "'", "”": "'", "≥": ">=", "≤": "<=", "≠": "<>",
    "、": ",", "=>": ">=", "=<": "<=",
}  # fmt: skip


class Token(NamedTuple):
    """A word of an expression, and where in it. Kinds: signal, function, keyword, number, text, operator."""

    kind: str
    written: str
    start: int

    @property
    def begins_value(self) -> bool:
        return self.kind in ("signal", "function", "number", "text") or self.written == "("

    @property
    def ends_value(self) -> bool:
        return self.kind in ("signal", "number", "text") or self.written.upper() in (
            ")",
            "END",
            "NULL",
            "TRUE",
            "FALSE",
        )


class Fault(NamedTuple):
    """What is wrong with an expression, and the word it is about."""

    word: str
    message: str


def faults(when: str, schema: Mapping[str, pl.DataType]) -> Iterator[Fault]:
    """All that the words of an expression alone show to be wrong."""
    found = list(tokens(when))
    values = sum(token.kind in ("number", "text") or token.written == "," for token in found)
    if len(found) - values > MAX_PARTS or values > 2 * MAX_VALUES:
        yield Fault(
            "", f"is too long: more than {MAX_PARTS} words or {MAX_VALUES} values; split the rule, or use a term list"
        )
        return
    for index, token in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        if token.kind in ("other", "sign", "comment"):
            yield Fault(token.written, _foreign(token.written))
            return
        if token.kind == "function" and token.written.upper() not in FUNCTIONS:
            yield Fault(token.written, _unknown_function(token.written))
        elif token.kind == "signal" and token.written not in schema:
            text = index > 1 and found[index - 1].written in COMPARISONS and schema.get(found[index - 2].written)
            quoted = f"; a text stands in single quotes: '{token.written[:80]}'" if text == pl.String else ""
            yield Fault(token.written, _unknown_signal(token.written, schema, quoted))
        if following and token.ends_value and following.begins_value:
            yield Fault(following.written, f"an operator is missing before {following.written}")
        if token.written in ("/", "%") and not _is_divisor(following):
            yield Fault("", _undivided(found[index - 1] if index else None, token.written))
    yield from _unclosed(found)
    yield from _commas(found)
    yield from _mixed_comparisons(found, schema)
    yield from _with_null(found)
    if not any(token.kind == "signal" for token in found):
        yield Fault("", "names no signal, so it says nothing about a post")


def signals_in(when: str) -> tuple[str, ...]:
    """Signals that an expression without faults names, in the order they come."""
    return tuple(dict.fromkeys(token.written for token in tokens(when) if token.kind == "signal"))


def compile_expression(when: str) -> pl.Expr:
    """The expression as Polars evaluates it.

    Raises:
        PolarsError: Polars cannot read it.
    """
    pl.sql_expr(when)  # must stand without the parentheses, in which no word at the end can pass for a new name (AS)
    return pl.sql_expr(f"({when})")


def is_plain_name(name: str) -> bool:
    """Whether SQL reads `name`, unquoted, as the name of a column."""
    if name.upper() in {*KEYWORDS, *ACROSS_POSTS, *NOT_THE_SAME_TWICE}:
        return False
    try:
        return pl.sql_expr(f"{name} > 0").meta.root_names() == [name]
    except (pl.exceptions.PolarsError, UnicodeError):
        return False


def with_plain_numbers(frame: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
    """The columns `names`, whole numbers without a sign as Float64: `0 - 5` must be -5, not four thousand million."""
    # Column by column: a query of Polars is handed to a thread, which costs a small batch more than the casts do.
    columns = [frame[name] for name in frame.columns if name in names]
    return pl.DataFrame(
        [column.cast(pl.Float64) if column.dtype.is_unsigned_integer() else column for column in columns]
    )


def tokens(when: str) -> Iterator[Token]:
    """The words of an expression."""
    found = [match for match in _TOKEN.finditer(when) if match.lastgroup != "space"]
    for match, following in zip(found, [*found[1:], None], strict=True):
        kind, written = str(match.lastgroup), match[0]
        if kind == "word":
            if written.upper() in KEYWORDS:
                kind = "keyword"
            else:
                kind = "function" if following is not None and following[0] == "(" else "signal"
        yield Token(kind, written, match.start())


def _unknown_signal(word: str, schema: Mapping[str, pl.DataType], advice: str = "") -> str:
    if word.upper() in ACROSS_POSTS:
        return f"{word.upper()} looks at more than one post; declare a counter instead"
    if word.upper() in NOT_THE_SAME_TWICE:
        return f"{word.upper()} does not give the same answer twice"
    near = advice or nearest(word, schema) or "; `sluicegate signals` lists them"
    return f"unknown signal {word[:80]!r}{near}"


def _unknown_function(word: str) -> str:
    if word.upper() in ACROSS_POSTS | NOT_THE_SAME_TWICE:
        return _unknown_signal(word, {})
    near = nearest(word, FUNCTIONS) or f"; there are {', '.join(FUNCTIONS)}"
    return f"unknown function {word[:80]}(){near}"


def _foreign(char: str) -> str:
    if char == "'":
        return "a text is not closed with '"
    if char in '"`':
        return f"{char} is for names of columns in SQL; write texts in single quotes: 'post'"
    if char in ("--", "/*"):
        return f"comments ({char}) are not understood; use YAML's #"
    if char[0] in "0123456789":
        return f"{char} is no number; write it in digits alone"
    plain = _PLAIN.get(char) or unicodedata.normalize("NFKC", char)
    return f"cannot use {char!r} here" + (f"; write {plain}" if plain != char else "")


def _is_divisor(token: Token | None) -> bool:
    if token is None:
        return False
    if token.kind == "number":
        return float(token.written) != 0
    return token.kind == "function" and token.written.upper() == "NULLIF"


def _undivided(before: Token | None, sign: str) -> str:
    if sign == "%" and before and before.kind == "number":
        return f"has {before.written}%; write {float(before.written) / 100:g}"
    if before and before.written.upper() in ("LIKE", "ILIKE"):
        return f"has a pattern without quotes; write {before.written} '%word%'"
    return f"divide (`{sign}`) by a number, or by NULLIF(..., 0): by zero everything would be infinite"


def _commas(tokens: list[Token]) -> Iterator[Fault]:
    """Commas that stand in no parentheses: in numbers, and between conditions."""
    depth = 0
    for left, comma, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += (left.written == "(") - (left.written == ")")
        if depth or comma.written != ",":
            continue
        if left.kind == right.kind == "number":
            yield Fault("", f"has {left.written},{right.written}; write {left.written}.{right.written}")
        else:
            yield Fault("", "has a comma outside of parentheses; join conditions by AND or OR")


def _unclosed(tokens: list[Token]) -> Iterator[Fault]:
    """What is opened and not closed, in the words of a policy: Polars would tell of something else."""
    words = [token.written.upper() for token in tokens if token.kind != "text"]
    for opening, closing in (("(", ")"), ("CASE", "END")):
        opened, closed = words.count(opening), words.count(closing)
        if opened != closed:
            yield Fault("", f"has {opened} {opening} and {closed} {closing}")


def _with_null(tokens: list[Token]) -> Iterator[Fault]:
    """Comparisons with NULL: they are never true, and a rule would never fire."""
    for left, operator, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if operator.written in COMPARISONS and right.written.upper() == "NULL":
            about = f"{left.written} {operator.written} {right.written}"
            yield Fault(left.written, f"{about} is never true; write IS NULL or IS NOT NULL")


def _mixed_comparisons(tokens: list[Token], schema: Mapping[str, pl.DataType]) -> Iterator[Fault]:
    for left, operator, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if operator.written in COMPARISONS:
            kinds = {_sort(left, schema), _sort(right, schema)}
            if "text" in kinds and len(kinds - {""}) == 2:
                other = " or ".join(kinds - {"text"})
                about = left if left.kind == "signal" else right
                yield Fault(
                    about.written, f"compares text with {other}: {left.written} {operator.written} {right.written}"
                )


def _sort(token: Token, schema: Mapping[str, pl.DataType]) -> str:
    """What a single value is: text, a number, true or false; empty when one word does not show it."""
    if token.kind in ("text", "number"):
        return {"text": "text", "number": "a number"}[token.kind]
    dtype = schema.get(token.written) if token.kind == "signal" else None
    if dtype is None:
        return ""
    return "text" if dtype == pl.String else "true or false" if dtype == pl.Boolean else "a number"
