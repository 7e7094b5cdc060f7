from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from topics.post import Post
from workers.batch import Batch
from workers.signals.account import Account

DAY = 86_400_000
Posts = Callable[..., Post]


def test_age_is_the_days_from_opening_to_the_post(post: Posts, batch: Callable[..., Batch]) -> None:
    now = post().created_at
    posts = [post(author={"created_at": opened}) for opened in (now - 3 * DAY, now - DAY // 2, now, now + DAY, None)]
    assert Account().measure(batch(*posts))["account_age_days"].to_list() == [3.0, 0.5, 0.0, 0.0, None]


def test_a_post_from_the_future_does_not_age_the_account(post: Posts, batch: Callable[..., Batch]) -> None:
    now = post().created_at
    dated = post(created_at=now + 400 * DAY, author={"created_at": now - DAY})
    arrived = replace(batch(dated), arrived_at=np.array([now]))
    assert Account().measure(arrived)["account_age_days"].to_list() == [1.0]


def test_followers_and_agency_are_passed_on(post: Posts, batch: Callable[..., Batch]) -> None:
    known = post(author={"followers": 4_294_967_295, "agency": "mcn-7"})
    measured = Account().measure(batch(known, post()))
    assert measured["followers"].to_list() == [4_294_967_295, None]
    assert measured["agency"].to_list() == ["mcn-7", None]


@pytest.mark.parametrize(
    "name", ["  ", "user829103", "用户5f3a99c1", "User_42", "用户7731920", "手机用户123", "83910284", "用户"]
)
def test_a_given_name_and_no_followers_make_a_bare_profile(post: Posts, batch: Callable[..., Batch], name: str) -> None:
    bare = [post(name=name), post(name=name, author={"followers": 0}), post(name=name, author={"followers": 9})]
    assert Account().measure(batch(*bare))["profile_bare"].to_list() == [True, True, False]


def test_an_account_of_which_nothing_is_known_is_neither_bare_nor_not(post: Posts, batch: Callable[..., Batch]) -> None:
    unknown = [post(name=""), post(name="", author={"followers": 0}), post(name="", author={"followers": 9})]
    assert Account().measure(batch(*unknown))["profile_bare"].to_list() == [None, True, False]


@pytest.mark.parametrize("name", ["Ada", "小明", "userland", "用户体验师", "abe", "facade"])
def test_a_chosen_name_is_no_bare_profile(post: Posts, batch: Callable[..., Batch], name: str) -> None:
    assert Account().measure(batch(post(name=name)))["profile_bare"].to_list() == [False]
