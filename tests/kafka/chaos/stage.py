"""What a run stands on: three brokers, Valkey, proxies before them, workers, a platform; and the ways to break it."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.feed import Feed
from chaos.fleet import Fleet
from chaos.proxy import Proxy
from chaos.readback import committed
from chaos.timeline import Timeline
from chaos.valkey import Valkey
from deploy.kafka import Cluster
from deploy.processes import HOST, ServiceError, free_port
from topics.admin import TopicAdmin

BROKERS = 3
PARTITIONS = 6
GROUP = "chaos"
PREFIX = f"{{sluicegate:{GROUP}}}:"
SESSION_SECONDS = 6
# Longer than Valkey takes for the largest batch on a machine that others keep busy; DELAY_SECONDS is longer still.
COUNTERS_TIMEOUT_MS = 4_000
DELAY_SECONDS = 6.0
NOT_FOR_EVER = {
    "log.segment.bytes": 32 << 20,
    "log.retention.bytes": 128 << 20,
    "log.retention.check.interval.ms": 10_000,
}
HERE = Path(__file__).parent
STALLED_SECONDS = 150.0


class Stage:
    """Starts everything and, as a context manager, ends all of it whatever happens.

    folder: for files and logs; the brokers' and Valkey's are removed at the end. posts: how many; None: without end.
    settings: more for the workers.
    """

    def __init__(self, folder: Path, seed: int, posts: int | None, workers: int, settings: dict[str, str]) -> None:
        for client in ("aiokafka", "kafka"):
            # That brokers are gone is what a run is about.
            logging.getLogger(client).setLevel(logging.CRITICAL)
        self._folder = folder
        self._chance = random.Random(seed)
        self._workers = workers
        self.timeline = Timeline()
        fronts = [free_port() for _ in range(BROKERS)]
        self.cluster = Cluster(folder / "brokers", BROKERS, fronts, NOT_FOR_EVER if posts is None else {})
        self.valkey = Valkey(folder / "valkey")
        self._valkey_front = Proxy(free_port(), self.valkey.port)
        self._fronts = [Proxy(node.front, node.fronted_port) for node in self.cluster.nodes]
        self.feed = Feed(self.cluster.address, PARTITIONS, seed, posts, self.timeline)
        self.fleet = Fleet(
            folder / "workers",
            {
                "KAFKA": self.cluster.fronted,
                "REDIS": f"redis://{HOST}:{self._valkey_front.port}/0",
                "GROUP": GROUP,
                "SESSION_SECONDS": str(SESSION_SECONDS),
                "REDIS_TIMEOUT_MS": str(COUNTERS_TIMEOUT_MS),
                "POLICY": str(HERE / "policy.yaml"),
                **settings,
            },
            self.timeline,
        )
        self._supervisor: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(asyncio.to_thread(self.cluster.start), asyncio.to_thread(self.valkey.start))
            await asyncio.gather(*(proxy.start() for proxy in (*self._fronts, self._valkey_front)))
            await asyncio.to_thread(self._create_topics)
            for number in range(1, self._workers + 1):
                self.fleet.join(number)
            self._supervisor = asyncio.create_task(self.fleet.supervise())
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self.timeline.note(f"{BROKERS} brokers, Valkey and {self._workers} workers are started")
        return self

    def _create_topics(self) -> None:
        with TopicAdmin(self.cluster.address) as admin:
            admin.create(PARTITIONS, replication=BROKERS)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervisor:
            self._supervisor.cancel()
        await self.fleet.stop()
        for proxy in (*self._fronts, self._valkey_front):
            await proxy.stop()
        await self.feed.stop()
        self.valkey.kill()
        await asyncio.to_thread(self.cluster.stop, 0)
        for part in ("brokers", "valkey"):
            shutil.rmtree(self._folder / part, ignore_errors=True)

    async def drained(self) -> None:
        """Return when everything sent is committed. Raises ServiceError when nothing moves for long."""
        goal = self.feed.ends
        done, moved = -1, self.timeline.seconds
        while True:
            behind = await self.behind()
            if behind == 0:
                return
            if sum(goal.values()) - behind != done:
                done, moved = sum(goal.values()) - behind, self.timeline.seconds
            elif self.timeline.seconds - moved > STALLED_SECONDS:
                raise ServiceError(
                    f"{behind} posts wait and nothing moved for {STALLED_SECONDS:.0f} s\n{self.fleet.last_words()}"
                )
            await asyncio.sleep(1)

    async def behind(self) -> int:
        """How many records sent are not committed."""
        ends = dict(self.feed.ends)
        offsets = await asyncio.to_thread(committed, self.cluster.address, GROUP, PARTITIONS)
        return sum(max(0, end - offsets.get(partition, 0)) for partition, end in ends.items())

    async def fault(self, name: str) -> None:
        """Break something, and mend it where it does not mend itself."""
        await getattr(self, "_" + name.replace(" ", "_"))()

    def _any_worker(self) -> int:
        return self._chance.choice(self.fleet.numbers)

    async def _kill(self) -> None:
        number = self._any_worker()
        self.timeline.note(f"kill -9 worker {number}")
        self.fleet.kill(number)

    async def _pause(self) -> None:
        number = self._any_worker()
        seconds = SESSION_SECONDS + self._chance.uniform(3, 7)
        self.timeline.note(f"SIGSTOP worker {number} for {seconds:.1f} s")
        await self.fleet.pause(number, seconds)
        self.timeline.note(f"SIGCONT worker {number}")

    async def _join(self) -> None:
        number = max(self.fleet.numbers) + 1
        self.timeline.note(f"worker {number} joins")
        self.fleet.join(number)

    async def _leave(self) -> None:
        if len(self.fleet.numbers) < 2:
            await self._join()
        number = self._any_worker()
        self.timeline.note(f"worker {number} leaves")
        await self.fleet.leave(number)

    async def _upgrade(self) -> None:
        for number in self.fleet.numbers:
            self.timeline.note(f"worker {number} is replaced: the next policy")
            await self.fleet.replace(number, POLICY=str(HERE / "policy-next.yaml"))
            await asyncio.sleep(SESSION_SECONDS)

    async def _broker(self) -> None:
        number = self._chance.randint(1, BROKERS)
        self.timeline.note(f"kill -9 broker {number}")
        await asyncio.to_thread(self.cluster.kill, number)
        await asyncio.sleep(self._chance.uniform(2, 10))
        await asyncio.to_thread(self.cluster.revive, number)
        self.timeline.note(f"broker {number} is back")
        await asyncio.sleep(5)

    async def _brokers(self) -> None:
        self.timeline.note("all brokers restart")
        await asyncio.to_thread(self.cluster.restart)
        self.timeline.note("all brokers are back")

    async def _cut_brokers(self) -> None:
        cut = sum(proxy.cut() for proxy in self._fronts)
        self.timeline.note(f"{cut} connections between workers and brokers cut")

    async def _cut_valkey(self) -> None:
        self.timeline.note(f"{self._valkey_front.cut()} connections to Valkey cut")

    async def _valkey(self) -> None:
        self.timeline.note("kill -9 Valkey")
        await asyncio.to_thread(self.valkey.kill)
        await asyncio.sleep(self._chance.uniform(1, 5))
        await asyncio.to_thread(self.valkey.start)
        self.timeline.note("Valkey is back")

    async def _slow_valkey(self) -> None:
        self.timeline.note(f"Valkey answers after {DELAY_SECONDS:g} s")
        self._valkey_front.delay = DELAY_SECONDS
        await asyncio.sleep(self._chance.uniform(4, 8))
        self._valkey_front.delay = 0
        self.timeline.note("Valkey is quick again")

    async def _full_valkey(self) -> None:
        self.timeline.note("Valkey is full")
        await asyncio.to_thread(self.valkey.fill)
        await asyncio.sleep(self._chance.uniform(2, 6))
        await asyncio.to_thread(self.valkey.empty_again)
        self.timeline.note("Valkey has room again")
