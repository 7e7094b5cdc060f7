"""What is wrong with a policy: every error at once, each a line that says where it is and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One error. `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(Exception):
    """A policy that cannot be used. Its text is a line for each of `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects the errors of one policy file and of the files it names."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, line: int, message: str, file: str | None = None) -> None:
        """Note an error in the policy, or in another `file`."""
        self._found.append(Problem(file or self._file, line, " ".join(message.split())))

    def error(self) -> PolicyError:
        """All that was noted, in the order of the lines."""
        return PolicyError(sorted(self._found, key=lambda problem: (problem.file != self._file, *problem[:2])))


def nearest(name: str, known: Iterable[str]) -> str:
    """A question with the known name that is most like `name`; empty when none is."""
    names = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower()[:80], names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""
