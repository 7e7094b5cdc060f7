"""The workers of a run, and what systemd would do for them: one that ends is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from chaos.timeline import Timeline
from deploy.processes import Service, free_port

RESTART_SECONDS = 1.0
STOP_SECONDS = 20.0


class Fleet:
    """Worker processes by number. `settings` are the variables they are given, without SLUICEGATE_.

    Attributes:
        restarts: how many were started again because they had ended by themselves or by a kill.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], timeline: Timeline) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._settings = dict(settings)
        self._timeline = timeline
        self._workers: dict[int, Service] = {}
        self._killed: set[int] = set()
        self.restarts = 0

    @property
    def numbers(self) -> list[int]:
        """Those that ought to run."""
        return sorted(self._workers)

    def pid(self, number: int) -> int:
        """A worker's process."""
        return self._workers[number].process.pid

    def join(self, number: int, **settings: str) -> None:
        """Start a worker; more settings hold for every one that is started from now on."""
        self._settings |= settings
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}
        environment |= {f"SLUICEGATE_{name}": value for name, value in self._settings.items()}
        environment |= {
            "SLUICEGATE_METRICS_PORT": "0",
            "SLUICEGATE_WEB_PORT": str(free_port()),
            "SLUICEGATE_STATE_DIR": str(self._folder / f"state-{number}"),
        }
        command = [sys.executable, "-m", "workers", "worker"]
        self._workers[number] = Service.start(f"worker-{number}", command, self._folder, environment)

    async def leave(self, number: int) -> None:
        """Stop a worker as an operator would."""
        await self._end(self._workers.pop(number), number)

    async def replace(self, number: int, **settings: str) -> None:
        """Stop a worker and start one in its place with more settings."""
        await self.leave(number)
        self.join(number, **settings)

    def kill(self, number: int) -> None:
        """End a worker by SIGKILL; `supervise` starts it again."""
        self._killed.add(number)
        self._workers[number].process.send_signal(signal.SIGKILL)

    async def pause(self, number: int, seconds: float) -> None:
        """Freeze a worker and thaw it: a zombie, when it slept past its session."""
        process = self._workers[number].process
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)

    async def supervise(self) -> None:
        """Start again what ends, until cancelled."""
        while True:
            for number, worker in list(self._workers.items()):
                if not worker.running:
                    await self._revive(number, worker)
            await asyncio.sleep(0.1)

    async def _revive(self, number: int, worker: Service) -> None:
        if number not in self._killed:
            self._timeline.note(f"worker {number} ended by itself with {worker.process.returncode}")
        self._killed.discard(number)
        await asyncio.sleep(RESTART_SECONDS)
        if self._workers.get(number) is worker:
            self.restarts += 1
            self.join(number)

    async def stop(self) -> None:
        """Stop all workers."""
        workers, self._workers = self._workers, {}
        await asyncio.gather(*(self._end(worker, number) for number, worker in workers.items()))

    async def _end(self, worker: Service, number: int) -> None:
        killed = not worker.running
        await asyncio.to_thread(worker.stop, STOP_SECONDS)
        # One that is told while it starts has not said yet what it does on SIGTERM.
        if not killed and worker.process.returncode not in (0, -signal.SIGTERM):
            self._timeline.note(f"worker {number} was told to stop and ended with {worker.process.returncode}")

    def last_words(self) -> str:
        """The end of every worker's log."""
        return "\n".join(f"--- {worker.name}\n{worker.last_lines(15)}" for worker in self._workers.values())
