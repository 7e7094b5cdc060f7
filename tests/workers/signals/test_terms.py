from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.post import Author, Post
from workers.batch import Batch
from workers.signals.terms import Terms

Batches = Callable[..., Batch]


def hits(terms: list[str], batch: Batch) -> list[int]:
    return Terms({"list": terms}).measure(batch)["terms_list"].to_list()


def test_hits_are_counted_a_list(batch: Batches) -> None:
    terms = Terms({"contact": ["加微信", "telegram"], "goods": ["面膜"]})
    measured = terms.measure(batch("加微信买面膜，面膜便宜", "hello", ""))
    assert measured["terms_contact"].to_list() == [1, 0, 0]
    assert measured["terms_goods"].to_list() == [2, 0, 0]


def test_the_authors_name_is_searched_too(batch: Batches, post: Callable[..., Post]) -> None:
    assert hits(["加微信"], batch(post("你好", name="加微信abc"))) == [1]


def test_terms_are_folded_like_posts(batch: Batches) -> None:
    assert hits(["ＶＩＡＧＲＡ"], batch("buy Viagra", "buy v.i.a.g.r.a", "buy VІАGRА")) == [1, 1, 1]
    assert hits(["優惠"], batch("优惠多多", "優 惠多多")) == [1, 1]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ass", 1),
        ("what an ass!", 1),
        ("first class", 0),
        ("assess", 0),
        ("你ass呢", 1),
        ("ass123", 1),
        ("ass ass", 2),
    ],
)
def test_a_latin_term_matches_whole_words_only(batch: Batches, text: str, count: int) -> None:
    assert hits(["ass"], batch(text)) == [count]


def test_a_number_matches_whole_numbers_only(batch: Batches) -> None:
    assert hits(["404"], batch("error 404", "call 14040", "x404y")) == [1, 0, 1]


def test_a_chinese_term_matches_anywhere(batch: Batches) -> None:
    assert hits(["约炮"], batch("同城约炮群", "约 炮", "约-炮")) == [1, 1, 1]


def test_a_term_does_not_match_across_posts(batch: Batches) -> None:
    assert hits(["微信", "good bye"], batch("加微", "信我", "good", "bye")) == [0, 0, 0, 0]


def test_nested_and_overlapping_terms_count_once(batch: Batches) -> None:
    assert hits(["微信", "加微信", "微信号"], batch("加微信号")) == [1]
    assert hits(["哈哈"], batch("哈哈哈")) == [1]


def test_a_longer_term_that_is_no_whole_word_hides_none(batch: Batches) -> None:
    assert hits(["sex toy", "sex"], batch("sex toys")) == [1]


def test_a_term_in_two_lists_counts_in_both(batch: Batches) -> None:
    measured = Terms({"a": ["面膜"], "b": ["面膜", "买面膜"]}).measure(batch("买面膜"))
    assert (measured["terms_a"].to_list(), measured["terms_b"].to_list()) == ([1], [1])


def test_matches_say_where_in_the_text_as_written(batch: Batches, post: Callable[..., Post]) -> None:
    text, name = "快 来：加.微.信 now!", "★ＶＸ★"
    terms = Terms({"contact": ["加微信", "vx"]})
    found = terms.matches(batch("", post(text, name=name)))[1]
    assert [(hit.list, hit.term, hit.field) for hit in found] == [
        ("contact", "加微信", "text"),
        ("contact", "vx", "name"),
    ]
    assert text[found[0].start : found[0].end] == "加.微.信"
    assert name[found[1].start : found[1].end] == "ＶＸ"


def test_a_term_that_folding_leaves_nothing_of_is_refused() -> None:
    with pytest.raises(ValueError, match=r"contact.*'\.\.\.'"):
        Terms({"contact": ["加微信", "..."]})


def test_a_policy_without_lists_has_no_columns(batch: Batches) -> None:
    assert Terms({}).measure(batch("hello")) == {}
    assert hits([], batch("hello")) == [0]


def test_a_hundred_thousand_terms_are_held(batch: Batches) -> None:
    terms = [f"词{number}号" for number in range(100_000)]
    assert hits(terms, batch("词7号和词99999号", "词100000号")) == [2, 0]


LETTERS = st.text(alphabet="ab 12加微信.哈\u0301😀ก", max_size=12)


@given(st.lists(LETTERS, max_size=5), st.lists(LETTERS.filter(lambda term: any(c in "ab12加微信哈ก" for c in term))))
def test_a_post_has_the_same_hits_alone_and_in_any_batch(texts: list[str], terms: list[str]) -> None:
    search = Terms({"list": terms})
    posts = [Post(id="p", text=text, author=Author(id="a", name=text[::-1]), created_at=1) for text in texts]
    together = Batch.offline(posts)
    counts = search.measure(together)["terms_list"].to_list()
    for row, post in enumerate(posts):
        assert search.measure(Batch.offline([post]))["terms_list"].to_list() == [counts[row]]
        found = search.matches(together)[row]
        assert len(found) == counts[row]
        for hit in found:
            written = post.text if hit.field == "text" else post.author.name
            assert 0 <= hit.start < hit.end <= len(written)


def by_hand(terms: list[str], text: str) -> list[tuple[int, int]]:
    """Where the hits of one list are in a text that folding leaves as it is, said as plainly as can be."""

    def kind(place: int) -> str:
        return {"a": "letter", "b": "letter", "1": "digit", "2": "digit"}.get(text[place], "")

    def goes_on(place: int) -> bool:
        """Whether what stands before a place goes on there."""
        return 0 < place < len(text) and kind(place - 1) == kind(place) != ""

    hits: list[tuple[int, int]] = []
    free = 0
    for start in range(len(text)):
        ends = [start + len(term) for term in terms if text.startswith(term, start)]
        whole = [end for end in ends if not goes_on(start) and not goes_on(end)]
        if whole and start >= free:
            free = max(whole)
            hits.append((start, free))
    return hits


PLAIN = st.text("ab12加微", min_size=1, max_size=3)
# Of a run of four letters folding keeps three.
AS_IT_IS = st.text("ab12加微", max_size=12).filter(lambda text: not re.search(r"(\D)\1{3}", text))


@given(
    st.lists(AS_IT_IS, max_size=4),
    st.lists(PLAIN, min_size=1, max_size=6),
    st.lists(PLAIN, max_size=3),
)
def test_of_whole_terms_the_first_and_longest_that_overlaps_none_before_it_counts(
    texts: list[str], terms: list[str], others: list[str]
) -> None:
    lists = {"one": terms, "other": others}
    posts = [Post(id="p", text=text, author=Author(id="a"), created_at=1) for text in texts]
    matches = Terms(lists).matches(Batch.offline(posts))
    for text, found in zip(texts, matches, strict=True):
        for name, own in lists.items():
            assert [(hit.start, hit.end) for hit in found if hit.list == name] == by_hand(own, text)
