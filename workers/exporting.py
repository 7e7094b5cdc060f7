"""Decisions as Parquet files, one folder a day and verdict, for notebooks and warehouses."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import polars as pl
from msgspec import Struct, inspect, json, structs

from topics.decision import Decision, Verdict

BUFFERED_BYTES: Final = 32 << 20
"""The most JSON that is held before a file is written."""
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_TIME: Final = pl.Datetime("ms", "UTC")


class ExportError(Exception):
    """The files cannot be written; the text is one line for the person at the terminal."""


class Window(NamedTuple):
    """From when on decisions are exported, and until when, both in whole seconds; its name begins a file's."""

    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        return f"{self.since:{_STAMP}}-{self.until:{_STAMP}}"

    @classmethod
    def of(cls, file: Path) -> Self | None:
        """The window of an exported file; None when it is another's."""
        try:
            since, until, _ = file.stem.split("-")
            return cls(*(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in (since, until)))
        except ValueError:
            return None

    def overlaps(self, other: Window) -> bool:
        return self.since < other.until and other.since < self.until


def column_types() -> dict[str, Any]:
    """Polars' type of each column but `verdict`, which the folder tells: `decided_at`, then a decision's fields.

    Mappings (signals, scores, models) are JSON in text: their names are the policy's.
    """
    fields = inspect.type_info(Decision).fields  # type: ignore[attr-defined]
    return {"decided_at": _TIME, **{each.encode_name: _column_type(each.type, each.encode_name) for each in fields}}


def _column_type(kind: Any, name: str) -> Any:
    match kind:
        case inspect.Metadata():
            return _column_type(kind.type, name)
        case inspect.UnionType():
            (other,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
            return _column_type(other, name)
        case inspect.StructType():
            return pl.Struct({each.encode_name: _column_type(each.type, each.encode_name) for each in kind.fields})
        case inspect.ListType():
            return pl.List(_column_type(kind.item_type, name))
        case inspect.BoolType():
            return pl.Boolean()
        case inspect.FloatType():
            return pl.Float64()
        case inspect.IntType():
            return _TIME if name.endswith("_at") else pl.Int64()
        case _:
            return pl.String()


class Export:
    """Writes decisions below `folder`; use it in a `with` statement.

    Files get their names at its end, when all are there; after an exception there are none. What is held in memory is
    bounded by BUFFERED_BYTES.

    Attributes:
        counts: decisions by verdict.
        files: the files, once they are there.

    Raises ExportError when the folder cannot be written, or holds decisions of this time already.
    """

    def __init__(self, folder: Path, window: Window, verdicts: tuple[Verdict, ...]) -> None:
        self._folder, self._window = folder, window
        self._types = column_types()
        self._lines: defaultdict[tuple[str, Verdict], list[bytes]] = defaultdict(list)
        self._sizes: Counter[tuple[str, Verdict]] = Counter()
        self._written: list[tuple[Path, Path]] = []
        self.counts: Counter[Verdict] = Counter()
        self.files: list[Path] = []
        for verdict in verdicts:
            for file in folder.glob(f"day=*/verdict={verdict}/*.parquet"):
                held = Window.of(file)
                if held and window.overlaps(held):
                    raise ExportError(
                        f"{folder} holds decisions from {held.since:%Y-%m-%dT%H:%M:%S} to "
                        f"{held.until:%Y-%m-%dT%H:%M:%S} already ({file.relative_to(folder)}): name another folder or "
                        "time, or remove what is there"
                    )

    def __enter__(self) -> Self:
        # Told before hours of reading, not after.
        with self._one_line():
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                with self._one_line():
                    for key in list(self._lines):
                        self._write(key)
                    for part, file in self._written:
                        part.replace(file)
                        self.files.append(file)
        except BaseException:
            for file in self.files:
                file.unlink(missing_ok=True)
            self.files = []
            raise
        finally:
            for part, _file in self._written:
                part.unlink(missing_ok=True)

    def add(self, decision: Decision, decided_at: int) -> None:
        """Take one decision. decided_at: epoch milliseconds."""
        key = datetime.fromtimestamp(decided_at / 1_000, UTC).date().isoformat(), decision.verdict
        line = json.encode({"decided_at": decided_at, **_whole(decision)})
        self._lines[key].append(line)
        self._sizes[key] += len(line)
        self.counts[decision.verdict] += 1
        if self._sizes.total() > BUFFERED_BYTES:
            with self._one_line():
                self._write(self._sizes.most_common(1)[0][0])

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExportError(f"{self._folder} cannot be written: {error.strerror or error}") from error

    def _write(self, key: tuple[str, Verdict]) -> None:
        day, verdict = key
        folder = self._folder / f"day={day}" / f"verdict={verdict}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self._window.name}-{len(self._written):05}.parquet"
        # Readers look for *.parquet, so they never see half of an export.
        part = file.with_suffix(".part")
        self._written.append((part, file))
        read_as = {name: _as_read(kind) for name, kind in self._types.items()}
        lines = io.BytesIO(b"\n".join(self._lines.pop(key)))
        frame = pl.read_ndjson(lines, schema=read_as).cast(pl.Schema(self._types))
        frame.drop("verdict").write_parquet(part)
        del self._sizes[key]


def _as_read(kind: Any) -> Any:
    """The type as it stands in JSON, where times are numbers."""
    match kind:
        case pl.Struct():
            return pl.Struct({each.name: _as_read(each.dtype) for each in kind.fields})
        case pl.List():
            return pl.List(_as_read(kind.inner))
        case pl.Datetime():
            return pl.Int64()
        case _:
            return kind


def _whole(value: Any) -> Any:
    """A message with the fields that its encoding leaves out because they have their default."""
    if isinstance(value, Struct):
        return {name: _whole(field) for name, field in structs.asdict(value).items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value
