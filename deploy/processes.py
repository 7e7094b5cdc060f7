"""Starting and ending other programs so that none outlives us."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


class ServiceError(RuntimeError):
    """A service did not start; the message names its log."""


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """True when something accepts connections on the loopback address at `port`."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def _die_with_parent() -> None:
    # Linux only: a parent that is killed outright cannot tidy up, so the kernel does.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@dataclass
class Service:
    """A program that we started: its name, process, and the file that takes what it prints."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Service:
        """Start `command` in its own session, with output in `folder`/`name`.log."""
        log = folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=None if environment is None else dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        return cls(name, process, log, stop_signal)

    @property
    def running(self) -> bool:
        """False once the process has ended."""
        return self.process.poll() is None

    def wait_for_port(self, port: int, seconds: float) -> None:
        """Return when `port` answers; raises ServiceError when the process ends or time is up first."""
        deadline = time.monotonic() + seconds
        while not listening(port):
            if not self.running:
                raise ServiceError(f"{self.name} ended with {self.process.returncode}: {self.last_line()}")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.name} does not answer on port {port} after {seconds:.0f} s: {self.last_line()}"
                )
            time.sleep(0.02)

    def last_lines(self, count: int = 12) -> str:
        """The last lines it printed."""
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-count:])

    def last_line(self) -> str:
        """The last thing it printed, or that it printed nothing, and where to look."""
        return f"{self.last_lines(1)[:300] or 'it printed nothing'} ({self.log})"

    def ask_to_stop(self) -> None:
        """Send the stop signal; `stop` waits for the end."""
        if self.running:
            self.process.send_signal(self.stop_signal)

    def stop(self, seconds: float = 3.0) -> None:
        """Stop it, by SIGKILL when it has not gone after `seconds`."""
        self.ask_to_stop()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
