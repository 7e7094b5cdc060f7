"""Term lists: files beside a policy, a term a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from yaml import ScalarNode, SequenceNode

from models.folding import fold
from workers.policy.document import Document, Entry, line_of, read_text
from workers.policy.problems import PolicyError

MAX_FILE: Final = 8 * 1024 * 1024
MAX_TERM: Final = 200
LIST_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def read_terms(document: Document, entries: dict[str, Entry], folder: Path) -> tuple[dict[str, list[str]], list[bytes]]:
    """Terms by list, each once and in order, and the bytes of the files they came from."""
    lists: dict[str, list[str]] = {}
    contents: list[bytes] = []
    for name, entry in entries.items():
        if not document.name(entry, "term list", LIST_NAME, "a-z, 0-9 and _, starting with a letter, at most 40"):
            continue
        if isinstance(entry.value, ScalarNode):
            lines = _from_file(document, entry, folder, contents)
            file = str(folder / entry.value.value)
        else:
            lines = _inline(document, entry)
            file = ""
        _check(document, entry, lines, file)
        lists[name] = list(dict.fromkeys(term for _, term in lines))
    return lists, contents


def _from_file(document: Document, entry: Entry, folder: Path, contents: list[bytes]) -> list[tuple[int, str]]:
    """Numbered terms of a file; blank lines and those that begin with # are none."""
    what = f"term list {entry.name}"
    written = document.text(entry.value, what, 500)
    if written is None:
        return []
    relative = Path(written)
    if relative.is_absolute() or ".." in relative.parts:
        document.problems.add(
            line_of(entry.value), f"{what}: {written} is not beside the policy; name a file in its folder"
        )
        return []
    try:
        content, text = read_text(folder / relative, MAX_FILE)
    except PolicyError as error:
        for problem in error.problems:
            document.problems.add(line_of(entry.value), f"{what}: {problem.file}:{problem.line} {problem.message}")
        return []
    contents.append(content)
    numbered = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    terms = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if not terms:
        document.problems.add(line_of(entry.value), f"{what}: {written} holds no term")
    return terms


def _inline(document: Document, entry: Entry) -> list[tuple[int, str]]:
    what = f"term list {entry.name}"
    nodes = document.sequence(entry.value, f"{what}, if not the name of a file,")
    texts = [(line_of(node), document.text(node, f"{what}: a term", MAX_TERM)) for node in nodes]
    if isinstance(entry.value, SequenceNode) and not nodes:
        document.problems.add(entry.line, f"{what} holds no term")
    return [(line, text) for line, text in texts if text is not None]


def _check(document: Document, entry: Entry, lines: list[tuple[int, str]], file: str) -> None:
    """Note terms that would hit nothing or everything: folding decides what is left of them."""
    folded = fold([term for _, term in lines])
    for index, (line, term) in enumerate(lines):
        left = folded.text(index).strip()
        if len(term) > MAX_TERM:
            problem = f"is longer than {MAX_TERM} characters"
        elif not left:
            problem = "has no letter, digit or sign that is kept when texts are folded"
        elif len(left) == 1 and left.isascii():
            problem = "is a single letter or digit, which would hit nearly every post"
        else:
            continue
        document.problems.add(line, f"term list {entry.name}: {term[:40]!r} {problem}", file or None)
