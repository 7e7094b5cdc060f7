"""The Faust app. `faust -A workers.app worker` and `sluicegate worker` both run it.

Faust gives the group, the rebalances, the agent and the web page. Reading is one event a poll, so that posts stay
together as a batch; offsets are committed with what the batch produced. Faust's own acknowledgements are off: they
commit past a failed batch (faust-streaming issue 606). So is its exactly-once, which leaves outputs outside of their
transaction (issue 517).
"""

from __future__ import annotations

import os

# One batch at a time is what a worker does; a pool of threads a process would only fight with its neighbours.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import asyncio
import contextlib
import gc
from functools import partial
from typing import TYPE_CHECKING, Any

import faust
import mode
import structlog
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CommitFailedError, KafkaError

from topics.catalog import POSTS
from workers.connection import faust_credentials, kafka_arguments
from workers.counters import CountersUnavailable
from workers.decoding import Fetch, arrivals, ends_of, size
from workers.ending import EndsWithALine
from workers.fetching import OnDemand, PollAsEvent, with_waiting
from workers.health import Health, serve
from workers.logs import configure_logs, logging_config
from workers.metrics import Metrics
from workers.overlap import Overlap
from workers.places import need_places
from workers.publishing import Publisher, commit_as_member, start_at_least_once, start_exactly_once
from workers.rights import need_topics, refused_group
from workers.settings import SettingsError, load_settings
from workers.traces import OpenTelemetry, TracesError

if TYPE_CHECKING:
    from workers.moderate import Moderated, Moderator

try:
    settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"sluicegate: wrong settings\n{error}") from None

configure_logs(settings.log_level)
log = structlog.get_logger(__name__)
metrics = Metrics()
health = Health()

BUFFERED_BATCHES = 4
BATCHES_UNDER_WAY = 2
REQUEST_SECONDS = 30.0
HEARTBEAT_SECONDS = 1.0
TOPICS_SECONDS = 10.0

# aiokafka copies each record into one of eleven fields. What it copies from has all that is read here.
PartitionRecords._consumer_record = lambda self, partition, record: record

app = faust.App(
    settings.group,
    broker=[f"kafka://{broker}" for broker in settings.brokers],
    broker_credentials=faust_credentials(settings),
    ConsumerScheduler=PollAsEvent,
    Worker=EndsWithALine,
    datadir=str(settings.state_dir),
    consumer_max_fetch_size=settings.batch_bytes,
    broker_max_poll_records=settings.batch_posts,
    stream_buffer_maxsize=BUFFERED_BATCHES,
    broker_session_timeout=settings.session_seconds,
    broker_heartbeat_interval=settings.session_seconds / 10,
    broker_request_timeout=max(REQUEST_SECONDS, settings.session_seconds),
    topic_disable_leader=True,
    web_bind=settings.host,
    web_host=settings.host,
    web_port=settings.web_port,
    logging_config=logging_config(settings.log_level),
    autodiscover=False,
)
app.transport.Consumer = OnDemand  # type: ignore[misc]
posts = app.topic(POSTS.name, key_type=bytes, value_type=bytes, value_serializer="raw", acks=False)


class Worker:
    """What this process holds while it runs: what judges, and what publishes for the partitions it owns."""

    def __init__(self) -> None:
        self.moderator: Moderator | None = None
        self.publisher: Publisher | None = None
        self.committed: dict[int, int] = {}
        self.overlap: Overlap | None = None

    async def close(self) -> None:
        """Stop the publisher."""
        self.committed.clear()
        if self.publisher:
            publisher, self.publisher = self.publisher, None
            await publisher.stop()


worker = Worker()


def consumer() -> Any:
    """Faust's consumer, untyped: what it does not offer to settings or agents is reached through it."""
    return app.consumer


def want() -> None:
    """Ask for the posts of another batch."""
    consumer()._thread.wanted.set()


@app.on_worker_init.connect
def prepare(*_: Any, **__: Any) -> None:
    """Load policy and models before the worker joins its group, so that what is wrong with them is told at once."""
    from models.registry import RegistryError
    from workers.assembly import assemble
    from workers.judge import AssemblyError
    from workers.policy import PolicyError

    if worker.moderator:  # Faust sends this signal twice.
        return
    need_places(settings, "METRICS_PORT")
    if refusal := refused_group(settings):
        raise SystemExit(f"sluicegate: {refusal}")
    try:
        worker.moderator = assemble(settings, metrics)
        if settings.traces:
            metrics.spans = OpenTelemetry(settings.traces)
    except (PolicyError, RegistryError, AssemblyError, TracesError) as error:
        raise SystemExit(f"sluicegate: {error}") from None
    # What was loaded stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    health.versions = worker.moderator.versions
    if settings.metrics_port:
        serve(settings.host, settings.metrics_port, metrics.registry, health)
        log.info("metrics", address=f"http://{settings.host}:{settings.metrics_port}/metrics")


@app.on_rebalance_complete.connect
async def own(*_: Any, **__: Any) -> None:
    """A new publisher for the partitions now owned. Faust awaits this before it reads the committed offsets.

    The order matters: first the former owners are shut out of Kafka, then of Redis, then it is asked where to go on.
    """
    assert worker.moderator is not None
    await worker.close()
    owned = sorted(each.partition for each in app.consumer.assignment() if each.topic == POSTS.name)
    need_topics(await consumer().all_topics(), owned)
    try:
        worker.publisher = await start_publisher(owned) if owned else None
    except CommitFailedError:
        log.info("the group shares out its partitions anew", partitions=owned)
        return
    await worker.moderator.own(owned)
    # Faust has no setting for it, and its default holds a lone post back for up to 1.5 s.
    consumer()._thread._consumer._fetcher._fetch_max_wait_ms = settings.fetch_wait_ms
    want()
    metrics.lag.clear()
    metrics.partitions.set(len(owned))
    health.partitions = owned
    log.info("partitions assigned", partitions=owned)


