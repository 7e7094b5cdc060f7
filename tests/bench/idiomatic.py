"""The baseline: a Faust worker as Faust's documentation teaches it. Models of the messages, an agent that looks at
event after event, a topic for each verdict to send to.
"""

from __future__ import annotations

import os

# One core is what is compared, and a pool of threads that waits for work by spinning would only be held against it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import faust

from bench.a_post_at_a_time import Outcome, PostAtATime
from workers.policy import Policy
from workers.signals import schema


class Author(faust.Record):
    id: str
    name: str = ""
    created_at: int | None = None
    followers: int | None = None
    agency: str | None = None


class Media(faust.Record):
    kind: str
    hash: str | None = None
    scores: dict[str, float] = {}  # noqa: RUF012 - Faust's way to say a default


class Post(faust.Record):
    id: str
    text: str
    author: Author
    created_at: int
    kind: str = "post"
    reply_to: str | None = None
    links: list[str] = []  # noqa: RUF012
    ip: str | None = None
    device: str | None = None
    lang: str | None = None
    media: list[Media] = []  # noqa: RUF012


class Decision(faust.Record):
    id: str
    author: str
    verdict: str
    policy: str
    partition: int
    offset: int
    created_at: int
    arrived_at: int


class Explained(Decision):
    category: str
    rules: list[dict[str, str]]
    signals: dict[str, Any]
    scores: dict[str, float]
    models: dict[str, str]
    post: Post


class DeadLetters(faust.Topic):
    """A topic whose undecodable messages go to `posts.dead`, where Faust's own would end the agent."""

    async def on_value_decode_error(self, exc: Exception, message: Any) -> None:
        await dead.send(key=message.key, value=message.value)


app = faust.App(
    os.environ["SLUICEGATE_GROUP"],
    broker=f"kafka://{os.environ['SLUICEGATE_KAFKA']}",
    datadir=os.environ["SLUICEGATE_STATE_DIR"],
    topic_disable_leader=True,
    Topic=DeadLetters,
)
posts = app.topic("posts", key_type=bytes, value_type=Post)
decided = {name: app.topic(f"posts.{name}", key_type=bytes) for name in ("allow", "flag", "block")}
dead = app.topic("posts.dead", key_type=bytes, value_type=bytes, value_serializer="raw")
policy = Policy.load(Path(os.environ["SLUICEGATE_POLICY"]), schema())
judge = PostAtATime(policy, os.environ["SLUICEGATE_REDIS"], app.conf.id)


@app.agent(posts)
async def moderate(stream: Any) -> None:
    """Decide on post after post."""
    async for event in stream.events():
        post, message = event.value, event.message
        arrived_at = int(message.timestamp * 1_000)
        outcome = await judge.decide(post, arrived_at)
        await decided[outcome.verdict].send(
            key=post.author.id.encode(), value=decision(post, outcome, message, arrived_at)
        )


def decision(post: Post, outcome: Outcome, message: Any, arrived_at: int) -> Decision:
    """What is told of a post: more where it does not pass."""
    common = {
        "id": post.id,
        "author": post.author.id,
        "verdict": outcome.verdict,
        "policy": policy.version,
        "partition": message.partition,
        "offset": message.offset,
        "created_at": post.created_at,
        "arrived_at": arrived_at,
    }
    if outcome.verdict == "allow":
        return Decision(**common)
    heaviest = next(rule for rule in outcome.fired if rule.verdict == outcome.verdict)
    return Explained(
        **common,
        category=heaviest.category,
        rules=[{"name": rule.name, "verdict": rule.verdict, "reason": rule.reason} for rule in outcome.fired],
        signals=outcome.signals,
        scores=outcome.scores,
        models=judge.versions,
        post=post,
    )


if __name__ == "__main__":
    app.main()
