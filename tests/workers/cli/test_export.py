"""`sluicegate export`: what was decided, as files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from topics.decision import Decision, FiredRule, Source, Span
from topics.post import Author, Media, Post
from workers import exporting
from workers.cli.export import command
from workers.exporting import Export, ExportError, Window, column_types

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AT = int(START.timestamp() * 1_000)
HOUR = 3_600_000
WINDOW = Window(START, START + DAY)


def export(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def full(**fields: Any) -> Decision:
    """A decision in which every field is told."""
    author = Author("a1", "Mei", AT - 1, 12, "mcn-1")
    post = Post(
        "p1",
        '"quoted", \\ and\nnew line ☂',
        author,
        AT,
        "comment",
        "p0",
        ["https://example.org"],
        "192.0.2.1",
        "d1",
        "en",
        [Media("image", "ff", {"nudity": 0.5})],
    )
    told: dict[str, Any] = {
        "id": "p1",
        "author": "a1",
        "verdict": "flag",
        "category": "marketing",
        "rules": [FiredRule("ad", "flag", "marketing", "Something to sell")],
        "signals": {"link_authors_10m": 40, "age": 3.5, "domain": "example.org", "bare": True, "gone": None},
        "scores": {"marketing": 0.9},
        "spans": [Span("text", 1, 7, "marketing", 2.5)],
        "policy": "v1",
        "models": {"marketing": "3"},
        "degraded": True,
        "source": Source(1, 2**40),
        "created_at": AT,
        "arrived_at": AT + 5,
        "post": post,
    }
    return Decision(**told | fields)


def slim(offset: int, **fields: Any) -> Decision:
    told = {"id": f"p{offset}", "author": "a1", "verdict": "allow", "policy": "v1", "source": Source(0, offset)}
    return Decision(**told | {"created_at": AT, "arrived_at": AT} | fields)


def test_every_field_of_a_decision_is_in_its_file(tmp_path: Path) -> None:
    with Export(tmp_path, WINDOW, ("allow", "flag")) as writing:
        writing.add(full(), AT + HOUR)
        writing.add(slim(7), AT + 2 * HOUR)
    rows = {row["verdict"]: row for row in pl.read_parquet(tmp_path, hive_partitioning=True).to_dicts()}
    flagged = rows["flag"]
    assert flagged["decided_at"] == START + timedelta(hours=1)
    assert flagged["created_at"] == START
    assert flagged["day"] == START.date()
    assert flagged["rules"] == [
        {"name": "ad", "verdict": "flag", "category": "marketing", "reason": "Something to sell"}
    ]
    assert json.loads(flagged["signals"]) == full().signals
    assert json.loads(flagged["scores"]) == {"marketing": 0.9}
    assert flagged["spans"] == [{"field": "text", "start": 1, "end": 7, "model": "marketing", "weight": 2.5}]
    assert flagged["source"] == {"partition": 1, "offset": 2**40}
    assert flagged["degraded"] is True
    assert flagged["post"]["text"] == '"quoted", \\ and\nnew line ☂'
    assert flagged["post"]["author"]["agency"] == "mcn-1"
    assert flagged["post"]["media"] == [{"kind": "image", "hash": "ff", "scores": '{"nudity": 0.5}'}]
    assert set(flagged) == set(column_types()) | {"day"}


def test_what_an_encoding_leaves_out_because_it_is_the_default_is_told(tmp_path: Path) -> None:
    with Export(tmp_path, WINDOW, ("allow", "flag")) as writing:
        writing.add(full(degraded=False, post=Post("p1", "hi", Author("a1"), AT)), AT)
        writing.add(slim(7), AT)
    rows = {row["verdict"]: row for row in pl.read_parquet(tmp_path, hive_partitioning=True).to_dicts()}
    assert rows["allow"]["degraded"] is False
    assert rows["allow"]["rules"] == []
    assert rows["allow"]["post"] is None
    assert rows["flag"]["post"]["kind"] == "post"
    assert rows["flag"]["post"]["author"]["name"] == ""


def test_files_are_by_day_and_verdict_and_appear_when_all_are_written(tmp_path: Path) -> None:
    window = Window(START, START + 3 * DAY)
    with Export(tmp_path, window, ("allow", "flag")) as writing:
        for number in range(4):
            writing.add(slim(number), AT + number * 12 * HOUR)
        writing.add(full(), AT + 30 * HOUR)
        assert list(tmp_path.rglob("*.parquet")) == []
    folders = sorted(str(file.parent.relative_to(tmp_path)) for file in writing.files)
    assert folders == [
        "day=2026-11-01/verdict=allow",
        "day=2026-11-02/verdict=allow",
        "day=2026-11-02/verdict=flag",
    ]
    assert list(tmp_path.rglob("*.part")) == []


def test_an_export_that_breaks_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BUFFERED_BYTES", 500)
    with pytest.raises(KeyError), Export(tmp_path, WINDOW, ("allow",)) as writing:  # noqa: PT012
        for number in range(20):
            writing.add(slim(number), AT)
        assert list(tmp_path.rglob("*.part"))
        raise KeyError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_export_whose_last_file_gets_no_name_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"), Export(tmp_path, WINDOW, ("allow", "flag")) as writing:  # noqa: PT012
        writing.add(slim(7), AT)
        writing.add(full(), AT)
        (tmp_path / "day=2026-11-01" / "verdict=flag" / f"{WINDOW.name}-00001.parquet" / "in the way").mkdir(
            parents=True
        )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert writing.files == []


def test_what_is_held_is_bounded_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BUFFERED_BYTES", 10_000)
    with Export(tmp_path, WINDOW, ("allow", "flag")) as writing:
        for number in range(300):
            writing.add(slim(number), AT)
            writing.add(full(source=Source(0, number)), AT)
            assert sum(len(line) for lines in writing._lines.values() for line in lines) <= 11_000
    assert len(writing.files) > 10
    assert writing.counts == {"allow": 300, "flag": 300}
    frame = pl.read_parquet(tmp_path, hive_partitioning=True)
    assert frame["verdict"].value_counts(sort=True).rows() in (
        [("allow", 300), ("flag", 300)],
        [("flag", 300), ("allow", 300)],
    )


def test_the_same_time_is_not_exported_twice_into_one_folder(tmp_path: Path) -> None:
    with Export(tmp_path, WINDOW, ("allow", "flag")) as writing:
        writing.add(full(), AT)
    for since, until in ((START, START + DAY), (START + DAY / 2, START + 2 * DAY), (START - DAY, START + DAY / 2)):
        with pytest.raises(
            ExportError, match="holds decisions from 2026-11-01T00:00:00 to 2026-11-02T00:00:00 already"
        ):
            Export(tmp_path, Window(since, until), ("flag",))
    Export(tmp_path, WINDOW, ("block",))
    Export(tmp_path, Window(START - DAY, START), ("flag",))
    with Export(tmp_path, Window(START + DAY, START + 2 * DAY), ("flag",)) as writing:
        writing.add(full(), AT + 24 * HOUR)
    assert pl.read_parquet(tmp_path, hive_partitioning=True).height == 2


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for folder, why in ((tmp_path / "out", "File exists"), (tmp_path / "out" / "below", "Not a directory")):
        with pytest.raises(ExportError, match=f"cannot be written: {why}"):
            Export(folder, WINDOW, ("flag",)).__enter__()


@pytest.mark.kafka
def test_the_command_exports_what_was_decided_in_time(desk: Any, tmp_path: Path) -> None:
    desk.write(desk.decision(0), desk.decision(1, "allow"), at=AT + HOUR)
    desk.write(desk.decision(2, "block"), at=AT + 25 * HOUR)
    desk.write(desk.decision(3), at=AT + 49 * HOUR)
    desk.write(desk.decision(4))
    out = str(tmp_path / "out")
    found = export("--kafka", desk.address, out, "--from", "2026-11-01", "--to", "2026-11-03", "--json")
    assert found.exit_code == 0, found.output
    summary = json.loads(found.stdout)
    assert {name: summary[name] for name in ("decisions", "allow", "flag", "block", "files")} == {
        "decisions": 3,
        "allow": 1,
        "flag": 1,
        "block": 1,
        "files": 3,
    }
    assert summary["bytes"] == sum(file.stat().st_size for file in Path(out).rglob("*.parquet"))
    assert sorted(pl.read_parquet(out, hive_partitioning=True)["id"]) == ["p-0-0", "p-0-1", "p-0-2"]
    again = export("--kafka", desk.address, "flag", out, "--from", "2026-11-01", "--to", "2026-11-02")
    assert (again.exit_code, again.output.count("\n")) == (1, 1)
    # The last was decided within the last minute.
    later = export("--kafka", desk.address, out, "--from", "2026-11-03")
    assert later.exit_code == 0, later.output
    assert later.stdout.startswith("1 decisions (allow 0, flag 1, block 0) in 1 files, ")


@pytest.mark.kafka
def test_on_apache_kafka_each_decision_of_the_time_is_exported_once(desk: Any, tmp_path: Path) -> None:
    for hour in range(0, 60, 5):
        desk.write(*(desk.decision(hour, verdict, hour % 2) for verdict in ("allow", "flag")), at=AT + hour * HOUR)
    desk.write(desk.decision(5, "flag", 1), at=AT + 7 * HOUR)
    found = export("--kafka", desk.address, str(tmp_path), "--from", "2026-11-01T05:00", "--to", "2026-11-02T12:00")
    assert found.exit_code == 0, found.output
    assert "1 more came again and were left out" in found.stdout
    frame = pl.read_parquet(tmp_path, hive_partitioning=True).sort("decided_at")
    hours = [(row["decided_at"] - START) // timedelta(hours=1) for row in frame.to_dicts()]
    assert hours == sorted([*range(5, 36, 5)] * 2)


def test_a_question_is_answered_with_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs duckdb: pip install duckdb")
    readme = (Path(__file__).parents[3] / "topics" / "README.md").read_text()
    query = readme.split("```sql\n")[1].split("```")[0]
    with Export(tmp_path / "out", WINDOW, ("allow", "flag")) as writing:
        for number in range(3):
            writing.add(full(author=f"a{number % 2}"), AT)
        writing.add(slim(1), AT)
    answer = duckdb.sql(query.replace("out/", f"{tmp_path}/out/")).fetchall()
    assert answer == [(START.date(), "ad", 3, 2)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["out"], "Missing option '--from'"),
        (["--from", "2026-11-02"], "Missing argument"),
        (["out", "--from", "2026-11-02", "--to", "2026-11-02"], "there is no time"),
        (["out", "--from", "30s"], "there is no time"),
        (["out", "--from", "yesterday"], "neither a time ago"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments: list[str], words: str) -> None:
    failed = export(*arguments)
    assert (failed.exit_code, words in failed.output) == (2, True), failed.output
