from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from itertools import islice

import numpy as np
import pytest

from topics.post import Post
from topics.reading import read_posts
from workers.simulator import Simulator
from workers.simulator.clock import Clock, rate
from workers.simulator.malformed import WAYS
from workers.simulator.society import DAY_MS, Society

KINDS = {
    "solicitation": 150,
    "campaign": 200,
    "link_farm": 120,
    "flood": 120,
    "click_farm": 150,
    "abuse": 120,
    "malformed": 40,
}
MINUTE_MS = 60_000


class Run:
    """A run of 20,000 posts: its only block, and its posts as the worker reads them."""

    def __init__(self) -> None:
        (self.block,) = Simulator(7, 20_000).blocks()
        self.posts, _ = read_posts(self.block.values)

    def of(self, truth: str, detail: str | None = None) -> list[Post]:
        rows = zip(self.posts, self.block.truths, self.block.details, strict=True)
        return [post for post, kind, note in rows if post and kind == truth and detail in (None, note)]


@pytest.fixture(scope="module")
def run() -> Run:
    return Run()


def age_days(post: Post) -> float:
    assert post.author.created_at is not None
    return (post.created_at - post.author.created_at) / DAY_MS


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(Simulator(3, 2000).lines()) == list(Simulator(3, 2000).lines())


def test_another_seed_gives_other_bytes() -> None:
    assert list(Simulator(3, 500).lines()) != list(Simulator(4, 500).lines())


@pytest.mark.parametrize("count", [0, 1, 30, 999, 31_000])
def test_a_run_has_as_many_lines_as_asked_for(count: int) -> None:
    assert sum(len(block.values) for block in Simulator(1, count).blocks()) == count


def test_a_run_without_a_count_goes_on() -> None:
    assert sum(1 for _ in islice(Simulator(1).lines(), 20_100)) == 20_100


def test_times_never_fall_and_go_on_across_blocks() -> None:
    blocks = list(Simulator(2, 50_000).blocks())
    assert len(blocks) > 1
    times = [post.created_at for block in blocks for post in read_posts(block.values)[0] if post]
    assert times == sorted(times)


def test_the_start_is_where_time_begins() -> None:
    first = next(Simulator(2, 100, start_ms=1_700_000_000_000).blocks())
    times = [post.created_at for post in read_posts(first.values)[0] if post]
    assert 1_700_000_000_000 <= times[0] < 1_700_000_010_000


def test_ids_are_unique_and_keys_are_the_authors(run: Run) -> None:
    ids = [post.id for post in run.posts if post]
    assert len(set(ids)) == len(ids)
    rows = zip(run.posts, run.block.keys, run.block.ids, strict=True)
    assert all(post.author.id.encode() == key and post.id == id for post, key, id in rows if post)


def test_exactly_the_malformed_lines_cannot_be_read(run: Run) -> None:
    unread = [post is None for post in run.posts]
    assert unread == [truth == "malformed" for truth in run.block.truths]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_break_a_record_stays_one_line_and_is_no_post(way: str) -> None:
    good = b'{"id":"p1","text":"hi","author":{"id":"u1"},"created_at":1793586600000}'
    assert read_posts([good])[0][0] is not None
    bad = WAYS[way](good, {"id": "p1", "text": "hi", "author": {"id": "u1"}, "created_at": 1793586600000})
    assert b"\n" not in bad
    assert read_posts([bad])[0] == [None]


def test_no_value_holds_a_newline(run: Run) -> None:
    assert not any(b"\n" in value for value in run.block.values)


def test_every_planted_kind_has_its_volume(run: Run) -> None:
    counts = Counter(run.block.truths)
    assert {kind: counts[kind] for kind in KINDS} == KINDS
    assert 0.04 < sum(KINDS.values()) / 20_000 < 0.06


def test_a_small_run_has_a_few_of_each_kind() -> None:
    counts = Counter(truth for _, _, truth in Simulator(5, 300).lines())
    assert all(counts[kind] >= 3 for kind in KINDS)
    assert counts["ordinary"] > 200


def test_a_long_run_keeps_the_rates() -> None:
    counts = Counter(truth for _, _, truth in Simulator(5, 100_000).lines())
    assert {kind: counts[kind] for kind in KINDS} == {kind: 5 * usual for kind, usual in KINDS.items()}


def test_solicitation_comes_from_new_accounts_often_with_scored_pictures(run: Run) -> None:
    posts = run.of("solicitation")
    assert all(0 <= age_days(post) < 15 for post in posts)
    assert len({post.author.id for post in posts}) > 80
    scores = [media.scores["sexual"] for post in posts for media in post.media if media.scores]
    assert np.mean(scores) > 0.5
    assert sum(post.kind == "comment" for post in posts) > len(posts) / 2


def test_a_campaign_is_one_text_with_small_variations_from_two_hundred_accounts(run: Run) -> None:
    posts = run.of("campaign")
    assert len({post.author.id for post in posts}) == 200
    assert posts[-1].created_at - posts[0].created_at <= 30 * MINUTE_MS
    assert len({post.text for post in posts}) > 100
    grams = [{post.text[i : i + 3] for i in range(len(post.text) - 2)} for post in posts]
    alike = [len(grams[0] & other) / len(grams[0] | other) for other in grams[1:]]
    assert np.median(alike) > 0.5
    assert Counter(post.author.agency for post in posts).most_common(1)[0][1] > 100


def test_a_run_of_ten_thousand_still_has_a_campaign_of_two_hundred_accounts() -> None:
    assert sum(truth == "campaign" for _, _, truth in Simulator(5, 10_000).lines()) == 200


