"""`sluicegate dead`: look at dead letters, and send them back once what stopped them is mended."""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from topics.dead_letter import Reason

if TYPE_CHECKING:
    from topics.dead_letter import DeadLetter
    from topics.dead_topic import DeadTopic, Stored
    from workers.settings import Settings

DUMPED = 4_096
_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,19})", re.ASCII)
_AGO = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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
        if not found or int(found[2]) >= 1 << 63 or int(found[1]) >= 1 << 31:
            self.fail(f"{value!r} is not PARTITION:OFFSET, such as 0:17", param, ctx)
        return Place(int(found[1]), int(found[2]))


class SinceType(click.ParamType):
    """A time ago or a date, as milliseconds since the epoch."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            if ago := _AGO.fullmatch(value):
                when = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            else:
                when = datetime.fromisoformat(value)
                when = when if when.tzinfo else when.replace(tzinfo=UTC)
            return int(when.timestamp() * 1_000)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time ago, such as 90m, nor a date, such as 2026-11-24T18:00", param, ctx)


def _connected(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--kafka", metavar="HOST:PORT", help="Brokers, several with commas. [default: $SLUICEGATE_KAFKA]")(
        command
    )


def _selected(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--since", type=SinceType(), help="Only from then on: 90m, 1h, 2d, or a date (UTC)."),
        click.option("--reason", type=click.Choice(get_args(Reason)), help="Only those of this reason."),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Look at dead letters, and send them back to be decided.

    A dead letter is named by where it stands on `posts.dead`: PARTITION:OFFSET. Only what is committed is read. TLS and
    SASL are set by the same SLUICEGATE_KAFKA_* variables as a worker's.
    """


@command.command("list")
@_connected
@_selected
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines on a terminal too.")
def list_letters(kafka: str | None, since: int | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, the newest last, and how many there are of each reason."""
    newest: list[tuple[int, int, int, dict[str, Any]]] = []
    totals: Counter[str] = Counter()
    replayed: set[Place] = set()
    with _dead_topic(kafka) as (topic, _):
        for stored in topic.read():
            if stored.replayed is not None:
                replayed.add(Place(stored.partition, stored.replayed))
            elif _wanted(stored, since, reason):
                line = _line(stored)
                totals[line["reason"]] += 1
                push = heapq.heappush if len(newest) < limit else heapq.heappushpop
                push(newest, (stored.timestamp, stored.partition, stored.offset, line))
    lines = [
        {**line, "replayed": (partition, offset) in replayed} for _, partition, offset, line in sorted(newest, key=_order)
    ]
    counts = ", ".join(f"{count:,} {name}" for name, count in totals.most_common())
    summary = f"{sum(totals.values()):,} dead letters" + (f": {counts}" if counts else "")
    if as_json or not sys.stdout.isatty():
        for line in lines:
            click.echo(json.dumps(line))
        click.echo(summary, err=True)
    else:
        _print_table(lines, summary)


@command.command()
@_connected
@click.argument("place", type=PlaceType())
@click.option("--raw", is_flag=True, help="Write the value's bytes and nothing else.")
def show(kafka: str | None, place: Place, raw: bool) -> None:
    """Show the headers and the value of the dead letter at PLACE (PARTITION:OFFSET)."""
    from workers.cli.marking import visible

    with _dead_topic(kafka) as (topic, _):
        stored = topic.at(*place)
    if raw:
        sys.stdout.buffer.write(stored.value or b"")
        return
    click.echo(f"{place}  {_when(stored.timestamp)}")
    if stored.replayed is not None:
        click.echo(f"no dead letter: the note that {place.partition}:{stored.replayed} was replayed")
    elif stored.letter is None:
        click.echo("no dead letter: its headers are not those of one")
    for name, header in stored.headers:
        click.echo(f"{visible(name)}: {_shown(header)}")
    click.echo(f"key: {_shown(stored.key)}")
    if stored.value is None:
        click.echo("no value (a tombstone)")
        return
    click.echo(f"value, {len(stored.value):,} bytes:")
    for line in _readable(stored.value):
        click.echo(line)


@command.command()
@_connected
@_selected
@click.argument("places", type=PlaceType(), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--again", is_flag=True, help="Those as well that were replayed before.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def replay(
    kafka: str | None,
    places: tuple[Place, ...],
    since: int | None,
    reason: str | None,
    everything: bool,
    again: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Send dead letters back to `posts`: those at PLACES (PARTITION:OFFSET), or those the options select.

    Key and bytes are the original ones, in the original partition; the header `replayed_from` says which dead letter it
    was. What still is no post becomes a new dead letter.

    Each replay is noted on `posts.dead`, and what was replayed before is passed over. With SLUICEGATE_DELIVERY=exactly_once
    letter and note are one transaction and of two replays at once the older ends. With at_least_once a replay that breaks
    off, or two at once, may send some letters twice.
    """
    if bool(places) == (everything or since is not None or reason is not None):
        raise click.UsageError("name dead letters (PARTITION:OFFSET), or select them with --reason, --since or --all")
    from workers.connection import kafka_arguments

    named = frozenset(places)

    def wanted(stored: Stored, letter: DeadLetter) -> bool:
        return (stored.partition, stored.offset) in named if named else _passes(stored, letter.reason, since, reason)

    with _dead_topic(kafka) as (topic, settings):
        for place in places:
            if topic.at(*place).letter is None:
                raise click.ClickException(f"{place} is no dead letter; `sluicegate dead show {place}` shows it")
        connection = kafka_arguments(settings)
        if kafka:
            connection["bootstrap_servers"] = kafka.split(",")
        selection = _Selection(topic, wanted, again, places)
        asyncio.run(_replay(selection, connection, settings.delivery == "exactly_once", yes, dry_run))


class _Selection:
    """The dead letters to replay, read anew each time they are asked for, up to where the topic ended at the start."""

    def __init__(
        self, topic: DeadTopic, wanted: Callable[[Stored, DeadLetter], bool], again: bool, places: Sequence[Place]
    ) -> None:
        self._topic, self._wanted = topic, wanted
        self._bounds = topic.bounds()
        if places:
            # A note follows its letter, so nothing before the first of them matters.
            firsts = {place.partition: place.offset for place in sorted(places, reverse=True)}
            self._bounds = {partition: (first, self._bounds[partition][1]) for partition, first in firsts.items()}
        self._noted = set() if again else self._notes()

    def _notes(self) -> set[tuple[int, int]]:
        return {
            (stored.partition, stored.replayed)
            for stored in self._topic.read(self._bounds)
            if stored.replayed is not None
        }

    def letters(self, noted: bool = False) -> Iterator[tuple[Stored, DeadLetter]]:
        """Those to send, or those that were `noted` as replayed before."""
        for stored in self._topic.read(self._bounds):
            letter = stored.letter
            if (
                letter is not None
                and self._wanted(stored, letter)
                and ((stored.partition, stored.offset) in self._noted) == noted
            ):
                yield stored, letter
