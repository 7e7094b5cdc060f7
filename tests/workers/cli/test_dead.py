"""`sluicegate dead` at the terminal, on the embedded broker and on Apache Kafka."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from click.testing import CliRunner, Result

from deploy.processes import free_port
from topics import dead_topic
from topics.admin import TopicAdmin
from topics.dead_letter import DeadLetter
from topics.dead_topic import Stored
from workers.cli.dead import command
from workers.cli.letters import print_table, summary
from workers.replaying import Replayer

NOW = 1_790_000_000_000
Letter = tuple[int, DeadLetter]
HOSTILE = b'{"id": "\x1b]0;owned\x07\xe2\x80\xae'
BINARY = b'{"text": "caf\xff\x00\x01' + bytes(range(256))


def dead(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=answer)


def letter(value: bytes | None, reason: Any = "not_json", source: tuple[int, int] = (0, 7), **more: Any) -> Letter:
    made = DeadLetter(value, more.get("key", b"a-1"), reason, "the value is not JSON", "posts", *source)
    return more.get("partition", source[0]), made


class Cluster:
    """A broker with the topics, on which dead letters are written as a worker writes them."""

    def __init__(self, address: str, transactions: bool) -> None:
        self.address, self.transactions = address, transactions
        with TopicAdmin(address) as admin:
            admin.create(2, replication=1)

    def write(self, *letters: Letter) -> None:
        rows = [("posts.dead", place, made.key, made.value, made.to_headers()) for place, made in letters]
        asyncio.run(self._write(rows, None))

    def write_other(self, headers: list[tuple[str, bytes]], value: bytes = b"other") -> None:
        asyncio.run(self._write([("posts.dead", 0, None, value, headers)], None))

    def write_and_abort(self, *letters: Letter) -> None:
        rows = [("posts.dead", place, made.key, made.value, made.to_headers()) for place, made in letters]
        asyncio.run(self._write(rows, "aborts"))

    async def _write(self, rows: list[Any], aborting: str | None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.address, acks="all", transactional_id=aborting)
        await producer.start()
        if aborting:
            await producer.begin_transaction()
        for topic, partition, key, value, headers in rows:
            # A batch takes what `send` refuses: a record with neither key nor value.
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
            await (await producer.send_batch(batch, topic, partition=partition))
        if aborting:
            await producer.abort_transaction()
        await producer.stop()

    def posts(self, count: int) -> list[tuple[int, bytes | None, bytes | None, dict[str, bytes]]]:
        """Partition, key, value and headers of everything on `posts`, each partition in its order.

        A transaction's records come a moment after it was committed, so `count` of them are waited for.
        """
        deadline = time.monotonic() + 20
        while len(found := asyncio.run(self._posts())) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(found) == count
        return found

    async def _posts(self) -> list[tuple[int, bytes | None, bytes | None, dict[str, bytes]]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.address, auto_offset_reset="earliest", isolation_level="read_committed"
        )
        await consumer.start()
        places = [TopicPartition("posts", number) for number in range(2)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found = []
        try:
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.partition, record.key, record.value, dict(record.headers)) for record in records]
        finally:
            await consumer.stop()
        return sorted(found, key=lambda row: row[0])


@pytest.fixture
def cluster(fresh_broker: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    transactions = request.node.callspec.params["fresh_broker"] == "kafka"
    monkeypatch.setenv("SLUICEGATE_KAFKA", fresh_broker)
    monkeypatch.setenv("SLUICEGATE_DELIVERY", "exactly_once" if transactions else "at_least_once")
    return Cluster(fresh_broker, transactions)


def test_list_tells_each_committed_letter_and_the_totals_and_selects(cluster: Cluster) -> None:
    empty = dead("list")
    assert (empty.stdout, empty.stderr, empty.exit_code) == ("", "0 on posts.dead\n", 0)
    cluster.write(letter(b"{", source=(0, 3)))
    cluster.write(letter(HOSTILE, "schema", source=(1, 4), key=b"\x1b[2J"))
    cluster.write(letter(None, "tombstone", source=(0, 9)))
    cluster.write_other([("reason", b"\x1b[31m")])
    if cluster.transactions:
        cluster.write_and_abort(letter(b"never was", source=(0, 10)))
        cluster.write_and_abort(letter(b"never was", source=(1, 10)))
    found = dead("list")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["dead"], line["source"], line["reason"], line["bytes"]) for line in lines] == [
        ("0:0", "0:3", "not_json", 1),
        ("1:0", "1:4", "schema", len(HOSTILE)),
        ("0:1", "0:9", "tombstone", None),
        ("0:2", None, "no dead letter", 5),
    ]
    assert lines[0]["detail"] == "the value is not JSON"
    assert datetime.now(UTC) - datetime.fromisoformat(lines[0]["at"]) < timedelta(minutes=5)
    assert found.stderr == "4 on posts.dead: 1 no dead letter, 1 not_json, 1 schema, 1 tombstone\n"
    assert "\x1b" not in found.output
    newest = dead("list", "--limit", "1")
    assert json.loads(newest.stdout)["dead"] == "0:2"
    assert newest.stderr.startswith("4 on posts.dead")
    of_reason = dead("list", "--reason", "schema", "--since", "1h", "--json")
    assert [json.loads(line)["dead"] for line in of_reason.stdout.splitlines()] == ["1:0"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert dead("list", "--since", tomorrow).stdout == ""


def test_show_gives_the_exact_bytes_raw_and_steers_no_terminal_otherwise(cluster: Cluster) -> None:
    cluster.write(letter(BINARY, source=(0, 3)), letter(HOSTILE, "schema", key=b"\x1b[2J"), letter(None, "tombstone"))
    assert dead("show", "0:0", "--raw").stdout_bytes == BINARY
    assert dead("show", "0:1", "--raw").stdout_bytes == HOSTILE
    assert dead("show", "0:2", "--raw").stdout_bytes == b""
    binary = dead("show", "0:0").output
    assert "reason: not_json\n" in binary
    assert "source_offset: 3\n" in binary
    assert '{"text": "caf\n0000000d  ff 00 01 00 01 02' in binary
    hostile = dead("show", "0:1").output
    assert not set(hostile) & {"\x1b", "\x07", "\u202e"}
    assert '{"id": "·]0;owned··' in hostile
    assert "key: ·[2J" in hostile
    assert "no value (a tombstone)" in dead("show", "0:2").output


def test_replay_sends_key_and_bytes_to_where_they_came_from_and_once(cluster: Cluster) -> None:
    cluster.write(
        letter(BINARY, source=(0, 3)),
        letter(HOSTILE, source=(1, 4), key=None),
        letter(None, "tombstone", source=(1, 5)),
        letter(None, "tombstone", source=(1, 6), key=None),
        letter(b"second", source=(0, 8)),
        letter(b"from a partition that is gone", source=(9, 1), partition=1),
    )
    cluster.write_other([("reason", b"none")])
    dry = dead("replay", "--all", "--dry-run")
    assert dry.output == "6 to send: 4 not_json, 2 tombstone\n"
    for answer in ("n\n", None):
        refused = dead("replay", "--all", answer=answer)
        assert refused.exit_code == 1
        assert "Error: nothing was sent; --yes sends without asking" in refused.output
    assert cluster.posts(0) == []
    done = dead("replay", "--reason", "not_json", answer="y\n")
    assert done.exit_code == 0, done.output
    assert done.output.endswith("4 replayed\n")
    found = cluster.posts(4)
    gone = DefaultPartitioner()(b"a-1", [0, 1], [0, 1])
    assert sorted(found, key=lambda row: row[3]["replayed_from"]) == [
        (0, b"a-1", BINARY, {"replayed_from": b"0:0"}),
        (0, b"a-1", b"second", {"replayed_from": b"0:1"}),
        (1, None, HOSTILE, {"replayed_from": b"1:0"}),
        (gone, b"a-1", b"from a partition that is gone", {"replayed_from": b"1:3"}),
    ]
    of_first = [row[3]["replayed_from"] for row in found if row[0] == 0]
    assert of_first.index(b"0:0") < of_first.index(b"0:1")

    rest = dead("replay", "--all", "--yes")
    assert rest.output == "4 passed over: replayed before (--again sends them once more)\n2 replayed\n"
    assert [row[2] for row in cluster.posts(6)].count(None) == 2
    nothing = dead("replay", "1:1", "0:1", "--yes")
    assert nothing.output == "2 passed over: replayed before (--again sends them once more)\n0 to send\n"
    again = dead("replay", "0:1", "--yes", "--again")
    assert again.output == "1 replayed\n"
    assert [row[2] for row in cluster.posts(7)].count(b"second") == 2

    listed = [json.loads(line) for line in dead("list").stdout.splitlines()]
    assert [line["replayed"] for line in listed if line["reason"] != "no dead letter"] == [True] * 6
    assert len(listed) == 7
    assert "the note that 0:0 was replayed" in dead("show", "0:3").output


def test_of_two_replays_at_once_the_older_one_ends(cluster: Cluster) -> None:
    if not cluster.transactions:
        refused = CliRunner(env={"SLUICEGATE_DELIVERY": "exactly_once"}).invoke(command, ["replay", "--all", "--yes"])
        assert refused.exit_code == 1
        assert "SLUICEGATE_DELIVERY=at_least_once" in refused.output
        assert refused.output.count("\n") == 1
        return
    cluster.write(letter(b"{", source=(0, 3)))
    stored = Stored(0, 0, 0, b"a-1", b"{", letter(b"{")[1].to_headers())

    async def race() -> int:
        connection = {"bootstrap_servers": cluster.address}
        async with Replayer(connection, True) as older, Replayer(connection, True) as newer:
            with pytest.raises(KafkaError):
                await older.replay([(stored, letter(b"{")[1])])
            return await newer.replay([(stored, letter(b"{")[1])])

    assert asyncio.run(race()) == 1
    assert [row[2] for row in cluster.posts(1)] == [b"{"]
    assert "0 to send" in dead("replay", "--all", "--yes").output


def test_a_table_fits_a_terminal_of_80_columns_with_places_and_details_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    detail = "id contains a control character (such as a line feed or NUL), which no id may"
    made = DeadLetter(b"{", None, "control_character", detail, "posts", 11, 244_000)
    print_table([{**summary(Stored(11, 40_000, NOW, None, b"{", made.to_headers())), "replayed": True}])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "11:40000" in lines[1]
    assert "11:244000" in lines[1]
    assert set(detail.split()) <= set(" ".join(lines).split())


def test_a_table_shows_hostile_details_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    made = DeadLetter(b"{", None, "step_failed", "\x1b[2J[bold]loud[/bold]", "posts", 0, 7)
    stored = Stored(0, 5, NOW, None, b"{", made.to_headers())
    odd = Stored(1, 6, -(2**60), None, None, [("reason", None)])
    print_table([{**summary(each), "replayed": True} for each in (stored, odd)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "·[2J[bold]" in shown


def test_a_place_that_is_wrong_is_told_in_one_line(cluster: Cluster) -> None:
    cluster.write(letter(b"{", source=(0, 3)))
    cluster.write_other([("reason", b"none")])
    for arguments, words in (
        (("show", "0:2"), "posts.dead has no record at 0:2: the partition holds 0 to 1"),
        (("show", "1:0"), "posts.dead has no record at 1:0: the partition holds nothing"),
        (("show", "5:0"), "posts.dead has no partition 5: it has 0 to 1"),
        (("replay", "0:0", "0:9", "--yes"), "posts.dead has no record at 0:9: the partition holds 0 to 1"),
        (("replay", "0:0", "0:1", "--yes"), "0:1 is no dead letter; `sluicegate dead show 0:1` shows it"),
    ):
        failed = dead(*arguments)
        assert (failed.exit_code, failed.output) == (1, f"Error: {words}\n")
    assert "no dead letter: its headers" in dead("show", "0:1").output
    assert cluster.posts(0) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "0-17"), "is not PARTITION:OFFSET"),
        (("show", "0:-1"), "is not PARTITION:OFFSET"),
        (("show", "0:" + "9" * 30), "is not PARTITION:OFFSET"),
        (("list", "--since", "yesterday"), "neither a time ago"),
        (("list", "--since", "999999999d"), "neither a time ago"),
        (("list", "--reason", "mood"), "is not one of"),
        (("replay",), "name dead letters"),
        (("replay", "0:1", "--all"), "name dead letters"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_read(arguments: tuple[str, ...], words: str) -> None:
    failed = dead(*arguments)
    assert failed.exit_code == 2
    assert words in failed.output


def test_no_broker_and_wrong_settings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_topic, "CONNECT_SECONDS", 0.3)
    address = f"127.0.0.1:{free_port()}"
    for arguments in (("list",), ("show", "0:0"), ("replay", "--all", "--yes")):
        failed = dead(*arguments, "--kafka", address)
        assert failed.exit_code == 1
        assert failed.output.startswith(f"Error: no Kafka broker answers at {address}")
        assert failed.output.count("\n") == 1
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SASL_SSL")
    wrong = dead("list")
    assert (wrong.exit_code, wrong.output.count("\n")) == (1, 1)
    assert "SLUICEGATE_KAFKA_USER" in wrong.output
