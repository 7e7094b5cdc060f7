"""`sluicegate dead`: look at dead letters, and send them back once what stopped them is mended."""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from topics.dead_letter import Reason
from workers.cli.options import kafka_option
from workers.cli.times import TimeType

if TYPE_CHECKING:
    from topics.dead_topic import DeadTopic, Stored
    from workers.settings import Settings

_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,18})", re.ASCII)

Command = Callable[..., None]


class Place(NamedTuple):
    """Where a record stands on `posts.dead`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class PlaceType(click.ParamType):
    """PARTITION:OFFSET."""

    name = "PARTITION:OFFSET"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        found = _PLACE.fullmatch(value)
        if not found:
            self.fail(f"{value!r} is not PARTITION:OFFSET, such as 0:17", param, ctx)
        return Place(int(found[1]), int(found[2]))


def _selected(command: Command) -> Command:
    for option in (
        click.option("--since", type=TimeType(), help="Only from then on: 90m, 1h, 2d, or a date (UTC)."),
        click.option("--reason", type=click.Choice(get_args(Reason)), help="Only those of this reason."),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Look at dead letters, and send them back to be decided.

    A dead letter is named by where it stands on `posts.dead`: PARTITION:OFFSET. Only committed records are read. TLS
    and SASL are set by the same SLUICEGATE_KAFKA_* variables as a worker's.
    """


@command.command("list")
@kafka_option
@_selected
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="The newest so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines on a terminal too.")
def list_letters(kafka: str | None, since: datetime | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, the newest last. Tells how many there are of each reason, too."""
    from workers.cli.letters import print_table, summary

    newest: list[tuple[int, int, int, dict[str, Any]]] = []
    totals: Counter[str] = Counter()
    replayed: set[tuple[int, int]] = set()
    with _dead_topic(kafka) as (topic, _):
        for stored in topic.read(topic.bounds()):
            if stored.replayed is not None:
                replayed.add((stored.partition, stored.replayed))
            elif _passes(stored, since, reason):
                line = summary(stored)
                totals[line["reason"]] += 1
                push = heapq.heappush if len(newest) < limit else heapq.heappushpop
                push(newest, (stored.timestamp, stored.partition, stored.offset, line))
    lines = [{**line, "replayed": (partition, offset) in replayed} for _, partition, offset, line in sorted(newest)]
    if as_json or not sys.stdout.isatty():
        for line in lines:
            click.echo(json.dumps(line))
    else:
        print_table(lines)
    click.echo(_counted(totals, "on posts.dead"), err=True)


@command.command()
@kafka_option
@click.argument("place", type=PlaceType())
@click.option("--raw", is_flag=True, help="Write the value's bytes and nothing else.")
def show(kafka: str | None, place: Place, raw: bool) -> None:
    """Show headers and value of a dead letter. PLACE is PARTITION:OFFSET."""
    from workers.cli.letters import described

    with _dead_topic(kafka) as (topic, _):
        stored = topic.at(*place)
    if raw:
        sys.stdout.buffer.write(stored.value or b"")
        return
    for line in described(stored):
        click.echo(line)


@command.command()
@kafka_option
@_selected
@click.argument("places", type=PlaceType(), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--again", is_flag=True, help="Also those that were replayed before.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def replay(
    kafka: str | None,
    places: tuple[Place, ...],
    since: datetime | None,
    reason: str | None,
    everything: bool,
    again: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Send dead letters back to `posts`. PLACES are PARTITION:OFFSET ...; or let options select them.

    Key and bytes are the original ones, and so is the partition; the header `replayed_from` names the dead letter. What
    still is no post becomes a new dead letter.

    Each replay is noted on `posts.dead`, and what was replayed before is passed over. With
    SLUICEGATE_DELIVERY=exactly_once letter and note are one transaction, and of two replays at once the older one ends.
    With at_least_once a replay that breaks off, or two at once, may send letters twice.
    """
    if bool(places) == (everything or since is not None or reason is not None):
        raise click.UsageError("name dead letters (PARTITION:OFFSET), or select them with --reason, --since or --all")

    def wanted(stored: Stored) -> bool:
        return (stored.partition, stored.offset) in places if places else _passes(stored, since, reason)

    with _dead_topic(kafka) as (topic, settings):
        for place in places:
            if topic.at(*place).letter is None:
                raise click.ClickException(f"{place} is no dead letter; `sluicegate dead show {place}` shows it")
        asyncio.run(_replay(topic, settings, wanted, places, again=again, yes=yes, dry_run=dry_run))


async def _replay(
    topic: DeadTopic,
    settings: Settings,
    wanted: Callable[[Stored], bool],
    places: Sequence[Place],
    *,
    again: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    from workers.connection import kafka_arguments
    from workers.replaying import Replayer, Selection

    async with AsyncExitStack() as stack:
        if not dry_run:
            replayer = Replayer(kafka_arguments(settings), settings.delivery == "exactly_once")
            # Before the notes are read: a replay under way elsewhere is over then, its notes written or never to come.
            await stack.enter_async_context(replayer)
        # The least offset of a partition comes last, and stays.
        firsts = {place.partition: place.offset for place in sorted(places, reverse=True)}
        selection = Selection(topic, wanted, firsts, again=again)
        chosen: Counter[str] = Counter(letter.reason for _, letter in selection.letters())
        passed = sum(1 for _ in selection.letters(noted=True))
        if passed:
            click.echo(f"{passed:,} passed over: replayed before (--again sends them once more)")
        if dry_run or not chosen:
            click.echo(_counted(chosen, "to send"))
            return
        if not yes:
            _ask(f"{_counted(chosen, 'to send')}. Send?")
        sent = await replayer.replay(selection.letters())
        click.echo(f"{sent:,} replayed")


def _ask(question: str) -> None:
    try:
        click.confirm(question, abort=True)
    except click.Abort:  # no, or nobody is there to answer
        raise click.ClickException("nothing was sent; --yes sends without asking") from None


@contextmanager
def _dead_topic(kafka: str | None) -> Iterator[tuple[DeadTopic, Settings]]:
    """A connection by the option and the environment, and the settings; errors become one line."""
    from aiokafka.errors import KafkaError

    from topics.dead_topic import DeadTopic, DeadTopicError
    from workers.connection import security_arguments
    from workers.settings import SettingsError, load_settings

    try:
        settings = load_settings()
        if kafka:
            settings = settings.model_copy(update={"kafka": kafka})
        with DeadTopic(settings.kafka, security_arguments(settings)) as topic:
            yield topic, settings
    except (DeadTopicError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except KafkaError as error:
        raise click.ClickException(f"not replayed to the end: {error or type(error).__name__}") from error


def _passes(stored: Stored, since: datetime | None, reason: str | None) -> bool:
    if since is not None and stored.timestamp < since.timestamp() * 1_000:
        return False
    return reason is None or ((letter := stored.letter) is not None and letter.reason == reason)


def _counted(reasons: Counter[str], what: str) -> str:
    each = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    return f"{reasons.total():,} {what}" + (f": {each}" if each else "")
