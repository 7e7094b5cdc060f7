"""What workers are measured on: a broker, a Valkey, topics filled with posts; and workers, each a process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.clock import cpu_seconds
from deploy.embedded import start_broker, start_valkey
from deploy.kafka import start_kafka
from deploy.processes import Service, ServiceError, free_port
from topics.admin import TopicAdmin
from topics.catalog import POSTS
from workers.live.feed import MAX_BATCH_BYTES, Payload, partition_of
from workers.settings import PREFIX

Kind = Literal["embedded", "kafka"]
PARTITIONS = 4
GROUP = "bench"
POLL_SECONDS = 0.05
STOP_SECONDS = 8.0
STALLED_SECONDS = 120.0
OURS = ("-m", "workers", "worker")
ROOT = Path(__file__).parent.parent.parent
# Folders of tests have the names of packages: the packages come first.
PYTHONPATH = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"


class Stage:
    """Starts broker and Valkey and, as a context manager, ends all of it whatever happens."""

    def __init__(self, kind: Kind = "embedded") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sluicegate-bench-"))
        self.kind = kind
        self._services: list[Service] = []
        self._numbers = count(1)

    def __enter__(self) -> Self:
        try:
            self.broker, self.kafka = (start_broker if self.kind == "embedded" else start_kafka)(self.folder)
            self._services.append(self.broker)
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

    def start_worker(self, command: Iterable[str] = OURS, group: str = GROUP, policy: Path | None = None) -> Service:
        """A worker, which reads `posts` from the beginning when its group has not read before."""
        number = next(self._numbers)
        settings = {
            "KAFKA": self.kafka,
            "REDIS": self.redis,
            "GROUP": group,
            # The embedded broker's transactions are no good.
            "DELIVERY": "at_least_once" if self.kind == "embedded" else "exactly_once",
            "METRICS_PORT": "0",
            "WEB_PORT": str(free_port()),
            "STATE_DIR": str(self.folder / f"state-{number}"),
            "LOG_LEVEL": "error",
            **({"POLICY": str(policy.resolve())} if policy else {}),
        }
        environment = os.environ | {f"{PREFIX}{name}": value for name, value in settings.items()}
        environment["PYTHONPATH"] = PYTHONPATH
        worker = Service.start(f"worker-{number}", [sys.executable, *command], self.folder, environment)
        self._services.append(worker)
        return worker

    def start_program(self, name: str, *arguments: str) -> Service:
        """A program of the bench that talks to this stage's broker."""
        command = [sys.executable, "-m", f"bench.{name}", "--kafka", self.kafka, *arguments]
        program = Service.start(name, command, self.folder, os.environ | {"PYTHONPATH": PYTHONPATH})
        self._services.append(program)
        return program

    def stop(self, service: Service) -> None:
        """End a worker or a program."""
        service.stop(STOP_SECONDS)
        self._services.remove(service)


async def fill(kafka: str, payloads: Iterable[Payload]) -> int:
    """Put all posts on `posts` in whole batches, by key as Kafka's own partitioner does; how many there were."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", max_batch_size=MAX_BATCH_BYTES, max_request_size=2 * MAX_BATCH_BYTES
    )
    await producer.start()
    try:
        open_batches = {number: producer.create_batch() for number in range(PARTITIONS)}
        sent = 0
        for key, value, _ in payloads:
            sent += 1
            number = partition_of(key, PARTITIONS)
            if open_batches[number].append(timestamp=None, key=key, value=value) is None:
                await (await producer.send_batch(open_batches[number], POSTS.name, partition=number))
                open_batches[number] = producer.create_batch()
                open_batches[number].append(timestamp=None, key=key, value=value)
        for number, batch in open_batches.items():
            if batch.record_count():
                await (await producer.send_batch(batch, POSTS.name, partition=number))
    finally:
        await producer.stop()
    return sent


class Progress:
    """How many posts a group has dealt with: its committed offsets tell.

    The ends of the output topics would tell too, but the embedded broker names as a topic's end the place after the
    first record of the last batch.
    """

    def __init__(self, kafka: str, group: str = GROUP) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
        self._partitions = [TopicPartition(POSTS.name, number) for number in range(PARTITIONS)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def offsets(self) -> list[int]:
        """The next offset of each partition."""
        return [await self._consumer.committed(place) or 0 for place in self._partitions]

    async def until(self, posts: int, workers: Iterable[Service], seconds: float | None = None) -> int:
        """Return when so many are dealt with, or at the first commit after so many seconds; how many are.

        Raises:
            ServiceError: a worker has ended, or nothing moves.
        """
        loop = asyncio.get_running_loop()
        began = moved = loop.time()
        last = sum(await self.offsets())
        while (done := sum(await self.offsets())) < posts:
            if done > last:
                last, moved = done, loop.time()
                if seconds is not None and moved > began + seconds:
                    break
            for worker in workers:
                if not worker.running:
                    raise ServiceError(f"{worker.name} ended: {worker.last_lines()}")
                if loop.time() > moved + STALLED_SECONDS:
                    raise ServiceError(f"nothing moved for {STALLED_SECONDS:.0f} s: {worker.last_lines()}")
            await asyncio.sleep(POLL_SECONDS)
        return done


class Measured(NamedTuple):
    """Posts decided, seconds passed, and CPU seconds of each process."""

    posts: int
    seconds: float
    cpu: list[float]


async def measure(
    progress: Progress,
    workers: Sequence[Service],
    first: int,
    last: int,
    seconds: float | None = None,
    beside: Sequence[Service] = (),
) -> Measured:
    """Measure workers from the `first` post dealt with to the `last`, or for so many seconds.

    Both ends are when a commit was just seen: what is under way at that time is about as much at either.
    beside: more processes whose CPU seconds to tell, after those of the workers.
    """
    processes = [service.process.pid for service in (*workers, *beside)]
    begin = await progress.until(first, workers)
    before, start = [cpu_seconds(process) for process in processes], time.monotonic()
    end = await progress.until(last, workers, seconds)
    after, stop = [cpu_seconds(process) for process in processes], time.monotonic()
    return Measured(end - begin, stop - start, [late - early for late, early in zip(after, before, strict=True)])
