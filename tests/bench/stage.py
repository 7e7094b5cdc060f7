"""What workers are measured on: a broker, a Valkey, topics filled with posts; and workers, each a process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.clock import cpu_seconds
from deploy.embedded import start_broker, start_valkey
from deploy.kafka import start_kafka
from deploy.processes import Service, ServiceError, free_port
from topics.admin import TopicAdmin
from topics.catalog import OUTPUTS, POSTS
from workers.live.feed import MAX_BATCH_BYTES, Payload, partition_of
from workers.settings import PREFIX

Kind = Literal["embedded", "kafka"]
PARTITIONS = 4
STOP_SECONDS = 8.0
STALLED_SECONDS = 60.0
OURS = ("-m", "workers", "worker")
ROOT = Path(__file__).parent.parent.parent


class Stage:
    """Starts broker and Valkey and, as a context manager, ends all of it whatever happens."""

    def __init__(self, kind: Kind = "embedded") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sluicegate-bench-"))
        self._kind = kind
        self._services: list[Service] = []
        self._numbers = count(1)

    def __enter__(self) -> Self:
        try:
            broker, self.kafka = (start_broker if self._kind == "embedded" else start_kafka)(self.folder)
            self._services.append(broker)
            self.valkey, self.redis = start_valkey(self.folder)
            self._services.append(self.valkey)
            with TopicAdmin(self.kafka) as admin:
                admin.create(PARTITIONS, replication=1)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in reversed(self._services):
            service.stop(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_worker(self, command: Iterable[str] = OURS, group: str = "bench", policy: Path | None = None) -> Service:
        """A worker, which reads `posts` from the beginning when its group has not read before."""
        number = next(self._numbers)
        settings = {
            "KAFKA": self.kafka,
            "REDIS": self.redis,
            "GROUP": group,
            # The embedded broker's transactions are no good.
            "DELIVERY": "at_least_once" if self._kind == "embedded" else "exactly_once",
            "METRICS_PORT": "0",
            "WEB_PORT": str(free_port()),
            "STATE_DIR": str(self.folder / f"state-{number}"),
            "LOG_LEVEL": "error",
            **({"POLICY": str(policy.resolve())} if policy else {}),
        }
        environment = os.environ | {f"{PREFIX}{name}": value for name, value in settings.items()}
        # Folders of tests have the names of packages: the packages come first.
        environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
        worker = Service.start(f"worker-{number}", [sys.executable, *command], self.folder, environment)
        self._services.append(worker)
        return worker

    def stop(self, worker: Service) -> None:
        """End a worker."""
        worker.stop(STOP_SECONDS)
        self._services.remove(worker)


async def fill(kafka: str, payloads: Iterable[Payload]) -> int:
    """Put all posts on `posts` in whole batches, by key as Kafka's own partitioner does; how many."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", max_batch_size=MAX_BATCH_BYTES, max_request_size=2 * MAX_BATCH_BYTES
    )
    by_partition: dict[int, list[Payload]] = defaultdict(list)
    for payload in payloads:
        by_partition[partition_of(payload.key, PARTITIONS)].append(payload)
    await producer.start()
    try:
        for partition, waiting in by_partition.items():
            batch = producer.create_batch()
            for key, value, _ in waiting:
                if batch.append(timestamp=None, key=key, value=value) is None:
                    await (await producer.send_batch(batch, POSTS.name, partition=partition))
                    batch = producer.create_batch()
                    batch.append(timestamp=None, key=key, value=value)
            await (await producer.send_batch(batch, POSTS.name, partition=partition))
    finally:
        await producer.stop()
    return sum(map(len, by_partition.values()))


class Progress:
    """How many posts have been decided since it was entered: the ends of the output topics tell."""

    def __init__(self, kafka: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
        self._partitions = [TopicPartition(topic.name, number) for topic in OUTPUTS for number in range(PARTITIONS)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._before = await self._ends()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def _ends(self) -> int:
        return sum((await self._consumer.end_offsets(self._partitions)).values())

    async def decided(self) -> int:
        """Posts decided since."""
        return await self._ends() - self._before

    async def until(self, posts: int, workers: Iterable[Service], seconds: float | None = None) -> int:
        """Return when so many are decided, or when so many seconds have passed; how many are.

        Raises:
            ServiceError: a worker has ended, or nothing moves.
        """
        loop = asyncio.get_running_loop()
        began = moved = loop.time()
        last = -1
        while (done := await self.decided()) < posts and (seconds is None or loop.time() < began + seconds):
            if done > last:
                last, moved = done, loop.time()
            for worker in workers:
                if not worker.running:
                    raise ServiceError(f"{worker.name} ended: {worker.last_lines()}")
                if loop.time() > moved + STALLED_SECONDS:
                    raise ServiceError(f"nothing moved for {STALLED_SECONDS:.0f} s: {worker.last_lines()}")
            await asyncio.sleep(0.05)
        return done


class Measured:
    """CPU seconds of processes and posts decided since it was made."""

    def __init__(self, progress: Progress, processes: Iterable[int]) -> None:
        self._progress = progress
        self._processes = tuple(processes)

    async def start(self) -> Self:
        """Begin."""
        self._posts = await self._progress.decided()
        self._cpu = [cpu_seconds(process) for process in self._processes]
        self._began = asyncio.get_running_loop().time()
        return self

    async def end(self) -> tuple[int, float, list[float]]:
        """Posts decided, seconds passed, and CPU seconds of each process."""
        cpu = [cpu_seconds(process) for process in self._processes]
        seconds = asyncio.get_running_loop().time() - self._began
        posts = await self._progress.decided() - self._posts
        return posts, seconds, [after - before for after, before in zip(cpu, self._cpu, strict=True)]
