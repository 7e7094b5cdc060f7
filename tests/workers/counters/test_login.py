"""A Valkey that asks for a password."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis import Redis

from deploy.embedded import start_valkey
from workers.counters import CountersUnavailable, RedisStore


def test_a_password_is_given_and_a_wrong_one_leaves_the_counters_unavailable(tmp_path: Path) -> None:
    service, url = start_valkey(tmp_path)
    Redis.from_url(url).config_set("requirepass", "opensesame")

    async def ping(password: str) -> None:
        store = RedisStore(url, password=password)
        try:
            await store.ping()
        finally:
            await store.close()

    asyncio.run(ping("opensesame"))
    with pytest.raises(CountersUnavailable):
        asyncio.run(ping("guess"))
    service.stop()
