"""The command as a process: what becomes of it when its reader goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("arguments", [["simulate", "--count", "60000"], ["score", "posts.jsonl"]])
def test_a_reader_that_leaves_early_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text('{"text": "what a fine day"}\n' * 20_000)
    with subprocess.Popen(
        [sys.executable, "-m", "workers", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
