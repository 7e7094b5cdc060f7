"""What the live view takes from the output topics."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from topics.dead_letter import DeadLetter, replay_note
from topics.decision import Decision, FiredRule, Source
from topics.post import Author, Post
from workers.live.view import View
from workers.live.watch import Seen, Watch
from workers.terminal.pictures import recording


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


def test_what_looks_like_a_style_is_shown_as_it_is_written() -> None:
    async def page() -> str:
        watch = Watch({"bootstrap_servers": "localhost:9"})
        rule = FiredRule("prices", "flag", "spam", "From 9 [/month] on")
        post = Post("p", "buy", Author("a", "Lin"), 1_790_000_000_000)
        watch.last.append(
            Decision(
                id="p",
                author="a",
                verdict="flag",
                rules=[rule],
                policy="1",
                source=Source(0, 0),
                created_at=post.created_at,
                arrived_at=post.created_at,
                post=post,
            )
        )
        console = recording()
        console.print(View(watch, {}).page())
        return console.export_text()

    assert "From 9 [/month] on" in asyncio.run(page())
