"""What the platform says about a post itself, passed through for rules to read."""

from __future__ import annotations

from collections.abc import Callable, Collection

import polars as pl

from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values


class Origin:
    """What kind of post it is, and who sent it from where."""

    name = "post"
    columns = (
        Column("kind", pl.String(), "", "post, comment, repost, message or profile"),
        Column("lang", pl.String(), "", "language the platform believes it is in; null if not said"),
        Column("author", pl.String(), "", "id of the author's account"),
        Column("reply_to", pl.String(), "", "id of the post it answers or repeats; null if none"),
        Column("ip", pl.String(), "", "network address it was sent from; null if unknown"),
        Column("device", pl.String(), "", "id of the device it was sent from; null if unknown"),
    )

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        posts = batch.posts
        columns: dict[str, Callable[[], list[str | None]]] = {
            "kind": lambda: [post.kind for post in posts],
            "lang": lambda: [post.lang for post in posts],
            "author": lambda: [*batch.authors],
            "reply_to": lambda: [post.reply_to for post in posts],
            "ip": lambda: [post.ip for post in posts],
            "device": lambda: [post.device for post in posts],
        }
        return {name: Values(values()) for name, values in columns.items() if wanted is None or name in wanted}
