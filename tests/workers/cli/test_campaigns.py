"""`sluicegate campaigns`: what grew lately, as it stands."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from topics.campaign import Campaign, decode, encode
from topics.catalog import CAMPAIGNS
from workers.cli.campaigns import command, print_table

DAY = 86_400_000
NOW = int(time.time() * 1_000)


def record(number: int, accounts: int, grew_at: int = NOW, sample: str = "buy now") -> bytes:
    return encode(
        Campaign(
            id=f"{number:016x}",
            first_seen=grew_at - 60_000,
            grew_at=grew_at,
            posts=2 * accounts,
            accounts=accounts,
            agencies=0,
            samples=[sample],
            links=["example.com"],
        )
    )


def campaigns(desk: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--kafka", desk.address, *arguments])


def test_each_campaign_is_listed_once_as_it_stands_the_one_of_most_accounts_first(embedded: Any) -> None:
    records = [record(1, 5), record(2, 5), record(1, 40), record(1, 20), record(3, 80, NOW - 3 * DAY), b"{"]
    embedded.write(*records, topic=CAMPAIGNS.name, partition=0)
    lately = campaigns(embedded)
    assert lately.exit_code == 0, lately.output
    assert [json.loads(line)["accounts"] for line in lately.stdout.splitlines()] == [40, 5]
    assert "posts.campaigns 0:5 is no campaign" in lately.stderr
    longer = campaigns(embedded, "--since", "7d")
    assert [json.loads(line)["accounts"] for line in longer.stdout.splitlines()] == [80, 40, 5]


def test_a_record_of_a_time_beyond_the_calendar_is_none(embedded: Any) -> None:
    embedded.write(record(1, 5, 2**62), record(2, 5), topic=CAMPAIGNS.name, partition=0)
    lately = campaigns(embedded)
    assert lately.exit_code == 0, lately.output
    assert len(lately.stdout.splitlines()) == 1
    assert "posts.campaigns 0:0 is no campaign" in lately.stderr


def test_where_nothing_grew_lately_it_says_how_to_look_further_back(embedded: Any) -> None:
    embedded.write(record(1, 5, NOW - 3 * DAY), topic=CAMPAIGNS.name, partition=0)
    result = campaigns(embedded)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "--since 7d" in result.stderr


def test_nothing_in_a_post_steers_the_terminal(embedded: Any) -> None:
    embedded.write(record(1, 5, sample="\x1b]0;owned\x07\u202ebuy"), topic=CAMPAIGNS.name, partition=0)
    listed = campaigns(embedded).stdout
    assert json.loads(listed)["samples"] == ["\x1b]0;owned\x07\u202ebuy"]
    assert listed.strip().isprintable()
    assert listed.isascii()


def test_a_table_fits_a_terminal_of_80_columns_with_ids_and_texts_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    sample = "诚招福州凯嘉英语课厂烟酒代理在家就能做一部手机日入"
    print_table([decode(record(0xABCDEF << 40, 1_000_000, sample=sample))])
    lines = capsys.readouterr().out.splitlines()
    assert all(cell_len(line) <= 80 for line in lines)
    assert "abcdef0000000000" in "".join(lines)
    assert set(sample) <= set("".join(lines))


def test_a_broker_that_is_not_there_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("workers.cli.campaigns.PATIENCE_SECONDS", 1.0)
    result = CliRunner().invoke(command, ["--kafka", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.output
