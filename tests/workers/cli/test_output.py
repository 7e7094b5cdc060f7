"""What becomes of a command's output when it cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from workers.cli import command

SLUICEGATE = (sys.executable, "-m", "workers")


@pytest.mark.parametrize(
    "command",
    [("simulate", "--count", "5000"), ("signals", "--json"), ("policy", "check"), ("policy", "check", "--json")],
    ids=" ".join,
)
def test_a_reader_that_has_had_enough_ends_a_command_in_peace(command: tuple[str, ...]) -> None:
    with subprocess.Popen([*SLUICEGATE, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        # `head -c 0`: gone before the first line.
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 0


@pytest.mark.parametrize("command", [("simulate", "--count", "60000"), ("score", "posts.jsonl")], ids=" ".join)
def test_a_reader_that_leaves_after_the_first_line_is_no_error(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text('{"text": "what a fine day"}\n' * 20_000)
    with subprocess.Popen(
        [*SLUICEGATE, *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [("simulate", "--count", "10"), ("signals",), ("policy", "check")], ids=" ".join)
def test_a_full_disk_is_told_in_a_line(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        told = subprocess.run([*SLUICEGATE, *command], stdout=full, stderr=subprocess.PIPE, text=True)
    assert told.returncode == 1
    assert told.stderr.startswith("Error: No space left on device")
    assert "Traceback" not in told.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    place = tmp_path / "missing" / "truth.jsonl"
    told = subprocess.run(
        [*SLUICEGATE, "simulate", "--count", "1", "--truth", str(place)], capture_output=True, text=True
    )
    assert told.returncode == 1
    assert told.stderr == f"Error: {place}: No such file or directory\n"


@pytest.mark.parametrize("group", ["policy", "models", "topics", "dead"])
def test_what_each_command_does_fits_its_line_of_the_help(group: str) -> None:
    told = CliRunner().invoke(command, [group, "--help"], terminal_width=80).output
    _, commands = told.split("Commands:\n")
    assert [line for line in commands.splitlines() if line.endswith("...")] == []
