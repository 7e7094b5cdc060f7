"""From a policy file to a Policy, or to all that is wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import polars as pl
from yaml import Node, ScalarNode

from workers.counters.spec import KEYS, MEMBERS, CounterSpec, parse_window
from workers.policy.document import MAX_BYTES, Document, Entry, line_of, parse, read_text
from workers.policy.expression import MAX_LENGTH, compile_expression, faults, is_plain_name, signals_in
from workers.policy.policy import Policy
from workers.policy.problems import nearest
from workers.policy.ranges import ends, range_of, undecided
from workers.policy.rules import VERDICTS, Example, Rule
from workers.policy.terms import read_terms
from workers.policy.trial import synthetic_signals, verdict_on

Kind = Literal["count", "distinct"]
MAX_RULES: Final = 500
MAX_COUNTERS: Final = 64
_RULE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_COUNTER_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_SECTIONS: Final = ("version", "terms", "counters", "rules")
_COUNTER_KEYS: Final = ("count", "distinct", "by", "window")
_RULE_KEYS: Final = ("name", "when", "verdict", "category", "reason", "unknown", "examples")


def load(path: Path, schema: Mapping[str, pl.DataType]) -> Policy:
    """Policy.load says it all."""
    content, text = read_text(path, MAX_BYTES)
    document = parse(text, str(path))
    problems = document.problems
    top = document.mapping(document.root, "the policy", _SECTIONS, ("version", "rules"))
    version = document.text(top["version"].value, "version", 64) if "version" in top else None
    lists, term_files = read_terms(document, _entries(document, top, "terms"), path.parent)
    columns = dict(schema) | {f"terms_{name}": pl.UInt16() for name in lists}
    declared = _entries(document, top, "counters")
    counters = tuple(_counters(document, declared, columns))
    # Those with an error too: a rule that names one is not wrong for that.
    columns = {name: pl.UInt32() for name in declared} | columns
    rules = tuple(_rules(document, top["rules"].value, columns)) if "rules" in top else ()
    if len(problems):
        raise problems.error()
    digest = hashlib.sha256()
    for piece in (content, *term_files):
        digest.update(len(piece).to_bytes(8) + piece)
    return Policy(
        version=version or "",
        digest=digest.hexdigest(),
        rules=rules,
        counters=counters,
        terms=lists,
        schema=columns,
        signals=frozenset(name for rule in rules for name in rule.signals),
        expressions=tuple(compile_expression(rule.when).alias(str(index)) for index, rule in enumerate(rules)),
    )


def _entries(document: Document, top: dict[str, Entry], section: str) -> dict[str, Entry]:
    return document.mapping(top[section].value, section) if section in top else {}


def _counters(
    document: Document, entries: dict[str, Entry], columns: Mapping[str, pl.DataType]
) -> Iterator[CounterSpec]:
    problems = document.problems
    if len(entries) > MAX_COUNTERS:
        problems.add(next(iter(entries.values())).line, f"more than {MAX_COUNTERS} counters")
        return
    for name, entry in entries.items():
        what = f"counter {name}"
        if not document.name(entry, "counter", _COUNTER_NAME, "a-z, 0-9 and _, starting with a letter, at most 64"):
            continue
        if name in columns:
            problems.add(entry.line, f"{what} has the name of a signal")
        elif not is_plain_name(name):
            problems.add(entry.line, f"{what} has a name that means something in SQL")
        keys = document.mapping(entry.value, what, _COUNTER_KEYS, ("by", "window"))
        of, kind = _counted(document, keys, entry.line, what)
        by = document.choice(keys["by"].value, f"{what}: by", KEYS) if "by" in keys else None
        window_ms = _window(document, keys["window"].value, what) if "window" in keys else None
        if of and by and window_ms:
            try:
                yield CounterSpec(name, kind, of, by, window_ms)
            except ValueError as error:
                problems.add(entry.line, str(error))


def _counted(document: Document, keys: dict[str, Entry], line: int, what: str) -> tuple[str | None, Kind]:
    """What a counter counts, and whether posts (count) or different values (distinct)."""
    if ("count" in keys) == ("distinct" in keys):
        document.problems.add(line, f"{what} needs either `count: posts` or `distinct: <key>`")
        return None, "count"
    if "count" in keys:
        return document.choice(keys["count"].value, f"{what}: count", ("posts",)), "count"
    return document.choice(keys["distinct"].value, f"{what}: distinct", MEMBERS), "distinct"


def _window(document: Document, node: Node, what: str) -> int | None:
    # A bare number lacks its unit: that it is a number need not be told.
    if isinstance(node, ScalarNode) and node.value.isdigit():
        written: str | None = node.value
    else:
        written = document.text(node, f"{what}: window", 20)
    try:
        return parse_window(written) if written else None
    except ValueError as error:
        document.problems.add(line_of(node), f"{what}: {error}")
        return None


def _rules(document: Document, node: Node, columns: Mapping[str, pl.DataType]) -> Iterator[Rule]:
    nodes = document.sequence(node, "rules")
    if not 1 <= len(nodes) <= MAX_RULES:
        document.problems.add(line_of(node), f"a policy has 1 to {MAX_RULES} rules")
        return
    frame = synthetic_signals(columns)
    seen: dict[str, int] = {}
    for item in nodes:
        yield from _rule(document, item, columns, frame, seen)


def _rule(
    document: Document,
    node: Node,
    columns: Mapping[str, pl.DataType],
    frame: pl.DataFrame,
    seen: dict[str, int],
) -> Iterator[Rule]:
    keys = document.mapping(node, "rule", _RULE_KEYS, _RULE_KEYS[:5])
    name = _word(document, keys, "name", "rule", _RULE_NAME, "a-z, 0-9, - and _, at most 64")
    what = f"rule {name}" if name else "rule"
    for taken in [name, f"{name}-unknown"] if name and "unknown" in keys else [name] if name else []:
        if taken in seen:
            document.problems.add(
                keys["name"].line, f"rule name {taken!r} is given twice (first in line {seen[taken]})"
            )
        seen.setdefault(taken, keys["name"].line)
    verdict = document.choice(keys["verdict"].value, f"{what}: verdict", VERDICTS) if "verdict" in keys else None
    category = _word(document, keys, "category", what, _CATEGORY, "a-z, 0-9 and _, starting with a letter, at most 64")
    reason = document.text(keys["reason"].value, f"{what}: reason", 300) if "reason" in keys else None
    when = _when(document, keys["when"].value, what, columns, frame) if "when" in keys else None
    unknown = document.choice(keys["unknown"].value, f"{what}: unknown", ("flag",)) if "unknown" in keys else None
    examples = tuple(_examples(document, keys["examples"].value, what, columns)) if "examples" in keys else ()
    if not (name and verdict and category and reason and when):
        return
    line = keys["name"].line
    signals = signals_in(when)
    yield Rule(name, when, verdict, category, reason, signals, line, examples)
    if unknown:
        doubt = f"{reason} (not certain: what would tell is unknown)"
        yield Rule(f"{name}-unknown", f"({when}) IS NULL", "flag", category, doubt, signals, line)


def _word(
    document: Document, keys: dict[str, Entry], key: str, what: str, pattern: re.Pattern[str], form: str
) -> str | None:
    if key not in keys:
        return None
    node = keys[key].value
    word = document.text(node, f"{what}: {key}", 200)
    if word and not pattern.fullmatch(word):
        document.problems.add(line_of(node), f"{what}: {key} {word[:80]!r} must be {form}")
        return None
    return word


def _when(
    document: Document, node: Node, what: str, columns: Mapping[str, pl.DataType], frame: pl.DataFrame
) -> str | None:
    when = document.text(node, f"{what}: when", MAX_LENGTH, lines=True)
    if when is None:
        return None
    found = list(dict.fromkeys(faults(when, columns)))
    for fault in found:
        line = document.find(node, fault.word) if fault.word else line_of(node)
        document.problems.add(line, f"{what}: when {fault.message}" if not fault.word else f"{what}: {fault.message}")
    if found:
        return None
    problem = verdict_on(when, frozenset(signals_in(when)), frame)
    if problem:
        document.problems.add(line_of(node), f"{what}: when {problem}")
        return None
    for fault in undecided(when, columns):
        document.problems.add(document.find(node, fault.word), f"{what}: {fault.message}")
    return when


def _examples(document: Document, node: Node, what: str, columns: Mapping[str, pl.DataType]) -> Iterator[Example]:
    problems = document.problems
    for item in document.sequence(node, f"{what}: examples"):
        line = line_of(item)
        keys = document.mapping(item, f"{what}: example", ("verdict", "post", "signals"), ("verdict",))
        verdict = document.choice(keys["verdict"].value, f"{what}: verdict", VERDICTS) if "verdict" in keys else None
        post = document.value(keys["post"].value, f"{what}: post") if "post" in keys else None
        if post is not None and not (isinstance(post, dict) and isinstance(post.get("text"), str)):
            problems.add(keys["post"].line, f"{what}: a post has at least a text (post: {{text: ...}})")
            continue
        entries = document.mapping(keys["signals"].value, f"{what}: signals") if "signals" in keys else {}
        if not keys.keys() & {"post", "signals"}:
            problems.add(line, f"{what}: an example needs a post or signals")
        signals = {}
        for name, entry in entries.items():
            if name not in columns:
                problems.add(entry.line, f"{what}: unknown signal {name[:80]!r}{nearest(name, columns)}")
                continue
            signals[name] = document.value(entry.value, f"{what}: {name}")
            if not _fits(signals[name], columns[name]):
                told = f": {range_of(name, columns[name])}" if columns[name].is_numeric() else ""
                problems.add(entry.line, f"{what}: {name} cannot be {str(signals[name])[:40]!r}{told}")
        if verdict:
            yield Example(line, verdict, post, signals)


def _fits(value: object, dtype: pl.DataType) -> bool:
    """Whether a signal of this dtype can have the value."""
    if value is None:
        return True
    if dtype == pl.String or dtype == pl.Boolean:
        return isinstance(value, str if dtype == pl.String else bool)
    if isinstance(value, bool) or not isinstance(value, int | float if dtype.is_float() else int):
        return False
    low, high = ends(dtype)
    return low <= value <= high
