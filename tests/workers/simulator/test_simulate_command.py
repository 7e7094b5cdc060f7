from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from topics.reading import read_posts
from workers.cli.simulate import command


def test_it_prints_lines_and_writes_the_truth_beside_them(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    result = CliRunner().invoke(command, ["--count", "400", "--seed", "9", "--truth", str(truth)])
    assert result.exit_code == 0, result.output
    lines = result.stdout_bytes.split(b"\n")
    assert lines.pop() == b""
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len(lines) == len(rows) == 400
    assert [row["line"] for row in rows] == list(range(1, 401))
    for line, row in zip(lines, rows, strict=True):
        if row["truth"] == "malformed":
            assert row["id"] is None
        else:
            assert json.loads(line)["id"] == row["id"]


def test_the_start_can_be_given() -> None:
    result = CliRunner().invoke(command, ["--count", "40", "--start", "2026-01-01T08:00:00+08:00"])
    posts, _ = read_posts(result.stdout_bytes.splitlines())
    times = [post.created_at for post in posts if post]
    assert 1_767_225_600_000 <= min(times) < 1_767_225_660_000


def test_a_start_that_is_no_time_is_refused_with_an_example() -> None:
    result = CliRunner().invoke(command, ["--start", "soon"])
    assert result.exit_code == 2
    assert "such as 2026-" in result.output
