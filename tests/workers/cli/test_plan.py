"""`sluicegate plan` at the terminal."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from workers.cli.plan import command
from workers.planning import plan, shipped_figures


def planned(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_cores_partitions_and_shards_are_told_with_where_the_figures_are_from() -> None:
    told = planned("--posts-per-second", "100000")
    assert told.exit_code == 0
    for piece in ("worker cores", "Kafka partitions", "Redis shards", shipped_figures().machine):
        assert piece in told.output


def test_json_has_the_same_numbers_and_the_figures() -> None:
    told = json.loads(planned("--posts-per-second", "250000", "--json").output)
    wanted = plan(250_000, shipped_figures())
    assert told["worker_cores"] == wanted.worker_cores
    assert told["partitions"] == wanted.partitions
    assert told["measured"]["worker_us"] == shipped_figures().worker_us


def test_what_more_than_one_shard_means_is_said_only_where_it_matters() -> None:
    assert "across authors" not in planned("--posts-per-second", "1000").output
    assert "across authors" in planned("--posts-per-second", "5000000").output


@pytest.mark.parametrize("wrong", [("--posts-per-second", "0"), ("--posts-per-second", "many"), (), ("--load", "0")])
def test_a_number_that_makes_no_sense_is_refused(wrong: tuple[str, ...]) -> None:
    told = planned(*wrong)
    assert told.exit_code == 2
    assert "Error" in told.output
