"""Readers and brokers die: nothing is passed over."""

from __future__ import annotations

import itertools
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy import kafka
from deploy.kafka import Cluster
from deploy.processes import Service
from topics.admin import TopicAdmin
from topics.client import ClientError, Decisions
from topics.client import decisions as decisions_module

pytestmark = pytest.mark.kafka

READER = Path(__file__).parent / "reader.py"
PATIENCE_SECONDS = 120.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_is_killed_again_and_again_skips_nothing(desk: Any, group: str, tmp_path: Path) -> None:
    written = [("flag", number % 2, number) for number in range(40)]
    desk.write(*(desk.decision(offset, verdict, partition) for verdict, partition, offset in written))
    file = tmp_path / "handled"
    file.touch()

    def handled() -> list[tuple[str, int, int]]:
        rows = [line.split() for line in file.read_text().splitlines()]
        return [(verdict, int(partition), int(offset)) for verdict, partition, offset in rows]

    lives = []
    # Between handling and commit: in the middle of a fetch, at its end, and at its beginning.
    for count in (5, 6, 7, 4, 1_000):
        before = len(handled())
        command = [sys.executable, str(READER), desk.address, group, str(file), str(count)]
        service = Service.start("reader", command, tmp_path)
        if count < 1_000:
            wait_until(lambda: len(handled()) >= before + count)  # noqa: B023
        else:
            wait_until(lambda: set(handled()) == set(written))
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        lives.append(handled()[before:])
    everything = list(itertools.chain(*lives))
    assert set(everything) == set(written)
    # Killed in the middle, so something was read twice; but what was committed was not.
    assert len(written) < len(everything) <= len(written) + 3 * (len(lives) - 1)
    for life in lives:
        for partition in (0, 1):
            offsets = [offset for _, of, offset in life if of == partition]
            assert offsets == sorted(set(offsets))


def test_readers_of_a_group_share_the_partitions_and_take_over(desk: Any, group: str) -> None:
    found: dict[str, list[tuple[int, int]]] = {"one": [], "two": []}
    leaving: set[str] = set()
    numbers = itertools.count()

    def read(name: str) -> None:
        with Decisions(desk.address, "flag", group=group, heartbeat_interval_ms=200) as decisions:
            for decision in decisions:
                # What it left at is not handled, so the other one reads it.
                if name in leaving:
                    return
                found[name].append((decision.source.partition, decision.source.offset))

    def write() -> set[tuple[int, int]]:
        made = [desk.decision(number, partition=number % 2) for number in itertools.islice(numbers, 20)]
        desk.write(*made)
        return {(each.source.partition, each.source.offset) for each in made}

    def all_found() -> bool:
        return {*found["one"], *found["two"]} == wanted

    threads = {name: Thread(target=read, args=[name], daemon=True) for name in found}
    threads["one"].start()
    wanted = write()
    wait_until(all_found)
    threads["two"].start()
    while not found["two"]:
        wanted |= write()
        time.sleep(0.3)
    wait_until(all_found)
    assert len({partition for partition, _ in found["two"]}) == 1
    leaving.add("one")
    while threads["one"].is_alive():
        wanted |= write()
        time.sleep(0.3)
    wait_until(all_found)
    leaving.add("two")
    write()
    threads["two"].join(PATIENCE_SECONDS)
    assert not threads["two"].is_alive()
    assert len(found["one"]) + len(found["two"]) == len(wanted)


def test_a_reader_that_was_too_slow_for_its_group_reads_again_and_skips_nothing(
    desk: Any, group: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decisions_module, "COMMIT_SECONDS", 0.5)
    caplog.set_level(logging.WARNING, "kafka")
    desk.write(*(desk.decision(offset) for offset in range(12)))
    found: list[int] = []
    quick = {"max_poll_interval_ms": 1_000, "heartbeat_interval_ms": 200, "session_timeout_ms": 900}
    with Decisions(desk.address, "flag", group=group, max_poll_records=6, **quick) as decisions:
        for decision in decisions:
            found.append(decision.source.offset)
            if len(found) == 2:
                wait_until(lambda: "poll timeout has expired" in caplog.text)
            if decision.source.offset == 11:
                break
    # What was fetched ahead is not handed out once the partition may be another's.
    assert found == [0, 1, *range(12)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A broker that the test may kill."""
    if not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    started = Cluster(tmp_path)
    started.start()
    with TopicAdmin(started.address) as topics:
        topics.create(2, replication=1)
    yield started
    started.stop()


def test_a_reader_outlives_restarts_of_the_brokers_and_gives_up_in_the_end(
    cluster: Cluster, group: str, make_desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    desk = make_desk(cluster.address)
    found: list[int] = []

    def read() -> None:
        with Decisions(desk.address, group=group) as decisions:
            for decision in decisions:
                found.append(decision.source.offset)
                if decision.source.offset == 3:
                    break

    caplog.set_level(logging.CRITICAL, "kafka")
    reading = Thread(target=read, daemon=True)
    reading.start()
    desk.write(desk.decision(0))
    wait_until(lambda: found == [0])
    cluster.restart()
    desk.write(desk.decision(1))
    wait_until(lambda: found == [0, 1])
    cluster.kill(1)
    cluster.revive(1)
    desk.write(desk.decision(2), desk.decision(3))
    wait_until(lambda: found == [0, 1, 2, 3])
    reading.join(PATIENCE_SECONDS)
    assert not reading.is_alive()

    with Decisions(desk.address, patience=2) as decisions:
        assert [next(decisions).source.offset for _ in range(4)] == [0, 1, 2, 3]
        cluster.kill(1)
        with pytest.raises(ClientError, match="the brokers have not answered for 2 s"):
            next(decisions)
