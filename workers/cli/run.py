"""`sluicegate run`: the main job, live."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import signal
import time
from collections.abc import Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import policy_option

if TYPE_CHECKING:
    from rich.console import Console

    from workers.live.feed import Feed, Payload
    from workers.live.silence import Silence
    from workers.live.stack import Stack
    from workers.live.view import View
    from workers.live.watch import Watch

LINE_SECONDS = 1.0
CHECK_SECONDS = 0.02
DEFAULT_RATE = 1_000.0
INTERRUPTED = 130
CPU_SECONDS = "process_cpu_seconds_total"


@click.command()
@click.option(
    "--posts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Play this file, one JSON post a line, and end when each has its verdict.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N posts.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulated stream.")
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what each simulated post is, and at the end how many of each kind were caught.",
)
@click.option(
    "--rate",
    type=click.FloatRange(1),
    metavar="R",
    help="Posts a second; without it as fast as they are "
    f"decided, or {DEFAULT_RATE:.0f}/s for a simulated stream without end.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 16),
    default=1,
    show_default=True,
    help="Worker processes, one group. 0: those decide that run already on --kafka.",
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="Partitions of the topics, when this run creates them.",
)
@click.option("--kafka", metavar="HOST:PORT", help="Use this Kafka instead of the embedded broker.")
@click.option("--redis", metavar="URL", help="Use this Redis or Valkey instead of the embedded one.")
@policy_option
@click.option(
    "--prometheus",
    "scraped",
    is_flag=True,
    help="Have an installed Prometheus scrape the workers, with the alert rules.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object on the last line.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Save the live view as it stands at the end.",
)
def command(**options: Any) -> None:
    """Start a broker, a Valkey and workers, play posts into them, and show the verdicts as they come.

    Nothing needs to be installed or running. Ctrl-C ends all of it.
    """
    from deploy.processes import ServiceError

    if options["workers"] == 0 and not options["kafka"]:
        raise click.UsageError("--workers 0 needs --kafka: nothing would decide posts on the embedded broker")
    if options["posts"] and options["truth"]:
        raise click.UsageError("--truth is what simulated posts are; of those in a file it is not known")
    policy = options.pop("policy")
    settings = {"POLICY": str(policy.resolve())} if policy else {}
    try:
        raise SystemExit(asyncio.run(_run(settings=settings, **options)))
    except ServiceError as error:
        raise click.ClickException(str(error)) from None


async def _run(
    *,
    posts: Path | None,
    count: int | None,
    seed: int,
    truth: Path | None,
    rate: float | None,
    workers: int,
    partitions: int,
    kafka: str | None,
    redis: str | None,
    settings: dict[str, str],
    scraped: bool,
    as_json: bool,
    picture: Path | None,
) -> int:
    from aiokafka.errors import KafkaError
    from rich.console import Console

    from deploy.processes import ServiceError
    from workers.ending import line_of
    from workers.live.degraded import WITHOUT, say, tell, way_out
    from workers.live.feed import Feed, file_source, simulator_source
    from workers.live.report import print_report, save_picture, summary
    from workers.live.silence import Silence
    from workers.live.stack import Stack, without_secrets
    from workers.live.view import View
    from workers.live.watch import Watch
    from workers.logs import Repeats

    # Without settings of its own Python's logging ends there.
    assert logging.lastResort
    logging.lastResort.addFilter(Repeats())
    console = Console(stderr=as_json, markup=False, highlight=False)
    complete, failure = False, None
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    endless = posts is None and count is None
    # Of each post, until the end: a stream without one is held against its truth only where that is asked for.
    kept = not endless or truth is not None
    source = file_source(posts) if posts else simulator_source(seed, count, kept)
    with Stack(kafka, redis, workers, settings) as stack:
        start = time.monotonic()
        await asyncio.to_thread(stack.start, partitions)
        async with Watch({"bootstrap_servers": stack.kafka}, keep_verdicts=kept) as watch:
            console.print(f"broker {stack.kafka}" + (f"   redis {without_secrets(stack.redis)}" if workers else ""))
            if fault := await stack.redis_fault():
                say(console, f"WITHOUT COUNTERS: {WITHOUT}", way_out(fault, own=True))
            for metrics, web in zip(stack.metrics, stack.web, strict=True):
                console.print(f"worker metrics {metrics}   web {web}")
            if scraped:
                await asyncio.to_thread(_have_scraped, stack, console)
            if not await _unless(stopped, stack.wait_until_ready(watch.partitions)):
                return INTERRUPTED
            ready = f"ready after {time.monotonic() - start:.1f} s"
            console.print(ready if workers else "the posts are left to workers that run elsewhere")
            idle_cpu = await asyncio.to_thread(stack.total, CPU_SECONDS)
            feed = Feed({"bootstrap_servers": stack.kafka}, watch, rate or (DEFAULT_RATE if endless else None))
            view = View(watch, {"metrics": stack.metrics, "web": stack.web})
            telling = tell(
                console, watch.degraded, lambda: watch.decided, stack.redis_fault, own=workers > 0, lost=bool(fault)
            )
            silence = Silence(partial(console.print, style="bold", soft_wrap=True), stack.way_out)
            with _drawn(console, view), _meanwhile(telling):
                playing = _play(feed, watch, itertools.islice(source, count), stack, silence)
                try:
                    complete = await _unless(stopped, playing)
                except ServiceError as error:
                    failure = error
                except KafkaError as error:
                    failure = ServiceError(line_of(error, stack.kafka))
            cpu = await asyncio.to_thread(stack.total, CPU_SECONDS) - idle_cpu
            result = summary(watch, feed.sent)
            if picture:
                save_picture(view, picture)
            advice = way_out(await stack.redis_fault(), workers > 0) if watch.degraded.count else ""
            print_report(console, watch, result, cpu, feed.truths, truth, advice)
    if as_json:
        print(json.dumps(result), flush=True)
    if failure:
        raise failure
    return 0 if complete or endless else INTERRUPTED


def _have_scraped(stack: Stack, console: Console) -> None:
    from deploy.prometheus import HOW_TO, installed

    if not installed():
        console.print(HOW_TO)
        return
    stack.start_prometheus()
    console.print(f"prometheus {stack.prometheus}   alerts {stack.prometheus}/alerts")


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Run `work` to its end, or cancel it when `stopped` is set first; True when it ended. Raises what it raises."""
    task, stop = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False


async def _play(feed: Feed, watch: Watch, payloads: Iterator[Payload], stack: Stack, silence: Silence) -> None:
    """Feed all payloads and wait for their verdicts."""
    playing = asyncio.create_task(feed.play(payloads))
    try:
        while not (playing.done() and watch.decided >= feed.sent):
            if playing.done():
                playing.result()
            stack.check()
            watch.check()
            silence.look(feed.sent - watch.decided, watch.heard, CHECK_SECONDS)
            await asyncio.sleep(CHECK_SECONDS)
        # It may have failed when nothing was waiting for a verdict.
        playing.result()
    finally:
        playing.cancel()


@contextlib.contextmanager
def _drawn(console: Console, view: View) -> Iterator[None]:
    """Draw the view while the body runs: a live page on a terminal, a line a second elsewhere."""
    from rich.live import Live

    if console.is_terminal:
        with Live(get_renderable=view.page, console=console, refresh_per_second=4):
            yield
        return

    async def print_lines() -> None:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            console.print(view.line(), soft_wrap=True)

    with _meanwhile(print_lines()):
        yield


@contextlib.contextmanager
def _meanwhile(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Have `work` go on while the body runs."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
