"""The services of a run: broker and Redis, embedded unless real ones are named, and the worker processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit
from uuid import uuid4

from deploy.embedded import start_broker, start_valkey
from deploy.processes import HOST, Service, ServiceError, free_port
from deploy.prometheus import start_prometheus
from topics.admin import AdminError, TopicAdmin
from workers.connection import redis_arguments
from workers.counters import CountersUnavailable, RedisStore
from workers.settings import PREFIX, SettingsError, load_settings

READY_SECONDS = 60.0
STOP_SECONDS = 2.5


class Stack:
    """Starts what a run needs and, as a context manager, ends all of it whatever happens.

    Attributes:
        kafka: `host:port` of the broker.
        redis: URL of the Redis.
        metrics: addresses of the workers' metrics.
        web: addresses of the workers' Faust pages.
        prometheus: its address, where one was started.
    """

    def __init__(self, kafka: str | None, redis: str | None, workers: int, settings: dict[str, str]) -> None:
        self.kafka = kafka or ""
        self.redis = redis or ""
        self.metrics: list[str] = []
        self.web: list[str] = []
        self.prometheus = ""
        self._count = workers
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
        self._services: list[Service] = []
        self._workers: list[Service] = []

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._workers:
            service.ask_to_stop()
        for service in [*self._workers, *self._services]:
            service.stop(STOP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, partitions: int) -> None:
        """Start the services, create the topics, start the workers.

        Raises:
            ServiceError: one of them cannot be started.
        """
        named = bool(self.kafka)
        if not named:
            # Its transactions are no good: it shows what was aborted. Its offsets begin at 0 again with each run, so
            # that a Redis of one's own would take them for posts that were counted before.
            own = {"DELIVERY": "at_least_once", "REDIS_NAMESPACE": f"sluicegate-run-{uuid4().hex}"}
            self._settings = own | self._settings
            broker, self.kafka = start_broker(self._folder)
            self._services.append(broker)
        if not self.redis and self._count:
            valkey, self.redis = start_valkey(self._folder)
            self._services.append(valkey)
        try:
            with TopicAdmin(self.kafka) as admin:
                admin.create(partitions, replication=-1 if named else 1)
        except AdminError as error:
            raise ServiceError(str(error)) from error
        for number in range(1, self._count + 1):
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        metrics_port, web_port = free_port(), free_port()
        environment = os.environ | {f"{PREFIX}{name}": value for name, value in self._settings.items()}
        environment |= {
            f"{PREFIX}KAFKA": self.kafka,
            f"{PREFIX}REDIS": self.redis,
            f"{PREFIX}METRICS_PORT": str(metrics_port),
            f"{PREFIX}WEB_PORT": str(web_port),
            f"{PREFIX}STATE_DIR": str(self._folder / f"worker-{number}"),
        }
        command = [sys.executable, "-m", "workers", "worker"]
        self._workers.append(Service.start(f"worker-{number}", command, self._folder, environment))
        self.metrics.append(f"http://{HOST}:{metrics_port}/metrics")
        self.web.append(f"http://{HOST}:{web_port}/")

    def start_prometheus(self) -> None:
        """Have the workers scraped, and the rules evaluated. Raises ServiceError where it is not installed."""
        targets = [urlsplit(address).netloc for address in self.metrics]
        service, self.prometheus = start_prometheus(self._folder, targets)
        self._services.append(service)

    def total(self, metric: str) -> float:
        """The sum of a metric without labels over the workers that answer."""
        return sum(_scraped(address, metric) for address in self.metrics)

    @property
    def way_out(self) -> str:
        """What to do where no verdict comes."""
        if self._count:
            return "The workers run, but do not get on; see whether the brokers do"
        return (
            f"No worker decides what comes to {self.kafka}: start one with `sluicegate worker --kafka {self.kafka} "
            "--redis redis://HOST:6379/0`, or leave out --workers 0. The posts stay there until then"
        )

    def check(self) -> None:
        """Raises ServiceError when a service has ended by itself."""
        for service in [*self._services, *self._workers]:
            if not service.running:
                raise ServiceError(f"{service.name} ended with {service.process.returncode}:\n{service.last_lines()}")

    async def redis_fault(self) -> str:
        """Why the Redis of the workers cannot be used, in words. Empty when it answers, or where none were started.

        Raises:
            ServiceError: its URL, or what the environment says of it, is wrong.
        """
        if not self._count:
            return ""
        try:
            settings = load_settings(redis=self.redis)
        except SettingsError as error:
            raise ServiceError(str(error)) from None
        store = RedisStore(self.redis, timeout_seconds=settings.redis_timeout_ms / 1_000, **redis_arguments(settings))
        try:
            await store.ping()
        except CountersUnavailable as error:
            return f"Redis {without_secrets(self.redis)} cannot be used ({str(error).rstrip('.')})"
        finally:
            await store.close()
        return ""

    async def wait_until_ready(self, partitions: int) -> None:
        """Return when the workers own all partitions between them; at once where none were started.

        Raises:
            ServiceError: a worker ended, or they are not ready in time.
        """
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while self._workers and await asyncio.to_thread(self.total, "sluicegate_partitions") < partitions:
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                first = self._workers[0]
                raise ServiceError(
                    f"the workers are not ready after {READY_SECONDS:.0f} s. Where others run already on these "
                    f"brokers, --workers 0 leaves the posts to them. {first.name} said last:\n{first.last_lines()}"
                )
            await asyncio.sleep(0.1)


def without_secrets(url: str) -> str:
    """Where a URL leads, without user, password and options."""
    return url.rpartition("@")[2].partition("?")[0]


def _scraped(address: str, metric: str) -> float:
    """A metric without labels as the worker behind `address` tells it; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return sum(float(line.split()[1]) for line in lines if line.startswith(f"{metric} "))
