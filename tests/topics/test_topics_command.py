"""`sluicegate topics` at the terminal."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from deploy.processes import free_port
from topics import admin
from workers.cli.topics import command


@pytest.fixture
def named_broker(empty_broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLUICEGATE_KAFKA names an embedded broker without topics."""
    monkeypatch.setenv("SLUICEGATE_KAFKA", empty_broker)


def sluicegate_topics(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


@pytest.mark.usefixtures("named_broker")
def test_topics_that_were_created_differ_in_nothing_and_are_described() -> None:
    assert sluicegate_topics("check").exit_code == 1
    created = sluicegate_topics("create", "--partitions", "2", "--json")
    assert json.loads(created.output) == {
        "created": ["posts", "posts.allow", "posts.flag", "posts.block", "posts.dead", "posts.campaigns"]
    }
    assert sluicegate_topics("create").output == "every topic exists\n"
    checked = sluicegate_topics("check", "--partitions", "2")
    assert (checked.exit_code, checked.output) == (0, "nothing differs from what is declared\n")
    described = json.loads(sluicegate_topics("describe", "--json").output)
    assert [topic["partitions"] for topic in described["topics"]] == [2, 2, 2, 2, 2, 1]
    assert "posts.dead\n" in sluicegate_topics("describe").output


@pytest.mark.usefixtures("named_broker")
def test_a_difference_is_told_and_ends_with_one() -> None:
    sluicegate_topics("create", "--partitions", "2")
    checked = sluicegate_topics("check", "--partitions", "3")
    assert (checked.exit_code, checked.output) == (1, "differs: posts has 2 partitions, fewer than 3\n")
    as_json = sluicegate_topics("check", "--partitions", "3", "--json")
    assert json.loads(as_json.output) == {"differences": ["posts has 2 partitions, fewer than 3"], "unknown": []}


def test_the_option_goes_before_the_variable(empty_broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA", "localhost:1")
    assert sluicegate_topics("create", "--kafka", empty_broker).exit_code == 0


def test_no_broker_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "CONNECT_SECONDS", 0.3)
    address = f"127.0.0.1:{free_port()}"
    failed = sluicegate_topics("describe", "--kafka", address)
    assert failed.exit_code == 1
    assert failed.output.startswith(f"Error: no Kafka broker answers at {address}")
    assert failed.output.count("\n") == 1


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SASL_SSL")
    failed = sluicegate_topics("check")
    assert failed.exit_code == 1
    assert failed.output.count("\n") == 1
    assert "SLUICEGATE_KAFKA_USER" in failed.output
