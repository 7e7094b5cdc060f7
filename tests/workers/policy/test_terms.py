"""Term lists: files beside the policy, or given in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workers.policy import Policy

Problems = Callable[..., list[tuple[int, str]]]

RULES = "rules:\n  - {name: a, when: terms_ads > 0, verdict: flag, category: ads, reason: Sells}\n"


def with_terms(terms: str) -> str:
    return f'version: "1"\nterms:\n  ads: {terms}\n{RULES}'


def test_a_term_file_has_a_term_a_line_and_comments(load: Callable[..., Policy], tmp_path: Path) -> None:
    (tmp_path / "terms").mkdir()
    (tmp_path / "terms" / "ads.txt").write_text(
        "# what sellers say\n\n  buy now  \r\n加微信\nbuy now\n", encoding="utf-8"
    )
    assert load(with_terms("terms/ads.txt")).terms == {"ads": ["buy now", "加微信"]}


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("nowhere.txt", "cannot be read"),
        ("/etc/passwd", "not beside the policy"),
        ("../ads.txt", "not beside the policy"),
        ("a/../../ads.txt", "not beside the policy"),
        ("12", "quote it"),
        ("[]", "holds no term"),
        ("{a: b}", "must be a list"),
        ("[buy now, x]", "'x' is a single letter"),
        ("[buy now, '...']", "'...' has no letter"),
    ],
)
def test_a_term_list_that_cannot_be_used_is_told_with_its_line(problems: Problems, terms: str, words: str) -> None:
    found = problems(with_terms(terms))
    assert [line for line, _ in found] == [3]
    assert words in found[0][1]


def test_a_wrong_term_in_a_file_is_told_with_the_line_in_that_file(
    load: Callable[..., Policy], problems: Problems, tmp_path: Path
) -> None:
    (tmp_path / "ads.txt").write_text("buy now\n!!!\n")
    assert problems(with_terms("ads.txt"))[0][0] == 2
    (tmp_path / "ads.txt").write_text(f"{'好' * 200}\n{'好' * 201}\n")
    assert [(line, "longer than 200" in message) for line, message in problems(with_terms("ads.txt"))] == [(2, True)]
    (tmp_path / "ads.txt").write_text("# nothing\n")
    assert "holds no term" in problems(with_terms("ads.txt"))[0][1]
    (tmp_path / "ads.txt").write_bytes(b"buy\n\xff\n")
    assert "not UTF-8" in problems(with_terms("ads.txt"))[0][1]
