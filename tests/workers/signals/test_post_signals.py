from __future__ import annotations

from collections.abc import Callable

from topics.post import Post
from workers.batch import Batch
from workers.signals.post import Origin


def test_what_the_platform_says_is_passed_on(post: Callable[..., Post], batch: Callable[..., Batch]) -> None:
    said = post(kind="comment", lang="zh", reply_to="p0", ip="192.0.2.1", device="d1", author={"id": "a9"})
    measured = Origin().measure(batch(said, post()))
    assert {name: series.to_list() for name, series in measured.items()} == {
        "kind": ["comment", "post"],
        "lang": ["zh", None],
        "author": ["a9", "a1"],
        "reply_to": ["p0", None],
        "ip": ["192.0.2.1", None],
        "device": ["d1", None],
    }
