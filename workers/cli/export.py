"""`sluicegate export`: decisions as Parquet files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from topics.decision import Verdict
from workers.cli.options import kafka_option
from workers.cli.reading import reading
from workers.cli.times import TimeType

if TYPE_CHECKING:
    from rich.status import Status

    from topics.client import Decisions
    from workers.exporting import Export

SETTLED = timedelta(minutes=1)
TOLD_EVERY = 5_000


@click.command()
@click.argument("verdicts", nargs=-1, type=click.Choice(get_args(Verdict)), metavar="[allow|flag|block]...")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from", "since", type=TimeType(), required=True, help="The first time: 7d, or a date (UTC).")
@click.option("--to", "until", type=TimeType(), help="The time after the last. [default: 1m, a minute ago]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@kafka_option
def command(
    verdicts: tuple[Verdict, ...],
    folder: Path,
    since: datetime,
    until: datetime | None,
    as_json: bool,
    kafka: str | None,
) -> None:
    """Write decisions that were made from one time to another to FOLDER, of the verdicts named or of all.

    Files are FOLDER/day=2026-11-01/verdict=flag/*.parquet, where the day is that of the decision (UTC). They appear
    when all are written. Exports of other times may go to the same folder; what is there is not exported again. What
    was decided within the last minute may not be committed yet, so it is left for the next export.

    Memory is bounded, however many there are. Nothing is committed on Kafka. TLS and SASL are set by the same
    SLUICEGATE_KAFKA_* variables as a worker's.
    """
    from rich.console import Console

    from workers.exporting import Export, ExportError, Window

    settled = datetime.now(UTC) - SETTLED
    window = Window(_whole_second(since), _whole_second(min(until, settled) if until else settled))
    if window.since >= window.until:
        raise click.UsageError(f"from {window.since.isoformat()} to {window.until.isoformat()} there is no time")
    told = Console(stderr=True, highlight=False)
    try:
        with (
            reading(kafka, verdicts, since=window.since, until=window.until) as decisions,
            Export(folder, window, verdicts or get_args(Verdict)) as export,
            told.status("reading") as status,
        ):
            _fill(export, decisions, status)
    except ExportError as error:
        raise click.ClickException(str(error)) from error
    summary = _summary(export, decisions, window)
    if as_json:
        click.echo(json.dumps(summary))
        return
    counts = ", ".join(f"{verdict} {export.counts[verdict]:,}" for verdict in get_args(Verdict))
    click.echo(
        f"{summary['decisions']:,} decisions ({counts}) in {summary['files']:,} files, {summary['bytes']:,} bytes"
    )
    click.echo(f"from {summary['from']} to {summary['to']}, in {folder}")
    if decisions.repeats:
        click.echo(f"{decisions.repeats:,} more came again and were left out")


def _fill(export: Export, decisions: Decisions, status: Status) -> None:
    for number, decision in enumerate(decisions, 1):
        assert decisions.latest
        export.add(decision, decisions.latest.timestamp)
        if number % TOLD_EVERY == 0:
            status.update(f"{number:,} decisions read")


def _summary(export: Export, decisions: Decisions, window: Any) -> dict[str, Any]:
    return {
        "decisions": export.counts.total(),
        **{verdict: export.counts[verdict] for verdict in get_args(Verdict)},
        "files": len(export.files),
        "bytes": sum(file.stat().st_size for file in export.files),
        "from": window.since.isoformat(),
        "to": window.until.isoformat(),
        "repeats": decisions.repeats,
        "unreadable": decisions.unreadable,
    }


def _whole_second(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(microsecond=0)