def test_a_link_farm_pushes_one_domain_from_many_accounts(run: Run) -> None:
    posts = run.of("link_farm")
    assert len({post.author.id for post in posts}) >= 60
    assert all(len(post.links) == 1 for post in posts)
    assert len({".".join(post.links[0].split("/")[2].split(".")[-2:]) for post in posts}) == 1


def test_a_flood_is_one_author_in_two_minutes(run: Run) -> None:
    posts = run.of("flood")
    assert len({post.author.id for post in posts}) == 1
    assert posts[-1].created_at - posts[0].created_at <= 2 * MINUTE_MS


def test_a_click_farm_ring_has_many_accounts_few_devices_and_one_target(run: Run) -> None:
    posts = run.of("click_farm")
    assert len({post.author.id for post in posts}) >= 60
    assert len({post.device for post in posts}) <= 6
    assert len({post.ip for post in posts}) <= 4
    assert len({post.reply_to for post in posts}) == 1
    assert max(len(post.text) for post in posts) < 40


def test_ordinary_authors_use_a_device_or_two_of_their_own(run: Run) -> None:
    devices, owners = defaultdict(set), defaultdict(set)
    for post in run.of("ordinary"):
        devices[post.author.id].add(post.device)
        owners[post.device].add(post.author.id)
    assert max(map(len, devices.values())) <= 2
    assert max(map(len, owners.values())) == 1


def test_families_share_an_address(run: Run) -> None:
    people = defaultdict(set)
    for post in run.of("ordinary"):
        people[post.ip].add(post.author.id)
    assert sum(len(someone) in (2, 3) for someone in people.values()) > 50


def test_the_busiest_honest_author_is_far_from_a_flood(run: Run) -> None:
    minutes = Counter((post.author.id, post.created_at // MINUTE_MS) for post in run.of("ordinary"))
    assert minutes.most_common(1)[0][1] < 25


def test_hard_negatives_are_ordinary_and_named(run: Run) -> None:
    phrases = Counter(re.sub(r"\W+$", "", post.text) for post in run.of("ordinary", "viral_phrase"))
    assert phrases.most_common(2)[1][1] >= 30
    links = {post.links[-1] for post in run.of("ordinary", "viral_link")}
    assert len(links) == 1
    assert len({post.author.id for post in run.of("ordinary", "viral_link")}) == 80
    assert len({post.author.id for post in run.of("ordinary", "greeting")}) == 80
    talkers = defaultdict(list)
    for post in run.of("ordinary", "chatty"):
        talkers[post.author.id].append(post.created_at)
    assert all(len(times) == 8 and times[-1] - times[0] <= 2 * MINUTE_MS for times in talkers.values())


def test_a_repost_carries_the_text_of_an_earlier_post(run: Run) -> None:
    by_id = {post.id: post for post in run.posts if post}
    reposts = run.of("ordinary", "repost")
    assert len(reposts) > 500
    assert all(post.kind == "repost" for post in reposts)
    # An original may have been broken on its way; then nobody can compare.
    pairs = [(post, by_id[post.reply_to]) for post in reposts if post.reply_to in by_id]
    assert len(pairs) > 0.95 * len(reposts)
    assert all(post.text == original.text for post, original in pairs)
    assert all(original.created_at <= post.created_at for post, original in pairs)


def test_comments_answer_earlier_posts(run: Run) -> None:
    for post in run.posts:
        if post and post.kind == "comment":
            assert post.reply_to is not None
            assert int(post.reply_to.split("-")[1]) <= int(post.id.split("-")[1])


def test_ordinary_texts_hardly_repeat(run: Run) -> None:
    rows = zip(run.posts, run.block.truths, run.block.details, strict=True)
    plain = [post.text for post, truth, note in rows if post and truth == "ordinary" and note is None]
    texts = [re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower()) for text in plain]
    longer = [text for text in texts if len(text) > 8]
    assert 1 - len(set(longer)) / len(longer) < 0.005


def test_links_of_a_text_are_listed_with_the_post(run: Run) -> None:
    for post in run.posts:
        if post and "https://" in post.text:
            assert post.links
            assert all(link in post.text for link in post.links)


def test_authors_follow_zipfs_law_with_an_offset() -> None:
    society = Society(2000, 1, 1_793_586_600_000)
    counts = np.sort(np.bincount(society.draw(400_000, np.random.default_rng(1)), minlength=2000))[::-1]
    ranks = np.arange(2000) + 1 + 2000 / 40
    slope = np.polyfit(np.log(ranks[:1000]), np.log(counts[:1000]), 1)[0]
    assert -1.15 < slope < -0.85
    assert counts[:200].sum() / counts.sum() > 0.35


def test_about_ten_posts_an_author(run: Run) -> None:
    authors = {post.author.id for post in run.of("ordinary")}
    assert 7 < len(run.of("ordinary")) / len(authors) < 13


def test_the_rhythm_of_the_day_has_a_mean_of_twenty_posts_a_second() -> None:
    hours = np.arange(0, 24, 0.01)
    assert abs(rate(hours).mean() - 1) < 0.01
    assert rate(hours).min() > 0.1
    midnight = 1_793_548_800_000  # in the platform's zone
    times = Clock(midnight).next(20 * 86_400, np.random.default_rng(1))
    by_hour = np.bincount((times - midnight) // 3_600_000, minlength=25)
    assert by_hour[3] * 4 < by_hour[21]
    assert abs(by_hour[:24].sum() - 20 * 86_400) < 30_000


def test_columns_of_a_block_have_one_length() -> None:
    (block,) = Simulator(1, 700).blocks()
    columns = (block.keys, block.values, block.truths, block.ids, block.details)
    assert {len(column) for column in columns} == {700}
