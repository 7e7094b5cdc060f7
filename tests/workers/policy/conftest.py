"""A small schema of signals, and policies written to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from workers.policy import Policy, PolicyError

SCHEMA: dict[str, pl.DataType] = {
    "abuse": pl.Float32(),
    "marketing": pl.Float32(),
    "followers": pl.UInt32(),
    "account_age_days": pl.Float64(),
    "kind": pl.String(),
    "link_domain": pl.String(),
    "profile_bare": pl.Boolean(),
}
RULE = """\
  - name: {name}
    when: {when}
    verdict: {verdict}
    category: abuse
    reason: Because
"""


@pytest.fixture
def schema() -> dict[str, pl.DataType]:
    return dict(SCHEMA)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Policy]:
    """Loads a policy from its text."""

    def load_text(text: str | bytes) -> Policy:
        file = tmp_path / "policy.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Policy.load(file, SCHEMA)

    return load_text


@pytest.fixture
def load_rules(load: Callable[..., Policy]) -> Callable[..., Policy]:
    """Loads a policy of rules given as (when, verdict) or (when, verdict, further lines)."""

    def load_rules(*rules: tuple[str, ...], head: str = "") -> Policy:
        text = f'version: "1"\n{head}rules:\n'
        for index, (when, verdict, *more) in enumerate(rules):
            text += RULE.format(name=f"r{index}", when=when, verdict=verdict) + "".join(
                f"    {line}\n" for line in more
            )
        return load(text)

    return load_rules


@pytest.fixture
def problems(load: Callable[..., Policy]) -> Callable[..., list[tuple[int, str]]]:
    """What is wrong with a policy: (line, message) in order."""

    def problems(text: str | bytes) -> list[tuple[int, str]]:
        with pytest.raises(PolicyError) as caught:
            load(text)
        lines = str(caught.value).splitlines()
        assert lines == [f"{p.file}:{p.line}: {p.message}" for p in caught.value.problems]
        return [(problem.line, problem.message) for problem in caught.value.problems]

    return problems


@pytest.fixture
def refusal(problems: Callable[..., list[tuple[int, str]]]) -> Callable[[str], str]:
    """The one thing that is wrong with a rule's condition."""

    def refusal(when: str) -> str:
        quoted = "'" + when.replace("'", "''") + "'"
        found = problems("version: '1'\nrules:\n" + RULE.format(name="r", when=quoted, verdict="flag"))
        assert [line for line, _ in found] == [4] * len(found)
        return "; ".join(message for _, message in found)

    return refusal
