"""What a person sees at a terminal, where logs look different."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

PROGRAM = """
import logging
import structlog
from workers.logs import configure_logs
def login(password):
    raise ValueError("refused")
configure_logs("debug")
for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
    try:
        login("pw-" + "7h3" + "-53cr37")
    except ValueError:
        log.exception("crashed")
"""


def test_a_traceback_at_a_terminal_shows_no_variables() -> None:
    ours, theirs = pty.openpty()
    done = subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 1 << 16):
            seen += part
    except OSError:  # The other side is closed.
        pass
    os.close(ours)
    assert done.wait(30) == 0
    assert seen.count(b"ValueError") >= 2
    assert b"pw-7h3-53cr37" not in seen