async def start_publisher(owned: list[int]) -> Publisher:
    """What publishes for these partitions. Raises CommitFailedError when they are no longer this worker's."""
    connection = kafka_arguments(settings)
    if settings.delivery == "at_least_once":
        return await start_at_least_once(connection, POSTS.name, consumer()._commit_offsets)
    thread = consumer()._thread
    claim = partial(thread.call_thread, commit_as_member, thread._consumer)
    return await start_exactly_once(connection, POSTS.name, owned, settings.group, claim)


@app.task  # type: ignore[untyped-decorator]
async def live() -> None:
    """Show that the event loop comes round."""
    while True:
        health.beat()
        want()
        await asyncio.sleep(HEARTBEAT_SECONDS)


@app.task  # type: ignore[untyped-decorator]
async def look_for_redis() -> None:
    """Say once that Redis has answered. It may be silent for longer than a beat may fail to come."""
    assert worker.moderator is not None
    while not health.redis:
        with contextlib.suppress(CountersUnavailable):
            await worker.moderator.ping()
            health.redis = True
        await asyncio.sleep(HEARTBEAT_SECONDS)


@app.task  # type: ignore[untyped-decorator]
async def look_for_topics() -> None:
    """End when a topic is no more: aiokafka waits for it to come back, and says nothing."""
    while True:
        await asyncio.sleep(TOPICS_SECONDS)
        if health.partitions is not None and not health.draining:
            with contextlib.suppress(KafkaError):
                need_topics(await consumer().all_topics(), health.partitions)


@app.on_before_shutdown.connect
def begin_to_end(*_: Any, **__: Any) -> None:
    """Say that no more is taken on."""
    health.draining = True


@app.on_partitions_revoked.connect
@app.on_before_shutdown.connect
async def drain(*_: Any, **__: Any) -> None:
    """Let the batches under way end, under the assignment they began with."""
    if worker.overlap:
        await worker.overlap.drained()


@app.agent(posts, supervisor_strategy=mode.CrashingSupervisor)
async def moderate(stream: Any) -> None:
    """Decide batch after batch; what is not decided is not committed."""
    # A full buffer then blocks the fetcher; Faust's own way sleeps a second.
    consumer().on_buffer_full = lambda _: None
    try:
        async with Overlap(BATCHES_UNDER_WAY) as worker.overlap:
            async for event in stream.events():
                publisher = worker.publisher
                fetch = await worth_a_batch(event.value, stream.channel.queue, worker.overlap)
                if publisher and may_begin(publisher):
                    await worker.overlap.start(decide(fetch), publish, partial(publisher.begin, ends_of(fetch)))
    finally:
        await worker.close()


async def worth_a_batch(fetch: Fetch, queue: Any, overlap: Overlap) -> Fetch:
    """A fetch and what was fetched behind it, when there is room for it.

    A batch costs much whatever its size, and batches side by side hold each other up: only where many posts wait are
    two under way, few wait until the batch before them has ended.
    """
    await overlap.room()
    fetch = with_waiting(fetch, queue, settings.batch_posts)
    if not consumer()._thread.more and size(fetch) <= settings.batch_posts // 2:
        await overlap.drained()
        fetch = with_waiting(fetch, queue, settings.batch_posts)
    return fetch


def may_begin(publisher: Publisher) -> bool:
    """Whether what was fetched while this one published is still to be decided here.

    What was fetched before a rebalance, or before the end, is fetched again after it, by whoever owns it then.
    """
    return publisher is worker.publisher and bool(consumer().flow_active) and not health.draining


async def decide(fetch: Fetch) -> tuple[Fetch, Moderated, Any]:
    """Moderate what was fetched. The last is the batch's span, which ends when it is published."""
    assert worker.moderator is not None
    for partition, records in fetch.items():
        # Faust begins to read a partition at its committed offset.
        worker.committed.setdefault(partition, records[0].offset)
    headers = (record.headers for records in fetch.values() for record in records if record.headers)
    span = metrics.spans.batch(size(fetch), headers)
    try:
        return fetch, await worker.moderator.moderate(fetch, worker.committed), span
    except BaseException as error:
        metrics.spans.end(span, error)
        raise


async def publish(decided: tuple[Fetch, Moderated, Any]) -> None:
    """Publish what became of a fetch, and commit. The next batch is fetched meanwhile."""
    assert worker.publisher is not None
    fetch, moderated, span = decided
    want()
    with metrics.timed("publish"):
        await worker.publisher.publish(moderated.rows)
    ends = ends_of(fetch)
    metrics.spans.end(span)
    worker.committed |= ends
    log.debug("batch decided", records=size(fetch), ends=ends)
    metrics.observe_latency(moderated.created_at, arrivals(fetch))
    for partition, end in ends.items():
        highwater = app.consumer.highwater(TopicPartition(POSTS.name, partition))
        if highwater is not None:
            metrics.lag.labels(partition).set(max(0, highwater - end))
