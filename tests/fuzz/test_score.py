"""`sluicegate score` on hostile lines: one line out for each line in, in order, and no traceback."""

from __future__ import annotations

import json
import random
from typing import Any

from click.testing import CliRunner

from workers.cli import command

COUNT = 3_000
STRANGE = (
    b'{"text": "x", "created_at": 9223372036854775807}', b'{"text": "x", "created_at": -9223372036854775808}',
    b'{"text": "x", "created_at": 18446744073709551615}', b'{"text": "x", "id": "\\ud800"}', b'{"text": "\\ud800"}',
    b'{"text": "x", "author": {"name": "\\udfff x"}}', b'{"text": "x", "links": ["\\ud800"]}',
    b'{"text": "x", "id": -1}', b'{"text": "x", "author": {"followers": -5}}',
    b'{"text": "x", "author": {"followers": 99999999999}}',
    b'{"text": "x", "author": {"created_at": 9223372036854775807}}', b'{"text": "x", "author": null}',
    b'{"text": "x", "media": [{"kind": "k", "scores": {"nudity": 1e308}}]}', b'{"text": "\\u0000"}', b'"text"', b"",
    b'{"text": "x", "lang": "\\udc00"}', b'{"text": "x", "ip": "\\ud800", "device": "\\udfff"}', b"\r", b"\x00",
    b'{"text": "x", "author": {"followers": 18446744073709551616}}', b'{"text": "' + b"x" * 30_000 + b'"}',
)  # fmt: skip


def test_each_line_gets_one_line_in_order(fuzzer: Any) -> None:
    chance = random.Random(11)
    payloads = [value.replace(b"\n", b" ") for value in fuzzer(12).payloads(COUNT) if value is not None]
    lines: list[bytes] = []
    for number, payload in enumerate(payloads):
        # Every other line is a post that tells its place.
        lines += [chance.choice(STRANGE) if chance.random() < 0.05 else payload, b'{"text":"x","id":"n%d"}' % number]
    result = CliRunner().invoke(command, ["score", "-", "--explain"], input=b"\n".join(lines) + b"\n")
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    outcomes = [json.loads(line) for line in result.stdout_bytes.splitlines()]
    assert [outcome["id"] for outcome in outcomes[1::2]] == [f"n{number}" for number in range(len(payloads))]
    assert len(outcomes) == len(lines)
    for outcome in outcomes:
        assert ("error" in outcome) == (outcome["verdict"] is None)


def test_each_strange_line_is_scored_or_told_and_its_neighbour_is_scored() -> None:
    lines = [line for number, strange in enumerate(STRANGE) for line in (strange, b'{"text":"x","id":"n%d"}' % number)]
    result = CliRunner().invoke(command, ["score", "-", "--explain"], input=b"\n".join(lines) + b"\n")
    assert isinstance(result.exception, SystemExit), result.exception
    outcomes = [json.loads(line) for line in result.stdout_bytes.splitlines()]
    assert len(outcomes) == len(lines)
    assert [outcome["id"] for outcome in outcomes[1::2] if outcome["verdict"]] == [
        f"n{number}" for number in range(len(STRANGE))
    ]
