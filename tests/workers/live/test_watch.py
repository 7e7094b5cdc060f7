"""What the live view takes from the output topics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from topics.dead_letter import DeadLetter, replay_note
from topics.decision import Decision, FiredRule, Source
from topics.post import Author, Post
from workers.live.view import View
from workers.live.watch import Watch
from workers.terminal.pictures import recording


def allowed(offset: int, partition: int = 0) -> SimpleNamespace:
    """The record of a decision about the post at that place."""
    source = b'{"partition":%d,"offset":%d}' % (partition, offset)
    return SimpleNamespace(topic="posts.allow", value=b'{"source":%b,"arrived_at":0}' % source, timestamp=5)


def dead(offset: int, detail: str = "it breaks off") -> SimpleNamespace:
    """The record of a dead letter, its post at that offset of partition 0."""
    letter = DeadLetter(b"{", b"a-1", "not_json", detail, "posts", 0, offset)
    return SimpleNamespace(topic="posts.dead", key=b"a-1", value=b"{", headers=letter.to_headers())


def counted(*steps: Callable[[Watch], None] | SimpleNamespace) -> dict[str, int]:
    """The verdicts that are counted after these steps: records as they come, and what a feed tells."""

    async def watched() -> dict[str, int]:
        watch = Watch({"bootstrap_servers": "localhost:9"})
        for step in steps:
            watch._take(step) if isinstance(step, SimpleNamespace) else step(watch)
        return dict(watch.counts)

    return asyncio.run(watched())


def sending(watch: Watch) -> None:
    """Posts are on their way to partition 0."""
    watch.sending(0)


def sent(first: int, count: int) -> Callable[[Watch], None]:
    """They got these offsets."""
    return lambda watch: watch.sent(0, first, count)


def test_verdicts_and_dead_letters_of_others_posts_are_not_counted() -> None:
    steps = (sending, sent(10, 2), allowed(10), dead(11))
    others = (allowed(9), dead(12), allowed(10, partition=1))
    assert counted(*others, *steps, *others) == {"allow": 1, "dead": 1}


def test_of_dead_letters_the_first_of_a_reason_says_what_was_wrong() -> None:
    async def watched() -> dict[str, str]:
        watch = Watch({"bootstrap_servers": "localhost:9"})
        sending(watch)
        sent(10, 2)(watch)
        for offset, detail in ((10, "it breaks off"), (11, "it is empty"), (12, "another's")):
            watch._take(dead(offset, detail))
        return watch.details

    assert asyncio.run(watched()) == {"not_json": "it breaks off"}


def test_a_decision_that_comes_again_counts_once() -> None:
    assert counted(sending, sent(10, 2), allowed(10), allowed(10)) == {"allow": 1}


def test_a_decision_that_comes_before_the_broker_s_acknowledgement_counts() -> None:
    assert counted(sending, allowed(10), dead(11), allowed(12), sent(10, 2), sending, sent(20, 1)) == {
        "allow": 1,
        "dead": 1,
    }


def test_what_is_no_decision_and_no_dead_letter_is_passed_over() -> None:
    strange = [
        SimpleNamespace(topic="posts.dead", key=b"a-1", value=None, headers=replay_note(0)),
        SimpleNamespace(topic="posts.dead", key=None, value=b"{", headers=[]),
        SimpleNamespace(topic="posts.allow", value=b"hello", timestamp=5),
        SimpleNamespace(topic="posts.flag", value=None, timestamp=5),
    ]
    assert counted(sending, sent(0, 4), *strange, dead(3)) == {"dead": 1}


@given(st.permutations(range(5, 25)), st.lists(st.integers(0, 30)))
def test_each_post_counts_once_whatever_the_order(order: list[int], repeats: list[int]) -> None:
    records = map(allowed, [*order, *repeats])
    assert counted(sending, sent(5, 20), *records) == {"allow": 20}


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
