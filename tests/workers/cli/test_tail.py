"""`sluicegate tail` at the terminal and in a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from deploy.processes import free_port
from topics.client import log
from topics.decision import Decision, FiredRule, Source, Span
from topics.post import Author, Post
from workers.cli.tail import command
from workers.cli.verdicts import described

HOSTILE = "\x1b]0;owned\x07\u202ebuy\x9b31m now\r\n"
DAY = 86_400_000


def tail(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def shown(decision: Decision, colours: bool = False) -> str:
    console = Console(file=StringIO(), width=120, force_terminal=colours, highlight=False)
    console.print(described(decision, 1_795_600_000_000))
    return console.file.getvalue()  # type: ignore[attr-defined]


def flagged(text: str, **fields: Any) -> Decision:
    at = 1_795_600_000_000
    told: dict[str, Any] = {
        "id": "p1",
        "author": "a1",
        "verdict": "flag",
        "category": "marketing",
        "rules": [FiredRule("ad", "flag", "marketing", "Something to sell")],
        "signals": {"link_authors_10m": 40, "account_age_days": 3.0, "posts_1h": None},
        "scores": {"marketing": 0.934},
        "policy": "v1",
        "source": Source(0, 1),
        "created_at": at,
        "arrived_at": at,
        "post": Post("p1", text, Author("a1", "Mei", at - 3 * DAY, 1_200), at),
    }
    return Decision(**told | fields)


def test_a_decision_is_shown_with_rule_reason_account_readings_and_what_weighed() -> None:
    decision = flagged("buy pills now", spans=[Span("text", 4, 9, "marketing", 2.0)], degraded=True, campaign="c7")
    plain = [line.rstrip() for line in shown(decision).splitlines()]
    assert plain == [
        "09:46:40 flag  ad (marketing)  campaign c7  without counters",
        "         Something to sell",
        "         Mei  account a1, 3 days old, 1,200 followers",
        "         marketing 0.93  link_authors_10m 40  account_age_days 3.00  posts_1h unknown",
        "         buy pills now",
    ]
    assert "\x1b[1;7mpills\x1b[0m" in shown(decision, colours=True)


def test_a_decision_to_allow_is_one_line() -> None:
    decision = flagged("", verdict="allow", category=None, rules=[], post=None, campaign="c7")
    assert shown(decision) == "09:46:40 allow  campaign c7  post p1  author a1\n"


@given(st.text(max_size=60), st.text(max_size=20))
def test_nothing_hostile_reaches_a_terminal(text: str, name: str) -> None:
    at = 1_795_600_000_000
    post = Post("p", text + HOSTILE, Author(f"i{HOSTILE}", name + HOSTILE), at)
    rules = [FiredRule(f"r{HOSTILE}", "flag", HOSTILE, HOSTILE), FiredRule(HOSTILE, "flag", "c", "r")]
    decision = flagged("", post=post, rules=rules, signals={HOSTILE: HOSTILE}, scores={HOSTILE: 0.5})
    lines = shown(decision)
    assert not set(re.sub(r"[\n]", "", lines)) & set("\x1b\x07\u202e\x9b\r")
    assert lines.count("\n") >= 5


def test_elsewhere_than_on_a_terminal_it_prints_json_lines_in_ascii(embedded: Any) -> None:
    embedded.write(embedded.decision(0, author=f"a{HOSTILE}", partition=1), embedded.decision(1, "block"))
    found = tail("--kafka", embedded.address, "flag", "--until-now")
    assert found.exit_code == 0, found.output
    (line,) = found.stdout.splitlines()
    assert line.isascii()
    assert line.isprintable()
    decision = json.loads(line)
    assert decision["author"] == f"a{HOSTILE}"
    assert datetime.now(UTC).timestamp() * 1_000 - decision["decided_at"] < 60_000
    assert decision["source"] == {"partition": 1, "offset": 0}


def test_it_selects_by_verdict_rule_category_time_and_number(embedded: Any) -> None:
    embedded.write(embedded.decision(0, rule="ad", category="marketing"), embedded.decision(1))
    embedded.write(embedded.decision(2, "block"), embedded.decision(3, "allow"))

    def found(*arguments: str) -> list[int]:
        result = tail("--kafka", embedded.address, "--until-now", *arguments)
        assert result.exit_code == 0, result.output
        return sorted(json.loads(line)["source"]["offset"] for line in result.stdout.splitlines())

    assert found() == [0, 1, 2, 3]
    assert found("flag", "block") == [0, 1, 2]
    assert found("--category", "marketing") == [0]
    assert found("--rule", "flood") == [1, 2]
    assert found("--rule", "flood", "--rule", "ad", "flag") == [0, 1]
    assert found("allow", "--since", "1h") == [3]
    assert found("--since", (datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []
    assert len(found("--count", "2")) == 2


def test_where_nothing_is_found_it_says_what_was_asked_for(embedded: Any) -> None:
    embedded.write(embedded.decision(0, rule="ad", category="marketing"))
    for arguments, told in (
        (("--category", "marketting", "--rule", "ad"), "no decision found with --category marketting, --rule ad\n"),
        (("allow",), "no decision found\n"),
        (("flag",), ""),
    ):
        result = tail("--kafka", embedded.address, "--until-now", *arguments)
        assert (result.exit_code, result.stderr) == (0, told)


def test_it_finds_what_was_decided_on_a_post_and_on_an_account(embedded: Any) -> None:
    written = [embedded.decision(0, author="a1"), embedded.decision(1, author="a2"), embedded.decision(2, author="a1")]
    embedded.write(*written)

    def found(*arguments: str) -> list[str]:
        result = tail("--kafka", embedded.address, "--until-now", *arguments)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    first, second, third = (decision.id for decision in written)
    assert found("--post", second) == [second]
    assert sorted(found("--post", first, "--post", second)) == sorted([first, second])
    assert sorted(found("--author", "a1")) == sorted([first, third])
    assert found("--author", "a1", "--post", second) == []
    assert len(found("--author", "a1", "--count", "1")) == 1


def test_what_is_no_decision_is_told_beside_the_others(embedded: Any) -> None:
    embedded.write(b'{"\x1b[2J', topic="posts.flag", partition=0)
    embedded.write(embedded.decision(1))
    found = tail("--kafka", embedded.address, "--until-now")
    assert len(found.stdout.splitlines()) == 1
    assert found.stderr.startswith("sluicegate: posts.flag 0:0 is no decision: ")
    assert "\x1b" not in found.stderr


def test_decisions_come_to_a_terminal_as_they_are_made_until_ctrl_c(embedded: Any, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ["tail", "flag", "--kafka", embedded.address, "--picture", str(tmp_path / "tail.svg")]
    with subprocess.Popen([sys.executable, "-m", "workers", *arguments], stdout=theirs, stderr=theirs) as tailing:
        os.close(theirs)
        seen, offset = b"", 0
        # It begins at now: until it has begun, what is written lies before.
        while b"flood" not in seen:
            embedded.write(embedded.decision(offset, author=HOSTILE))
            offset += 1
            os.set_blocking(ours, False)
            try:
                seen += os.read(ours, 1 << 16)
            except BlockingIOError:
                assert offset < 2_000
        tailing.send_signal(signal.SIGINT)
        os.set_blocking(ours, True)
        try:
            while part := os.read(ours, 1 << 16):
                seen += part
        except OSError:  # The other side is closed.
            pass
        os.close(ours)
        assert tailing.wait(30) == 130
    assert b"Traceback" not in seen
    assert "good morning from the harbour" in seen.decode()
    assert b"\x07" not in seen
    assert b"\x1b]" not in seen
    assert (tmp_path / "tail.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["flagged"], 2, "'flagged' is not one of 'allow', 'flag', 'block'"),
        (["--since", "yesterday"], 2, "neither a time ago"),
        (["--count", "0"], 2, "0 is not in the range"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments: list[str], code: int, words: str) -> None:
    failed = tail(*arguments)
    assert (failed.exit_code, words in failed.output) == (code, True)


def test_no_broker_and_wrong_settings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CONNECT_SECONDS", 1)
    failed = tail("--kafka", f"127.0.0.1:{free_port()}")
    assert (failed.exit_code, failed.output.count("\n")) == (1, 1)
    assert failed.output.startswith("Error: no Kafka broker answers at")
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SASL_SSL")
    assert "SLUICEGATE_KAFKA_USER" in tail().output
