from __future__ import annotations

import json

from click.testing import CliRunner

from workers.cli import command
from workers.signals import schema


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
