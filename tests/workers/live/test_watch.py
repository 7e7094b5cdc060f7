"""What the live view takes from the output topics."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from topics.dead_letter import DeadLetter, replay_note
from workers.live.watch import Seen, Watch


async def taken() -> Watch:
    watch = Watch({"bootstrap_servers": "localhost:9"})
    watch._seen = {0: Seen(0)}
    letter = DeadLetter(b"{", b"a-1", "not_json", "it breaks off", "posts", 0, 3)
    watch._take(SimpleNamespace(topic="posts.dead", key=b"a-1", value=b"{", headers=letter.to_headers()))
    watch._take(SimpleNamespace(topic="posts.dead", key=b"a-1", value=None, headers=replay_note(0)))
    return watch


def test_the_note_of_a_replay_is_no_dead_letter() -> None:
    watch = asyncio.run(taken())
    assert (watch.counts["dead"], watch.reasons["not_json"]) == (1, 1)
