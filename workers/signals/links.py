"""Links: how many, to which site, and whether they hide where they lead.

A link is `http(s)://...` or a bare domain (`example.com/x`) in the text, or an entry of the post's `links`. A site is
a registered domain by the Public Suffix List, in the snapshot that tldextract ships: nothing is fetched. Hosting
services' suffixes count as suffixes, so two pages at one host are two sites.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import tldextract

from topics.post import Post
from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values

# What bare domains are made of: alphabets, not Chinese or kana, for those follow a domain without a space.
LETTER = r"0-9A-Za-z\u00c0-\u1fff"
PATH = r"[/?#][^\s<>\"'\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef]*"
IN_TEXT = re.compile(
    rf"https?://(?:[^\s/?#@]*@)?(?P<host>[\w.-]+)(?::\d+)?(?P<path>{PATH})?"
    rf"|(?<![{LETTER}@._/\\-])(?P<bare>(?>(?:[{LETTER}-]++\.)+[{LETTER}-]+))(?!@)(?::\d+)?(?P<tail>{PATH})?",
    re.IGNORECASE,
)
IN_LIST = re.compile(
    r"(?P<scheme>(?:https?:)?//)?(?:[^\s/?#@]*@)?(?P<host>[\w.-]+)(?::\d+)?(?P<path>[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
PLAIN_HOST = re.compile(rf"[{LETTER}.-]+")
DOT_INSIDE = re.compile(r"\.[^\W_]")
LONGEST_HOST = 253
CLOSING = "/.,;:!?)]}…"

# Suffixes that are words or ends of file names as well ("I made.it", "setup.py"): alone they make no link.
WORDLIKE = frozenset({
    "am", "as", "at", "be", "by", "cat", "day", "do", "id", "in", "is", "it", "la", "md", "me", "mov", "my", "name",
    "no", "now", "one", "pl", "ps", "py", "red", "rest", "rs", "run", "sh", "so", "st", "to", "us", "vi", "work", "zip",
})  # fmt: skip


class Site(NamedTuple):
    """Where a host belongs.

    `domain` is the registered domain in lower-case Unicode, or the whole host where `suffix` (public) is empty.
    """

    domain: str
    suffix: str
    shortener: bool
    punycode: bool


class Links:
    """Number and nature of a post's links."""

    name = "links"
    columns = (
        Column("link_count", pl.UInt16(), "links", "different links in the text and in the post's list"),
        Column("link_domain", pl.String(), "", "registered domain of the first link; null if there is none"),
        Column("link_shortener", pl.Boolean(), "", "a link goes through a well-known shortener"),
        Column("link_punycode", pl.Boolean(), "", "a link's host has letters outside ASCII (IDN, punycode)"),
    )

    def __init__(self) -> None:
        suffix_list()

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        counts = [0] * len(batch)
        domains: list[str | None] = [None] * len(batch)
        shorteners = [False] * len(batch)
        punycodes = [False] * len(batch)
        for row, post in enumerate(batch.posts):
            if not post.links and "." not in post.text:
                continue
            links = links_of(post)
            if not links:
                continue
            counts[row] = len(links)
            sites = [site for site in links.values() if site]
            if sites:
                domains[row] = sites[0].domain
                shorteners[row] = any(site.shortener for site in sites)
                punycodes[row] = any(site.punycode for site in sites)
        return {
            "link_count": Values(np.array(counts, np.uint16)),
            "link_domain": Values(domains),
            "link_shortener": Values(np.array(shorteners, np.bool_)),
            "link_punycode": Values(np.array(punycodes, np.bool_)),
        }


def links_of(post: Post) -> dict[str, Site | None]:
    """A post's different links, without scheme, with their sites; None for what leads to no host.

    Those of its list come first: the platform knows where they lead, the text may show something else.
    """
    links: dict[str, Site | None] = {}
    for link in post.links:
        match = IN_LIST.match(link.strip())
        site = site_of(match["host"]) if match else None
        if match is None or site is None or not (match["scheme"] or site.suffix):
            links[link] = None
        else:
            links[address(match["host"], match["path"])] = site
    if DOT_INSIDE.search(post.text):
        for match in IN_TEXT.finditer(post.text):
            host, path = match["host"] or match["bare"], match["path"] or match["tail"]
            site = site_of(host)
            if site and (match["host"] or is_bare_link(host, path, site)):
                links[address(host, path)] = site
    return links


def address(host: str, path: str | None) -> str:
    """A link as it is told from others: neither scheme nor case of the host nor closing marks matter."""
    return (host.lower() + (path or "")).rstrip(CLOSING)


def is_bare_link(host: str, path: str | None, site: Site) -> bool:
    """Whether a host without a scheme is meant as a link, and is not a missing space after a full stop."""
    if not site.suffix:
        return False
    last = host.rpartition(".")[2]
    if last.istitle() and len(last) > 1:
        return False
    return path is not None or last.lower() not in WORDLIKE or host.lower().startswith("www.")


def site_of(host: str) -> Site | None:
    """The site of a host as written, in Unicode or punycode; None for what can be no host.

    Chinese text may follow a domain without a space: then it is the site of what stands before.
    """
    # A text may be nothing but "host": what is remembered is short, however many such texts are sent.
    site = _site_of(host) if len(host) <= LONGEST_HOST else None
    if site and site.suffix:
        return site
    plain = PLAIN_HOST.match(host)
    if plain and plain.end() < len(host) and len(plain[0]) <= LONGEST_HOST:
        before = _site_of(plain[0])
        if before and before.suffix:
            return before
    return site


@lru_cache(maxsize=1 << 16)
def _site_of(host: str) -> Site | None:
    plain = ".".join(filter(None, map(decoded, unicodedata.normalize("NFKC", host).lower().split("."))))
    if not any(map(str.isalnum, plain)):
        return None
    result = suffix_list().extract_str(plain)
    domain = result.top_domain_under_public_suffix or plain
    shortener = domain in shorteners() or plain in shorteners()
    return Site(domain, result.suffix, shortener, not plain.isascii())


def decoded(label: str) -> str:
    """A label of a host in Unicode; as it is if it is no valid punycode."""
    if not label.startswith("xn--"):
        return label
    try:
        letters = label[4:].encode("ascii").decode("punycode")
        letters.encode()
    except (UnicodeError, ValueError, OverflowError):
        return label
    return letters


@cache
def suffix_list() -> tldextract.TLDExtract:
    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    suffixes.extract_str("example.com")  # reads the list, which the first post would wait for otherwise
    return suffixes


@cache
def shorteners() -> frozenset[str]:
    lines = Path(__file__).with_name("shorteners.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
