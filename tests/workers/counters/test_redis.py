"""What only the store on a server has: expiry, its failures, and its script."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest
import redis

from workers.batch import Part
from workers.counters import MEMBERS_A_PANE, Counters, CounterSpec, CountersUnavailable, Readings, RedisStore
from workers.counters.store import MEMBER

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Make = Callable[..., RedisStore]

SPECS = (
    CounterSpec("posts", "count", "posts", "author", 60_000),
    CounterSpec("devices", "distinct", "device", "author", 600_000),
)
NOW = 1_700_000_040_000


@pytest.fixture
def server(valkey: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey) as client:
        yield client


async def apply(counters: Counters, first: int, stop: int, committed: int = 0) -> Readings:
    """Posts of one author, each from its own device. Raises why they could not be read."""
    offsets = np.arange(first, stop)
    keys = {"author": np.full(len(offsets), 7, np.uint64), "device": (offsets + 1).astype(np.uint64)}
    readings = await counters.apply([Part(0, committed, 0, len(offsets))], offsets, np.full(len(offsets), NOW), keys)
    for error in readings.unread.values():
        raise error
    return readings


def posts(readings: Any) -> list[int]:
    assert readings.known["posts"].all()
    assert readings.values["posts"].tolist() == readings.values["devices"].tolist()
    read: list[int] = readings.values["posts"].tolist()
    return read


def test_counts_expire_after_twice_their_window_and_the_grace_and_a_thirty_second_of_it(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    run(apply(Counters(SPECS, make_redis_store("expiry"), grace_seconds=100), 0, 3))
    left = {name.decode().split(":")[1]: server.pttl(name) for name in server.keys("{expiry}:*")}
    assert 221_000 < left["count"] <= 226_000
    assert 1_335_000 < left["distinct"] <= 1_340_000
    assert 623_695_000 < left["guard"] <= 623_700_000


def test_counts_that_are_added_to_live_as_long_again(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store("anew"), grace_seconds=100)
    run(apply(counters, 0, 3))
    (count,) = server.keys("{anew}:count:*")
    # As if it had been written to so long ago.
    for ago, left in ((3, 223_000), (50, 176_000), (250, 1_000)):
        server.hset(count, "lives since", str(int(time.time()) - ago))
        server.pexpire(count, left)
        run(apply(counters, ago, ago + 1))
        assert server.pttl(count) > 220_000 - 1_000


def test_the_guard_of_a_partition_lives_as_long_as_it_is_counted_for(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters, guard = Counters(SPECS, make_redis_store("guarded")), "{guarded}:guard:posts:0"
    run(apply(counters, 0, 3))
    # As if it had been written to so long ago.
    server.hset(guard, "lives since", str(int(time.time()) - 6 * 86_400))
    server.expire(guard, 86_400)
    run(apply(counters, 3, 4))
    assert server.ttl(guard) > 7 * 86_400


def test_the_guard_of_a_partition_that_is_claimed_and_never_counted_for_expires(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    run(make_redis_store("claimed").claim("guard:posts:0", 60))
    assert 50 < server.ttl("{claimed}:guard:posts:0") <= 60


def test_of_a_full_pane_no_members_are_kept_whatever_comes_after(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters = Counters(SPECS, make_redis_store("full"))
    sizes = []
    for first, stop in ((0, MEMBERS_A_PANE - 1), (MEMBERS_A_PANE - 1, MEMBERS_A_PANE), (MEMBERS_A_PANE, 1_005)):
        run(apply(counters, first, stop))
        (name,) = server.keys("{full}:distinct:*")
        sizes += [len(value) for field, value in server.hgetall(name).items() if field != b"lives since"]
    assert sizes == [(MEMBERS_A_PANE - 1) * MEMBER.itemsize, MEMBER.itemsize, MEMBER.itemsize]


def test_every_key_carries_the_hash_tag(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    before = set(server.keys())
    run(apply(Counters(SPECS, make_redis_store("tagged")), 0, 3))
    new = set(server.keys()) - before
    assert len(new) == 3
    assert all(name.startswith(b"{tagged}:") for name in new)


def test_namespaces_do_not_meet(make_redis_store: Make, run: Run) -> None:
    assert posts(run(apply(Counters(SPECS, make_redis_store()), 0, 2))) == [1, 2]
    assert posts(run(apply(Counters(SPECS, make_redis_store()), 0, 2))) == [1, 2]


def test_another_worker_goes_on_where_the_first_one_ended(make_redis_store: Make, run: Run) -> None:
    run(apply(Counters(SPECS, make_redis_store("moved")), 0, 4))
    other = Counters(SPECS, make_redis_store("moved"))
    assert posts(run(apply(other, 2, 6))) == [3, 4, 5, 6]


def test_only_batches_not_yet_committed_are_kept(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store("kept"))
    for first in range(0, 50, 10):
        run(apply(counters, first, first + 10, committed=max(0, first - 15)))
    fields = set(server.hkeys("{kept}:guard:posts:0")) - {b"applied", b"epoch", b"lives since"}
    assert fields == {b"%c%d-%d" % (mark, first, first + 9) for mark in b"cr" for first in (20, 30, 40)}


def test_what_a_version_before_kept_of_a_batch_goes_when_it_is_committed(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters, guard = Counters(SPECS, make_redis_store("before")), "{before}:guard:posts:0"
    server.hset(guard, mapping={"applied": 3, "0-1": "kept", "2-3": "kept"})
    run(apply(counters, 4, 6, committed=2))
    assert {field for field in server.hkeys(guard) if field[:1].isdigit()} == {b"2-3"}


def test_a_script_cache_flushed_meanwhile_is_no_trouble(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store())
    run(apply(counters, 0, 2))
    server.script_flush()
    assert posts(run(apply(counters, 2, 4))) == [3, 4]


def test_connections_lost_meanwhile_are_no_trouble(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store())
    run(apply(counters, 0, 2))
    server.client_kill_filter(_type="normal", skipme=True)
    assert posts(run(apply(counters, 2, 4))) == [3, 4]


def test_a_large_cell_count_goes_through_in_one_call(make_redis_store: Make, run: Run) -> None:
    counters = Counters(SPECS, make_redis_store())
    authors = np.arange(1, 30_001, dtype=np.uint64)
    for turn in range(2):
        offsets = np.arange(30_000) + turn * 30_000
        columns = {"author": authors, "device": offsets.astype(np.uint64) + np.uint64(1)}
        readings = run(counters.apply([Part(0, 0, 0, 30_000)], offsets, np.full(30_000, NOW), columns))
        assert set(posts(readings)) == {turn + 1}


def test_a_server_that_is_not_there_is_unavailable(run: Run) -> None:
    store = RedisStore("redis://:secret@127.0.0.1:1/0", timeout_seconds=2)
    with pytest.raises(CountersUnavailable, match=r"127\.0\.0\.1:1") as error:
        run(apply(Counters(SPECS, store), 0, 1))
    assert "secret" not in str(error.value)
    with pytest.raises(CountersUnavailable):
        run(store.ping())
    run(store.close())


def test_a_slow_server_is_unavailable_and_what_it_did_late_is_not_done_twice(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters = Counters(SPECS, make_redis_store("slow", timeout_seconds=0.2))
    run(apply(counters, 0, 2))
    server.client_pause(600)
    with pytest.raises(CountersUnavailable, match=r"no answer in 0\.2 s"):
        run(apply(counters, 2, 4))
    time.sleep(0.6)
    server.ping()
    assert posts(run(apply(counters, 2, 4))) == [3, 4]
    assert posts(run(apply(counters, 4, 6))) == [5, 6]


def test_a_full_server_is_unavailable_and_has_changed_nothing(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters = Counters(SPECS, make_redis_store())
    run(apply(counters, 0, 2))
    server.config_set("maxmemory", 1)
    try:
        with pytest.raises(CountersUnavailable, match="OutOfMemory"):
            run(apply(counters, 2, 4))
        assert posts(run(apply(counters, 0, 2))) == [1, 2]  # a redelivery writes nothing
    finally:
        server.config_set("maxmemory", 0)
    assert posts(run(apply(counters, 2, 4))) == [3, 4]


def test_a_read_only_server_is_unavailable(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store())
    server.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(CountersUnavailable, match="ReadOnly"):
            run(apply(counters, 0, 2))
    finally:
        server.replicaof("NO", "ONE")
    assert posts(run(apply(counters, 0, 2))) == [1, 2]


def test_a_server_that_answers_can_be_pinged(make_redis_store: Make, run: Run) -> None:
    run(make_redis_store().ping())


@pytest.mark.parametrize("namespace", ["", "a{b", "a}b"])
def test_a_namespace_that_would_break_the_hash_tag_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(namespace))):
        RedisStore("redis://127.0.0.1", namespace)


def test_an_emptied_server_is_told_once_and_counting_begins_anew(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    counters = Counters(SPECS, make_redis_store("emptied"))
    assert not run(apply(counters, 0, 2)).lost
    server.delete(*server.keys("{emptied}*"))
    emptied = run(apply(counters, 2, 4, committed=2))
    assert emptied.lost
    assert posts(emptied) == [1, 2]
    assert not run(apply(counters, 4, 6, committed=4)).lost


def test_a_server_that_was_set_back_is_told_once(make_redis_store: Make, run: Run, server: redis.Redis) -> None:
    counters = Counters(SPECS, make_redis_store("back"))
    assert not run(apply(counters, 0, 6)).lost
    server.hset("{back}:guard:posts:0", "applied", 2)
    assert run(apply(counters, 6, 7, committed=6)).lost == [0]
    assert not run(apply(counters, 7, 8, committed=7)).lost


def test_a_worker_that_was_stopped_in_the_middle_of_a_call_asks_again(make_redis_store: Make, run: Run) -> None:
    store = make_redis_store(timeout_seconds=0.2)

    async def stopped() -> int:
        call = asyncio.create_task(store.claim("guard:stopped", 60))
        for _ in ("asked", "sent"):
            await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251 - nothing runs meanwhile, as under SIGSTOP
        return await call

    assert run(stopped()) >= 1


def test_what_is_asked_at_once_goes_out_on_one_connection(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    store = make_redis_store()

    def connections() -> int:
        return int(server.info("stats")["total_connections_received"])

    async def claim_many() -> list[int]:
        return await asyncio.gather(*(store.claim(f"guard:{partition}", 60) for partition in range(4)))

    before = connections()
    assert run(claim_many()) == [1] * 4
    assert connections() == before + 1


def test_a_call_that_is_refused_leaves_the_others_that_went_with_it(
    make_redis_store: Make, run: Run, server: redis.Redis
) -> None:
    store = make_redis_store()

    async def both() -> list[Any]:
        return await asyncio.gather(store.ping(), store.claim("guard", 60), store.ping(), return_exceptions=True)

    server.replicaof("127.0.0.1", "1")
    try:
        first, refused, last = run(both())
    finally:
        server.replicaof("NO", "ONE")
    assert (first, last) == (None, None)
    assert isinstance(refused, CountersUnavailable)


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_whoever_waits_for_a_store_that_is_closed_is_let_go(
    make_redis_store: Make, run: Run, server: redis.Redis, seconds: float
) -> None:
    store = make_redis_store()

    async def waiting() -> None:
        server.client_pause(30_000, all=False)  # who writes
        call = asyncio.create_task(store.claim("guard", 60))
        await asyncio.sleep(seconds)
        await store.close()
        with pytest.raises(asyncio.CancelledError):
            await call

    try:
        run(waiting())
    finally:
        server.client_unpause()
