from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.post import Author, Post
from workers.batch import Batch
from workers.signals.links import Links, _site_of

Posts = Callable[..., Post]


def measure(*posts: Post) -> list[tuple[Any, ...]]:
    """Count, domain, shortener, punycode of each post."""
    measured = Links().measure(Batch.offline(posts))
    return list(zip(*(series.to_list() for series in measured.values()), strict=True))


def of_text(text: str) -> tuple[Any, ...]:
    return measure(Post(id="p", text=text, author=Author(id="a"), created_at=1))[0]


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("see https://www.example.com/a?b=c.", "example.com"),
        ("see http://shop.example.co.uk:8080/", "example.co.uk"),
        ("HTTP://EXAMPLE.COM", "example.com"),
        ("go to example.com/x now", "example.com"),
        ("example.org, really", "example.org"),
        ("看这里example.com吧", "example.com"),
        ("看http://t.cn/A1b2看", "t.cn"),
        ("http://example.com看", "example.com"),
        ("https://example.com@evil.net/login", "evil.net"),
        ("http://192.0.2.7/x", "192.0.2.7"),
        ("http://node.intranet/x", "node.intranet"),
        ("http://someone.github.io/", "someone.github.io"),
        ("http://пример.рф/", "пример.рф"),
        ("пример.рф тут", "пример.рф"),
        ("t.me/joinchat", "t.me"),
        ("www.made.it", "made.it"),
    ],
)
def test_the_registered_domain_of_a_link_is_found(text: str, domain: str) -> None:
    assert of_text(text)[:2] == (1, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Wait... what?",
        "The end.Then we left.",
        "I made.it today",
        "run setup.py and read readme.md",
        "Hello.World",
        "version 1.2.3.4 costs 9.99",
        "write to ann.lee@example.com",
        "no.such.suffixhere",
        "...---...",
        "http://",
        "https://///",
        "http://-.-/",
    ],
)
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert of_text(text) == (0, None, False, False)


def test_the_posts_own_links_count_and_come_first(post: Posts) -> None:
    assert measure(post("see b.org", links=["https://a.example.com/1", "b.org"])) == [(2, "example.com", False, False)]


def test_a_link_in_text_and_list_counts_once(post: Posts) -> None:
    assert measure(post("see http://Example.com/x !", links=["https://example.com/x"]))[0][0] == 1
    assert measure(post("", links=["https://example.com", "https://example.com/"]))[0][0] == 1


def test_a_link_to_no_host_counts_without_a_domain(post: Posts) -> None:
    odd = ["weixin://dl/chat", "", "javascript:alert(1)", "mailto:a@b"]
    assert measure(post("", links=odd))[0][:2] == (4, None)
    assert measure(post("", links=[*odd, "//example.com/x"]))[0][:2] == (5, "example.com")


def test_shorteners_are_told() -> None:
    assert of_text("https://bit.ly/3abc")[2]
    assert of_text("https://www.bit.ly/3abc")[2]
    assert of_text("first example.com then https://t.cn/x")[2]
    assert not of_text("https://notbit.ly.example.com/")[2]


def test_punycode_is_decoded_and_told() -> None:
    assert of_text("http://xn--e1afmkfd.xn--p1ai/") == (1, "пример.рф", False, True)
    assert of_text("http://аpple.com/")[3], "the first letter is Cyrillic"
    assert of_text("http://xn--80ak6aa92e.com/")[:2] == (1, "аррӏе.com")
    assert of_text("http://xn--999999999999999999.com/")[:2] == (1, "xn--999999999999999999.com")


def test_each_post_has_its_own_links(post: Posts) -> None:
    rows = measure(post("a.com"), post("none"), post("b.com and c.com"))
    assert [row[:2] for row in rows] == [(1, "a.com"), (0, None), (2, "b.com")]


def test_thousands_of_links_are_counted() -> None:
    text = " ".join(f"http://site{number}.example.com/" for number in range(3_000))
    assert of_text(text)[:2] == (3_000, "example.com")
    assert of_text("a." * 10_000 + "com")[0] == 0


@given(st.text(alphabet="ahttps:/.@-#?xn com看١é\u0301\u202e", max_size=60), st.text(max_size=40))
def test_no_text_and_no_link_is_refused(text: str, link: str) -> None:
    measure(Post(id="p", text=text, author=Author(id="a"), created_at=1, links=[link, text]))


def test_a_link_keeps_its_site_however_much_chinese_follows_without_a_space() -> None:
    assert of_text("https://shop.example.com" + "买" * 300) == (1, "example.com", False, False)


def test_a_host_too_long_to_be_one_is_not_remembered() -> None:
    longest = f"{'a.' * 121}example.com"
    assert of_text(f"http://{longest}/")[:2] == (1, "example.com")
    before = _site_of.cache_info().currsize
    assert of_text(f"http://a{longest}/")[:2] == (0, None)
    assert of_text(f"http://{'a' * 10_000}.example.com/")[:2] == (0, None)
    assert _site_of.cache_info().currsize == before
