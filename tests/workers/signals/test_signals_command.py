from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from workers.cli import command
from workers.signals import schema

POLICY = """\
version: "1"
terms:
  contact: [加微信, telegram]
counters:
  author_posts_1m: {count: posts, by: author, window: 1m}
  campaign_authors_10m: {distinct: author, by: campaign, window: 10m}
rules:
  - name: contact
    when: terms_contact > 0 AND author_posts_1m > 3
    verdict: flag
    category: spam
    reason: Gives a contact again and again
"""


def test_json_lists_every_signal_with_its_family() -> None:
    result = CliRunner().invoke(command, ["signals", "--json"])
    assert result.exit_code == 0, result.output
    listed = json.loads(result.stdout)
    assert {signal["name"]: signal["dtype"] for signal in listed} == {
        name: str(dtype) for name, dtype in schema().items()
    }
    assert listed[0]["family"] == "text"


def test_off_a_terminal_it_is_a_line_a_signal_without_colour() -> None:
    result = CliRunner().invoke(command, ["signals"])
    assert result.exit_code == 0, result.output
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[1] for line in lines] == list(schema())
    assert ["links", "link_count", "UInt16", "links"] in [line[:4] for line in lines]
    assert "\x1b" not in result.stdout


def test_a_policy_adds_its_term_lists_and_counters(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY, encoding="utf-8")
    result = CliRunner().invoke(command, ["signals", "--json", "--policy", str(file)])
    assert result.exit_code == 0, result.output
    added = [s for s in json.loads(result.stdout) if s["name"] not in schema()]
    assert [(s["family"], s["name"], s["dtype"], s["unit"]) for s in added] == [
        ("terms", "terms_contact", "UInt16", "hits"),
        ("counters", "author_posts_1m", "UInt32", "posts"),
        ("counters", "campaign_authors_10m", "UInt32", "authors"),
    ]


def test_a_policy_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("rules: 3\n", encoding="utf-8")
    result = CliRunner().invoke(command, ["signals", "--policy", str(file)])
    assert result.exit_code == 1
    assert "policy.yaml:1" in result.output
