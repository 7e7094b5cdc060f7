"""Which posts are one campaign, on both stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from workers.batch import Batch
from workers.campaigns.campaigns import Campaigns, Guard, Scope, find
from workers.campaigns.finding import FULL_EVIDENCE, LEAST_EVIDENCE, NO_KEY, WORTH_COMPARING
from workers.campaigns.texts import comparable
from workers.counters import Counters, MemoryStore, Readings, Store

from .conftest import ENGLISH_OFFER, NOW, OFFER, Find, batch_of, changed, texts_of

HOUR = 3_600_000
GRACE_SECONDS = 600


def most_common(campaigns: Campaigns, after: int = 0) -> float:
    """The share of the posts from the `after`th on that have the id which most of them have."""
    ids = campaigns.ids[after:].tolist()
    return Counter(ids).most_common(1)[0][1] / len(ids)


@pytest.mark.parametrize("offer", [OFFER, ENGLISH_OFFER])
def test_copies_with_other_links_names_numbers_and_tags_have_one_id(find: Find, offer: str) -> None:
    dressed = [f"@friend{n} {offer} #sale{n} https://s{n}.example.com/{n} {n * 7919}" for n in range(6)]
    found = find(batch_of([offer, *dressed]))
    assert len(set(found.ids.tolist())) == 1
    assert found.shown.tolist() == [False, False, True, True, True, True, True]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_posts_after_the_tenth_have_one_id_whatever_a_fifth_of_their_characters_was_changed_to(
    find: Find, share: float
) -> None:
    assert most_common(find(batch_of([changed(OFFER, share, seed) for seed in range(60)])), after=10) >= 0.95


def test_two_offers_have_two_ids_and_what_is_like_neither_has_its_own(find: Find) -> None:
    other = "同城搬家拉货找我们，价格实惠师傅靠谱，随叫随到，长途短途都可以，电话联系即可安排车辆，老客户另有优惠"
    plain = "昨天和同学去爬山，下山的时候突然下起大雨，躲在亭子里聊了两个小时的大学往事，回家路上还吃了一碗牛肉面"
    ids = find(batch_of([OFFER, other, changed(OFFER, 0.1, 1), plain, changed(other, 0.1, 2)])).ids.tolist()
    assert ids[0] == ids[2]
    assert ids[1] == ids[4]
    assert len(set(ids)) == 3


def test_a_text_too_short_to_tell_has_none(find: Find) -> None:
    found = find(
        batch_of(["转发微博", "新年快乐，万事如意", "哈" * 60, "生日快乐" * 20, "good morning everyone!", ""] * 3)
    )
    assert not found.ids.any()


def test_an_id_goes_on_in_later_batches_and_other_partitions(store: Store, find: Find) -> None:
    first = find(batch_of([OFFER, OFFER]))
    later = batch_of([changed(OFFER, 0.1, 3)], first=2)
    later.parts = (later.parts[0]._replace(partition=1),)
    found = find(later)
    assert found.ids[0] == first.ids[0]
    assert found.shown[0]


def test_an_id_ends_with_the_window(find: Find) -> None:
    old = find(batch_of([OFFER] * 3))
    assert find(batch_of([OFFER], first=3, time=NOW + 5 * HOUR)).ids[0] == old.ids[0]
    assert find(batch_of([OFFER], first=4, time=NOW + 30 * HOUR)).ids[0] != old.ids[0]


def test_without_evidence_alike_posts_are_no_campaign(find: Find) -> None:
    found = find(batch_of([OFFER] * 20), evidence=LEAST_EVIDENCE - 1)
    assert len(set(found.ids.tolist())) == 1
    assert not found.shown.any()
    assert found.grown == []


def test_a_post_that_does_not_sell_at_all_is_not_compared(find: Find) -> None:
    assert not find(batch_of([OFFER] * 9), evidence=0).ids.any()


def test_the_longer_a_text_is_the_less_evidence_will_do_for_it_to_be_compared(find: Find) -> None:
    short = OFFER[:30]
    assert not find(batch_of([short] * 9), evidence=WORTH_COMPARING // 30).ids.any()
    assert find(batch_of([short] * 9), evidence=WORTH_COMPARING // 30 + 1).ids.all()
    assert find(batch_of([short * 2] * 9, first=9), evidence=WORTH_COMPARING // 30).ids.all()


def test_it_is_the_average_of_the_posts_evidence_that_counts(find: Find) -> None:
    assert not find(batch_of([OFFER] * 20), evidence=2).shown.any()
    assert find(batch_of([OFFER] * 5, first=20)).shown.tolist() == [False] + [True] * 4


def test_one_account_is_no_campaign_however_much_it_posts(find: Find) -> None:
    batch = batch_of([OFFER] * 20)
    for post in batch.posts:
        post.author.id = "the same"
    assert not find(batch).shown.any()


def test_posts_of_unknown_authors_count_as_accounts_of_their_own(find: Find) -> None:
    batch = batch_of([OFFER] * 4)
    for post in batch.posts:
        post.author.id = ""
    assert find(batch).shown.tolist() == [False, False, True, True]


def test_a_campaign_is_told_when_it_is_first_seen_and_when_it_has_doubled(find: Find) -> None:
    batch = batch_of([changed(OFFER, 0.05, seed) for seed in range(14)])
    for row, agency in ((0, "mcn-1"), (1, "mcn-1"), (5, "mcn-2"), (9, "mcn-3"), (10, "mcn-1")):
        batch.posts[row].author.agency = agency
    found = find(batch)
    assert [(row, told.posts, told.accounts, told.agencies) for row, told in found.grown] == [
        (2, 3, 3, 1),
        (5, 6, 6, 2),
        (11, 12, 12, 3),
    ]
    assert {told.id for _, told in found.grown} == {int(found.ids[0])}
    assert {told.first_seen for _, told in found.grown} == {NOW}
    assert found.grown[-1][1].samples == [post.text for post in batch.posts[1:4]]


def test_a_campaign_is_first_seen_when_its_earliest_post_was_written_in_whatever_order_posts_come(find: Find) -> None:
    batch = batch_of([OFFER] * 6)
    for post, minutes in zip(batch.posts, (9, 7, 8, 3, 5, 4), strict=True):
        post.created_at = NOW + minutes * 60_000
    batch.arrived_at[:] = NOW + HOUR
    told = [(row, campaign.first_seen - NOW) for row, campaign in find(batch).grown]
    assert told == [(2, 7 * 60_000), (5, 3 * 60_000)]


def test_a_campaign_is_told_again_when_its_accounts_have_doubled_or_its_posts_have(find: Find) -> None:
    authors = "aaabc" + "def" + "ffffffff" + "f"
    batch = batch_of([OFFER] * len(authors))
    for post, author in zip(batch.posts, authors, strict=True):
        post.author.id = author
    told = [(row, campaign.accounts, campaign.posts) for row, campaign in find(batch).grown]
    assert told == [(4, 3, 5), (7, 6, 8), (15, 6, 16)]


def test_a_campaign_tells_the_sites_that_it_links_to(store: Store, run: Callable[..., Campaigns]) -> None:
    batch = batch_of([OFFER] * 4)
    texts = texts_of(batch)
    linked = type(texts)(
        texts.rows,
        texts.keys,
        texts.posts,
        texts.samples,
        [b"", b"a.example", b"b.example", b"a.example"],
        texts.percent,
    )
    campaigns = run(find_in(store, batch, linked))
    assert campaigns.grown[-1][1].links == ["a.example", "b.example"]


@pytest.mark.parametrize(("percent", "is_alike"), [(23, True), (24, False)])
def test_a_post_must_have_as_much_in_common_as_is_asked_of_it(
    store: Store, run: Callable[..., Campaigns], percent: int, is_alike: bool
) -> None:
    batch = batch_of([OFFER] * 3)
    texts = texts_of(batch)
    slots = texts.posts["seed"]["slots"]
    slots[:] = 1
    slots[2, 15:] = 2
    texts.percent[:] = 1, 1, percent
    ids = run(find_in(store, batch, texts)).ids
    assert ids[0] == ids[1]
    assert (ids[2] == ids[0]) == is_alike


@pytest.mark.parametrize(
    ("members", "percent"),
    [
        pytest.param([[1] * 20 + [0] * 44, [1] * 64, [1] * 20 + [0] * 44], 90, id="with one member alone"),
        pytest.param([[1] * 32 + [2] * 32, [3] * 25 + [1] * 39, [1] * 64], 90, id="with all members together"),
    ],
)
def test_what_a_post_must_have_in_common_it_may_have(
    store: Store, run: Callable[..., Campaigns], members: list[list[int]], percent: int
) -> None:
    batch = batch_of([OFFER] * 3)
    texts = texts_of(batch)
    texts.posts["seed"]["slots"] = members
    texts.percent[:] = 1, 1, percent
    assert len(set(run(find_in(store, batch, texts)).ids.tolist())) == 1


async def find_in(store: Store, batch: Batch, texts: object) -> Campaigns:
    guard = Guard("guard:test", 60, 1, 0)
    return await find(store, Scope(least_accounts=4), guard, batch.offsets, texts, GRACE_SECONDS)  # type: ignore[arg-type]


def test_ids_lie_in_the_block_of_a_post_under_keys_of_the_post(
    valkey: str, make_redis_store: Callable[[str], Store], run: Callable[..., None]
) -> None:
    batch = batch_of([OFFER, ENGLISH_OFFER, OFFER, ENGLISH_OFFER])
    batch.posts[1].created_at = batch.posts[3].created_at = NOW + 30 * HOUR
    batch.arrived_at += 100 * HOUR
    texts = texts_of(batch)
    own = [{key.tobytes() for key in texts.keys[rows].ravel()} for rows in ([0, 2], [1, 3])]

    async def kept() -> None:
        await find_in(make_redis_store("blocks"), batch, texts)
        client = Redis.from_url(valkey)
        for block, keys in zip(texts.blocks(Scope().window_ms)[0], own, strict=True):
            fields = set(await client.hkeys(f"{{blocks}}:alike:{Scope().window_ms}:key:{block}")) - {b"lives since"}
            assert fields == keys - {np.uint32(NO_KEY).tobytes()}
        await client.aclose()

    run(kept())


def test_all_that_is_kept_expires_after_twice_the_window_and_the_grace(
    valkey: str, make_redis_store: Callable[[str], Store], run: Callable[..., None]
) -> None:
    batch = batch_of([OFFER, OFFER, ENGLISH_OFFER])

    async def left() -> None:
        await find_in(make_redis_store("fading"), batch, texts_of(batch))
        client = Redis.from_url(valkey)
        names = [name async for name in client.scan_iter("{fading}:alike:*")]
        assert {name.split(b":")[3] for name in names} == {b"key", b"post", b"campaign", b"accounts"}
        least = 2 * Scope().window_ms // 1000 + GRACE_SECONDS
        for name in names:
            assert least - 5 <= await client.ttl(name) <= least * 33 / 32
        await client.aclose()

    run(left())


WORDS = st.sampled_from([OFFER, ENGLISH_OFFER, OFFER[:40], OFFER[30:], ENGLISH_OFFER[40:], "短"])
POSTS = st.tuples(WORDS, st.integers(0, 40), st.integers(0, 3), st.booleans(), st.integers(0, 30))


@given(st.lists(st.lists(POSTS, max_size=8), max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_stores_find_the_same(
    make_redis_store: Callable[[], Store],
    run: Callable[..., Readings],
    batches: list[list[tuple[str, int, int, bool, int]]],
) -> None:
    both = [Counters([], store, scope=Scope(least_accounts=2)) for store in (MemoryStore(), make_redis_store())]
    first = 0
    for posts in batches:
        batch = batch_of([changed(text, percent / 100, percent) for text, percent, *_ in posts], first)
        for post, (_, _, author, _, hours) in zip(batch.posts, posts, strict=True):
            post.author.id, post.created_at = f"a{author}", NOW + hours * HOUR
        batch.arrived_at += 100 * HOUR
        first += len(posts)
        if posts:
            evidence = np.array([FULL_EVIDENCE * evident for *_, evident, _ in posts], np.uint32)
            asked = [comparable(batch, evidence, [None] * len(batch)) for _ in both]
            one, other = (
                run(counters.apply(batch.parts, batch.offsets, batch.times, {}, texts)).campaigns
                for counters, texts in zip(both, asked, strict=True)
            )
            assert one.ids.tolist() == other.ids.tolist()
            assert one.shown.tolist() == other.shown.tolist()
            assert one.grown == other.grown
