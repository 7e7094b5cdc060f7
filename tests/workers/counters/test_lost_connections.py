"""Connections that break in the middle of what is asked or answered: each post is counted once all the same."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.batch import Part
from workers.counters import Counters, CounterSpec, MemoryStore, RedisStore

SPECS = (
    CounterSpec("posts", "count", "posts", "author", 60_000),
    CounterSpec("devices", "distinct", "device", "author", 600_000),
)
NOW = 1_700_000_040_000
Cut = tuple[int | None, int | None]
"""After how many bytes of what is asked and of what is answered a connection breaks; None is never."""

_serial = itertools.count()


class Breaking:
    """A way to a server that breaks each connection as the next of the cuts says, and none after the last."""

    def __init__(self, url: str, cuts: Iterator[Cut]) -> None:
        self._there = urlsplit(url)
        self._cuts = cuts

    async def __call__(self, asking: asyncio.StreamReader, to_asker: asyncio.StreamWriter) -> None:
        asked, answered = next(self._cuts, (None, None))
        answering, to_server = await asyncio.open_connection(self._there.hostname, self._there.port)
        ways = [
            asyncio.create_task(self._pass_on(asking, to_server, asked)),
            asyncio.create_task(self._pass_on(answering, to_asker, answered)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way, writer in zip(ways, (to_server, to_asker), strict=True):
            way.cancel()
            writer.close()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        while left != 0 and (data := await reader.read(left or 1 << 16)):
            writer.write(data)
            await writer.drain()
            left = left and left - len(data)


posts = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=6)
cuts = st.tuples(st.integers(0, 3_000), st.none()) | st.tuples(st.none(), st.integers(0, 300))


@given(st.lists(st.tuples(posts, posts), max_size=4), st.lists(cuts, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_post_is_counted_once_wherever_connections_break(
    valkey: str, batches: list[tuple[list[tuple[int, int]], ...]], cuts: list[Cut]
) -> None:
    asyncio.run(compare(valkey, batches, cuts))


async def compare(valkey: str, batches: list[tuple[list[tuple[int, int]], ...]], cuts: list[Cut]) -> None:
    """Count batches of two partitions, each until it is read, as a worker does to which they are delivered again."""
    way = await asyncio.start_server(Breaking(valkey, iter(cuts)), "127.0.0.1", 0)
    port = way.sockets[0].getsockname()[1]
    store = RedisStore(f"redis://127.0.0.1:{port}/0", f"broken-{os.getpid()}-{next(_serial)}", 30.0)
    plain, through = Counters(SPECS, MemoryStore()), Counters(SPECS, store)
    reached = [0, 0]
    for batch in batches:
        parts, offsets, start = [], [], 0
        for partition, own in enumerate(batch):
            parts.append(Part(partition, 0, start, start + len(own)))
            offsets.append(np.arange(len(own)) + reached[partition])
            reached[partition] += len(own)
            start += len(own)
        # Keys of partitions do not meet: in which order their parts are counted is not said.
        author = [10 * partition + author for partition, own in enumerate(batch) for author, _ in own]
        device = [device for own in batch for _, device in own]
        keys = {"author": np.array(author, np.uint64), "device": np.array(device, np.uint64)}
        delivered = parts, np.concatenate(offsets), np.full(start, NOW), keys
        expected, read = await plain.apply(*delivered), await through.apply(*delivered)
        while read.unread:
            read = await through.apply(*delivered)
        for spec in SPECS:
            assert read.known[spec.name].tolist() == expected.known[spec.name].tolist()
            assert read.values[spec.name].tolist() == expected.values[spec.name].tolist()
        assert (read.lost, read.peeked) == ([], 0)
    await store.close()
    way.close()
