"""A record of `posts.dead` as text for people: in one line of a table, or with all that is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from topics.dead_topic import Stored
from workers.terminal.marking import visible

NO_LETTER = "no dead letter"
DUMPED = 4_096
"""The most bytes that are shown in hexadecimal."""


def _when(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp / 1_000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(timestamp)


def summary(stored: Stored) -> dict[str, Any]:
    """What a list tells of it; a record that is none has the reason NO_LETTER."""
    letter = stored.letter
    return {
        "dead": stored.place,
        "source": f"{letter.source_partition}:{letter.source_offset}" if letter else None,
        "at": _when(stored.timestamp),
        "reason": letter.reason if letter else NO_LETTER,
        "detail": letter.detail if letter else "its headers are not those of a dead letter",
        "bytes": None if stored.value is None else len(stored.value),
    }


def print_table(lines: Sequence[dict[str, Any]]) -> None:
    """Print summaries, each with `replayed` besides, as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = ("dead", "source", "at", "reason", "bytes", "detail")
    # What is typed again, and the time, stay whole; all of it fits 80 columns, for rich cuts off what is beyond.
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for column in columns:
        right, whole = column == "bytes", column in ("dead", "source", "at")
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    table.columns[-1].min_width = 16
    for line in lines:
        reason = line["reason"] + (", replayed" if line["replayed"] else "")
        shown = {**line, "at": line["at"][5:19].replace("T", " "), "reason": reason}
        table.add_row(*(Text("" if shown[column] is None else visible(str(shown[column]))) for column in columns))
    Console(highlight=False).print(table)


def described(stored: Stored) -> Iterator[str]:
    """Lines that tell all of it: the value as text as far as it is UTF-8, the rest in hexadecimal."""
    yield f"{stored.place}  {_when(stored.timestamp)}"
    if stored.replayed is not None:
        yield f"{NO_LETTER}: the note that {stored.partition}:{stored.replayed} was replayed"
    elif stored.letter is None:
        yield f"{NO_LETTER}: its headers are not those of one"
    for name, header in stored.headers:
        yield f"{visible(name)}: {_readable(header)}"
    yield f"key: {_readable(stored.key)}"
    if stored.value is None:
        yield "no value (a tombstone)"
        return
    yield f"value, {len(stored.value):,} bytes:"
    try:
        text, end = stored.value.decode(), len(stored.value)
    except UnicodeDecodeError as error:
        text, end = stored.value[: error.start].decode(), error.start
    yield from (visible(line) for line in text.split("\n") if text)
    yield from _dump(stored.value, end)


def _readable(content: bytes | None) -> str:
    return "(none)" if content is None else visible(content.decode(errors="backslashreplace"))


def _dump(content: bytes, start: int) -> Iterator[str]:
    """Lines of 16 bytes from `start` on, in hexadecimal and in ASCII."""
    end = min(len(content), start + DUMPED)
    for offset in range(start, end, 16):
        row = content[offset : min(offset + 16, end)]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{offset:08x}  {row.hex(' '):47}  {letters}"
    if end < len(content):
        yield f"and {len(content) - end:,} bytes more; --raw writes all"
