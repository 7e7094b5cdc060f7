"""Campaigns of whole batches: of several partitions, large, delivered again, refused. On both stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workers.batch import Part
from workers.campaigns.campaigns import Scope
from workers.counters import Counters, CounterSpec, Readings, StaleEpoch, Store

from .conftest import OFFER, Find, batch_of, changed, texts_of


def test_of_a_batch_of_several_partitions_each_has_its_campaigns_found(find: Find) -> None:
    batch = batch_of([OFFER] * 4 + ["转发微博"] * 2 + [OFFER] * 3)
    batch.parts = (Part(3, 0, 0, 4), Part(0, 0, 4, 6), Part(1, 0, 6, 9))
    found = find(batch)
    assert found.shown.tolist() == [False, False, True, True, False, False, True, True, True]
    assert len(set(found.ids[[0, 1, 2, 3, 6, 7, 8]].tolist())) == 1
    assert [row for row, _ in found.grown] == [2, 7]


def test_posts_whose_campaigns_could_not_be_found_are_counted_when_they_are_asked_for_again(
    store: Store, run: Callable[..., Readings], refusing: Any
) -> None:
    batch = batch_of([OFFER] * 6)
    batch.parts = (Part(0, 0, 0, 3), Part(1, 0, 3, 6))
    counters = Counters(
        [CounterSpec("posts", "count", "posts", "campaign", 60_000)], store, scope=Scope(least_accounts=3)
    )
    with refusing(store, "find", 1):
        read = run(counters.apply(batch.parts, batch.offsets, batch.times, {}, texts_of(batch)))
    assert list(read.unread) == [1]
    assert read.known["posts"].tolist() == [True] * 3 + [False] * 3
    assert read.campaigns.shown.tolist() == [False, False, True] + [False] * 3
    again = run(counters.apply(batch.parts, batch.offsets, batch.times, {}, texts_of(batch)))
    assert again.values["posts"].tolist() == [1, 2, 3, 4, 5, 6]
    assert again.campaigns.shown.tolist() == [False, False] + [True] * 4


def test_a_large_batch_is_found_in_one_call(find: Find) -> None:
    letters = np.random.default_rng(3).integers(0x4E00, 0x9000, (700, 60), np.uint32)
    texts = [row.tobytes().decode("utf-32-le") for row in letters]
    first = find(batch_of(texts))
    assert len(set(first.ids.tolist())) == len(texts)
    assert find(batch_of(texts, len(texts))).ids.tolist() == first.ids.tolist()


@pytest.mark.parametrize(("first", "stop"), [(2, 6), (2, 4), (0, 12), (5, 12), (9, 12), (3, 9)])
def test_a_redelivered_post_has_what_it_had_whatever_the_bounds(find: Find, first: int, stop: int) -> None:
    texts = [changed(OFFER, 0.1, seed) for seed in range(12)]
    told = [find(batch_of(texts[begin:end], begin)) for begin, end in ((0, 2), (2, 6), (6, 9))]
    again = find(batch_of(texts[first:stop], first))
    ids = np.concatenate([each.ids for each in told])
    shown = np.concatenate([each.shown for each in told])
    known = min(stop, 9) - min(first, 9)
    assert again.ids[:known].tolist() == ids[first : min(stop, 9)].tolist()
    assert again.shown[:known].tolist() == shown[first : min(stop, 9)].tolist()
    grown = {begin + row: record for begin, each in zip((0, 2, 6), told, strict=True) for row, record in each.grown}
    assert {first + row: record for row, record in again.grown if first + row < 9} == {
        offset: record for offset, record in grown.items() if first <= offset < stop
    }
    assert find(batch_of([OFFER], 20)).shown[0]


def test_how_a_campaign_grew_is_told_again_in_the_order_in_which_it_grew(find: Find) -> None:
    told = [(number, record) for number in range(24) for _, record in find(batch_of([OFFER], number)).grown]
    assert [number for number, _ in told] == [2, 5, 11, 23]
    assert find(batch_of([OFFER] * 24)).grown == told


def test_the_campaign_of_a_post_is_named_once_it_is_one(find: Find) -> None:
    found = find(batch_of([OFFER] * 3))
    assert [found.name(row) for row in range(3)] == [None, None, f"{int(found.ids[0]):016x}"]


def test_posts_set_back_behind_the_commit_have_none_and_change_nothing(find: Find) -> None:
    find(batch_of([OFFER] * 2))
    find(batch_of([OFFER] * 2, 2), committed=2)
    again = find(batch_of([OFFER] * 4, 0))
    assert again.ids.astype(bool).tolist() == [False, False, True, True]
    assert again.shown.tolist() == [False, False, True, True]


def test_a_former_owner_is_refused(store: Store, run: Callable[..., Readings]) -> None:
    former, owner = Counters([], store), Counters([], store)
    batch = batch_of([OFFER])
    run(former.apply(batch.parts, batch.offsets, batch.times, {}, texts_of(batch)))
    later = batch_of([OFFER], 1)
    run(owner.apply(later.parts, later.offsets, later.times, {}, texts_of(later)))
    last = batch_of([OFFER], 2)
    with pytest.raises(StaleEpoch):
        run(former.apply(last.parts, last.offsets, last.times, {}, texts_of(last)))
