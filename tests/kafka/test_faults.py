"""What breaks things in the chaos suite does break them, and mends them again. No broker is needed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
import redis
from chaos.proxy import Proxy
from chaos.schedule import FULL, SHORT
from chaos.valkey import Valkey

from deploy.processes import HOST, free_port


def test_a_seed_gives_the_same_faults_and_another_seed_others() -> None:
    for phase in (*FULL, *SHORT):
        assert phase.schedule(1) == phase.schedule(1)
        assert phase.schedule(1) != phase.schedule(2)
        for lane in phase.schedule(1):
            assert sorted(lane) == lane
            assert all(0 <= fault.after < 0.95 for fault in lane)


def test_the_full_run_breaks_what_it_promises_and_the_short_one_some_of_each() -> None:
    full = Counter(name for phase in FULL for lane in phase.lanes for name in lane)
    assert (full["kill"], full["pause"], full["broker"], full["brokers"], full["valkey"]) == (20, 5, 3, 1, 3)
    assert full.keys() == {name for phase in SHORT for lane in phase.lanes for name in lane}


def test_valkey_keeps_what_it_acknowledged_over_a_kill(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path)
    valkey.start()
    try:
        with redis.Redis(host=HOST, port=valkey.port) as client:
            for number in range(100):
                client.incr("n")
                client.hset("h", str(number), "x")
        valkey.kill()
        valkey.start()
        with redis.Redis(host=HOST, port=valkey.port) as client:
            assert client.get("n") == b"100"
            assert client.hlen("h") == 100
            valkey.fill()
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                client.set("more", "x")
            valkey.empty_again()
            assert client.set("more", "x")
    finally:
        valkey.kill()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(100):
        writer.write(piece)
    writer.close()


def test_the_proxy_passes_on_holds_back_and_cuts() -> None:
    async def play() -> None:
        server = await asyncio.start_server(_echo, HOST, 0)
        proxy = Proxy(free_port(), server.sockets[0].getsockname()[1])
        await proxy.start()
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        proxy.delay = 0.3
        writer.write(b"again")
        began = asyncio.get_running_loop().time()
        assert await reader.readexactly(5) == b"again"
        assert asyncio.get_running_loop().time() - began >= 0.3
        assert proxy.cut() == 1
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        await proxy.stop()
        server.close()

    asyncio.run(play())


def test_the_proxy_refuses_when_nobody_listens_behind_it() -> None:
    async def play() -> None:
        proxy = Proxy(free_port(), free_port())
        await proxy.start()
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        await proxy.stop()

    asyncio.run(play())
