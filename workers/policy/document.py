"""A policy's YAML with the line of every key and value, and the checks that all parts of a policy share."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from workers.policy.problems import PolicyError, Problem, Problems, nearest

Word = TypeVar("Word", bound=str)
MAX_BYTES: Final = 256 * 1024
_TAG: Final = "tag:yaml.org,2002:"
# What PyYAML says -> what to do about it.
_REMEDIES: Final = {
    "\\t": "indent with spaces, not with a tab",
    "expected <block end>": "what belongs together begins in the same column",
    "mapping values are not allowed": "begin in the column of the keys beside it; quote a text with colon and space",
}
_READ_AS: Final = {"bool": "true or false", "timestamp": "a date", "int": "a number", "float": "a number"}


class Entry(NamedTuple):
    """A key of a mapping and its value."""

    name: str
    key: Node
    value: Node

    @property
    def line(self) -> int:
        return line_of(self.key)


class _Loader(yaml.SafeLoader):
    """Refuses aliases: a few of them can stand for more rules than fit in memory, and no line is theirs alone.

    Joins the halves in which JSON writes a character beyond U+FFFF: posts of decisions are pasted as examples.
    """

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not understood", problem_mark=mark)
        return super().compose_node(parent, index)

    def compose_scalar_node(self, anchor: dict[Any, Node]) -> ScalarNode:
        node = super().compose_scalar_node(anchor)
        node.value = node.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return node


class Document:
    """The YAML of a policy.

    Methods take a node and note what is wrong with it in `problems`; they give None (or leave out) what cannot be used.
    `what` names the node in messages.
    """

    def __init__(self, root: Node, text: str, problems: Problems) -> None:
        self.root = root
        self.problems = problems
        self._lines = text.splitlines()

    def mapping(
        self, node: Node, what: str, known: Collection[str] | None = None, required: Collection[str] = ()
    ) -> dict[str, Entry]:
        """Entries of a mapping by key. Repeated keys, unknown ones and missing ones are noted."""
        if not isinstance(node, MappingNode):
            self.problems.add(line_of(node), f"{what} must be a mapping (name: value)")
            return {}
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not key.value.strip():
                self.problems.add(line_of(key), f"{what}: a key must be a plain word")
            elif key.value in entries:
                first = entries[key.value].line
                self.problems.add(line_of(key), f"{what}: {key.value!r} is given twice (first in line {first})")
            elif known is not None and key.value not in known:
                near = nearest(key.value, known) or f"; it can have {', '.join(known)}"
                self.problems.add(line_of(key), f"{what}: unknown key {key.value!r}{near}")
            else:
                entries[key.value] = Entry(key.value, key, value)
        for name in required:
            if name not in entries:
                self.problems.add(line_of(node), f"{what}: {name!r} is missing")
        return entries

    def sequence(self, node: Node, what: str) -> list[Node]:
        """Items of a list."""
        if isinstance(node, SequenceNode):
            return list(node.value)
        self.problems.add(line_of(node), f"{what} must be a list (a dash before each item)")
        return []

    def text(self, node: Node, what: str, limit: int, lines: bool = False) -> str | None:
        """A text that is not blank and has at most `limit` characters; of one line unless `lines`."""
        if not isinstance(node, ScalarNode):
            problem = "must be a text"
        elif not node.value.strip():
            problem = "is empty"
        elif node.tag != f"{_TAG}str":
            read_as = _READ_AS.get(node.tag.removeprefix(_TAG), "something else")
            problem = f'is read as {read_as}; quote it: {what.split()[-1]}: "{node.value[:40]}"'
        elif len(node.value) > limit:
            problem = f"is longer than {limit} characters"
        elif unprintable := next(
            (char for char in node.value if not (char.isprintable() or (lines and char in "\n\t"))), None
        ):
            problem = f"holds a character that cannot be printed (U+{ord(unprintable):04X})"
        else:
            return str(node.value.strip())
        self.problems.add(line_of(node), f"{what} {problem}")
        return None

    def name(self, entry: Entry, what: str, pattern: re.Pattern[str], of: str) -> bool:
        """Whether a key is a name of the form `pattern`, which messages describe as `of`."""
        if pattern.fullmatch(entry.name):
            return True
        self.problems.add(entry.line, f"{what} {entry.name[:80]!r}: a name is {of}")
        return False

    def choice(self, node: Node, what: str, options: Collection[Word]) -> Word | None:
        """One of `options`."""
        value = node.value if isinstance(node, ScalarNode) else ""
        for option in options:
            if value == option:
                return option
        near = nearest(value, options) or f"; it can be {' or '.join(options)}"
        self.problems.add(line_of(node), f"{what} cannot be {value[:80]!r}{near}")
        return None

    def value(self, node: Node, what: str) -> object:
        """What a node stands for in JSON: None, bool, int, float, str, list or dict."""
        if isinstance(node, MappingNode):
            return {name: self.value(entry.value, what) for name, entry in self.mapping(node, what).items()}
        if isinstance(node, SequenceNode):
            return [self.value(item, what) for item in node.value]
        kind, written = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return written.lower() in ("true", "yes", "on")
        try:
            if kind == "int":
                return int(written.replace("_", ""))
            if kind == "float" and math.isfinite(number := float(written.replace("_", ""))):
                return number
            written.encode()
        except ValueError:
            pass
        else:
            if kind in ("str", "timestamp"):
                return written
        self.problems.add(line_of(node), f"{what}: {written[:40]!r} is neither a text nor a plain number; quote it")
        return None

    def find(self, node: Node, word: str) -> int:
        """Line in which `word` stands within a node that may go over many lines; else the node's first."""
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        for number in range(node.start_mark.line, node.end_mark.line + 1):
            if number < len(self._lines) and pattern.search(self._lines[number]):
                return number + 1
        return line_of(node)


def line_of(node: Node) -> int:
    """The line a node begins in, from 1."""
    return int(node.start_mark.line) + 1


def read_text(path: Path, limit: int) -> tuple[bytes, str]:
    """Bytes of a file and the UTF-8 text in them.

    Raises:
        PolicyError: it cannot be read, holds more than `limit` bytes, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        if isinstance(error, IsADirectoryError):
            reason = f"is a folder; name a file in it, such as {path / 'policy.yaml'}"
        raise PolicyError([Problem(str(path), 1, f"cannot be read: {reason or error}")]) from None
    if len(content) > limit:
        raise PolicyError([Problem(str(path), 1, f"is larger than {limit // 1024} KiB")])
    try:
        return content, content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError([Problem(str(path), line, "is not UTF-8 text")]) from None


def parse(text: str, file: str) -> Document:
    """The YAML in `text`.

    Raises:
        PolicyError: it is no YAML, or nothing at all.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except RecursionError:
        raise PolicyError([Problem(file, 1, "is nested too deeply")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = f"YAML: {error.problem or error.context}"
        remedies = (f"; {remedy}" for sign, remedy in _REMEDIES.items() if sign in said)
        raise PolicyError([Problem(file, line, said + "".join(remedies))]) from None
    except Exception as error:  # PyYAML lets more than its own errors out of hostile text
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        raise PolicyError(
            [Problem(file, line, f"YAML: {str(error).splitlines()[0] if str(error) else error!r}")]
        ) from None
    if root is None:
        raise PolicyError([Problem(file, 1, "is empty")])
    return Document(root, text, Problems(file))
