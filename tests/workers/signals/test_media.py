from __future__ import annotations

from collections.abc import Callable

import pytest

from topics.post import Media, Post
from workers.batch import Batch
from workers.signals.media import Attachments


def test_the_worst_sexual_score_of_all_media_counts(post: Callable[..., Post], batch: Callable[..., Batch]) -> None:
    pictures = [
        Media(kind="image", scores={"Suggestive": 0.25, "violence": 1.0}),
        Media(kind="video", scores={"nudity": 0.75}),
        Media(kind="audio"),
    ]
    measured = Attachments().measure(batch(post(media=pictures)))
    assert measured["media_count"].to_list() == [3]
    assert measured["media_sexual"].to_list() == [0.75]


@pytest.mark.parametrize("media", [[], [Media(kind="image")], [Media(kind="image", scores={"violence": 0.5})]])
def test_without_a_sexual_score_it_is_unknown(
    post: Callable[..., Post], batch: Callable[..., Batch], media: list[Media]
) -> None:
    measured = Attachments().measure(batch(post(media=media)))
    assert measured["media_count"].to_list() == [len(media)]
    assert measured["media_sexual"].to_list() == [None]
