"""What is alike and innocent is no campaign; what sells is. Decided by the shipped policy and models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from topics.post import Author, Kind, Post
from workers.assembly import offline_judge
from workers.batch import Batch

from .conftest import NOW, OFFER, changed

GREETING = "中秋节快乐，愿大家花好月圆人团圆，在外的朋友早点回家，陪父母吃一顿饭，看看天上的月亮，身体健康万事顺心"
ENGLISH_GREETING = (
    "Happy new year to all my friends near and far, may the coming months bring you health, peace and good company"
)
WISHES = (
    "新年快乐！愿大家身体健康，工作顺利，合家幸福，财源广进，万事如意，年年有余，一家人和和美美过个团圆年",
    "元宵佳节，祝各位朋友团团圆圆，吃一碗汤圆，猜几个灯谜，愿往后的日子甜甜蜜蜜，好运连连，平平安安",
    "值此新春之际，感谢您一年来的关心和教导，祝您新春大吉，阖家安康，福如东海，寿比南山，桃李满天下",
    "端午安康！粽叶飘香，愿你把烦恼都丢进江里，把健康和幸福带回家，祝天下的父母平安长寿，节日快乐",
)
LYRICS = "月亮走我也走，一路走到家门口"
FORM = "姓名：{name}。年龄：{age}。来自：{town}。喜欢的季节是{season}，在读的一本书是《{book}》，想对自己说：好好吃饭"
NEWS = "刚刚发布的通知说明天全市中小学停课一天，因为台风将在夜里登陆，请大家关好门窗，不要在户外停留，注意安全"
ADVERTISEMENT = (
    "兼职日结，在家用手机就能做，每天两三百，不收任何费用，名额有限先到先得，感兴趣的加微信 vx88661 详细了解"
)


def campaigns(posts: Sequence[Post]) -> list[str | None]:
    judgement = asyncio.run(offline_judge(None, None).judge(Batch.offline(posts)))
    return [judgement.campaigns.name(row) for row in range(len(posts))]


def posts(texts: Sequence[str], **fields: Any) -> list[Post]:
    return [
        Post(f"p{number}", text, Author(f"a{number}", "小林", NOW - 900 * 86_400_000, 80), NOW, **fields)
        for number, text in enumerate(texts)
    ]


def test_an_advertisement_of_many_accounts_is_a_campaign_from_the_fifth_on() -> None:
    named = campaigns(posts([changed(ADVERTISEMENT, 0.1, seed) for seed in range(20)]))
    assert named[:4] == [None] * 4
    assert len(set(named[4:])) == 1
    assert named[-1]


def test_a_few_words_and_a_number_again_and_again_are_a_campaign_and_a_cheer_is_none() -> None:
    named = campaigns(posts([changed("加我看片 2124 183607 " * 3, 0.1, seed) for seed in range(30)]))
    assert sum(map(bool, named[10:])) >= 18
    cheers = ["中国队加油！冲啊！" * (4 + number % 5) for number in range(30)]
    assert not any(campaigns(posts(cheers, links=["https://match.example"])))


@pytest.mark.parametrize("text", [GREETING, ENGLISH_GREETING, *WISHES])
def test_greetings_on_a_holiday_are_none(text: str) -> None:
    assert not any(campaigns(posts([changed(text, 0.05, seed) for seed in range(60)])))


def test_a_shop_that_wishes_the_same_and_comes_to_its_offer_is_a_campaign() -> None:
    named = campaigns(posts([changed(f"元宵节快乐！{OFFER}", 0.05, seed) for seed in range(20)]))
    assert all(named[4:])


def test_wishes_that_lead_to_a_seller_are_a_campaign() -> None:
    named = campaigns(posts([f"{WISHES[0]}，加微信 vx88661" for _ in range(20)]))
    assert all(named[4:])


def test_an_appeal_that_many_pass_on_passes() -> None:
    appeal = "我父亲昨天下午在人民公园附近走失，七十二岁，穿灰色外套，看到的好心人请打 13800001111，家里人很着急"
    passed_on = posts([changed(appeal, 0.05, seed) for seed in range(60)])
    judgement = asyncio.run(offline_judge(None, None).judge(Batch.offline(passed_on)))
    assert not judgement.verdicts.verdict.any()


def test_slogans_and_lines_of_a_song_are_too_short_to_be_one() -> None:
    assert not any(campaigns(posts([LYRICS, f"{LYRICS}！", f"{LYRICS} 🎵"] * 20, links=["https://music.example"])))


def test_a_form_that_many_fill_in_is_none() -> None:
    towns, seasons, books = ["南京", "成都", "西安", "青岛", "泉州"], "春夏秋冬", ["边城", "活着", "围城", "家"]
    filled = [
        FORM.format(
            name="安宁静远山河川林"[n % 8], age=20 + n, town=towns[n % 5], season=seasons[n % 4], book=books[n // 4 % 4]
        )
        for n in range(40)
    ]
    assert not any(campaigns(posts(filled)))


def test_news_that_many_pass_on_is_none() -> None:
    assert not any(
        campaigns(posts([f"{word}{NEWS}" for word in ("转：", "", "大家注意！", "看到的", "真的吗？") * 10]))
    )


def test_a_flight_is_no_account_to_write_to() -> None:
    news = "马航MH370航班失联的消息传开以后，家属们都在机场等候，希望机上的人都平安回来，请大家不要传未经证实的说法"
    assert not any(campaigns(posts([changed(news, 0.05, seed) for seed in range(60)])))


def test_reposts_of_one_original_are_none_even_if_it_sells() -> None:
    assert not any(campaigns(posts([ADVERTISEMENT] * 40, kind="repost", reply_to="the-original")))


@pytest.mark.parametrize("end", [" ", "\n"])
def test_quotes_of_one_author_are_none_even_if_they_sell_in_many_lines(end: str) -> None:
    said = [
        f"{word} //@店长阿明:{end}{OFFER} https://shop.example"
        for word in ("真的便宜", "想去", "有人去过吗", "路过看看")
    ]
    assert not any(campaigns(posts(said * 10)))


@pytest.mark.parametrize("cut", [None, 70])
def test_who_quotes_an_original_through_others_or_in_part_quotes_it_all_the_same(cut: int | None) -> None:
    ways = (
        "真的便宜",
        "转发",
        "//@小芳:想去 ",
        "看看 //@阿强:有人去过吗 //@小芳:想去 ",
        "收藏了，改天去 //@大伟:求地址 ",
    )
    assert not any(campaigns(posts([f"{way}//@店长阿明:{OFFER} https://shop.example"[:cut] for way in ways * 8])))


@pytest.mark.parametrize("kind", ["post", "repost", "comment", "message"])
@pytest.mark.parametrize(
    "disguise",
    [
        "//@店长阿明: {}",
        "RT @shop: {}",
        "路过看看 //@店长阿明: {}",
        "//@小芳: {} //@店长阿明: 好的",
        "{} //@店长阿明: 好的",
    ],
)
def test_the_mark_of_a_quote_hides_no_advertisement_whose_copies_are_changed(kind: Kind, disguise: str) -> None:
    copies = [disguise.format(changed(ADVERTISEMENT, 0.1, seed)) for seed in range(20)]
    named = campaigns(posts(copies, kind=kind))
    assert all(named[6:])
    assert len(set(named[6:])) == 1


@pytest.mark.parametrize("kind", ["comment", "message"])
@pytest.mark.parametrize("disguise", ["//@店长阿明: {}", "RT @shop: {}", "{} //@店长阿明"])
def test_who_comments_or_writes_to_someone_quotes_nobody(kind: Kind, disguise: str) -> None:
    assert all(campaigns(posts([disguise.format(ADVERTISEMENT)] * 12, kind=kind))[4:])


def test_the_same_advertisement_below_many_posts_is_a_campaign() -> None:
    spread = posts([ADVERTISEMENT] * 12)
    for number, post in enumerate(spread):
        post.kind, post.reply_to = "repost", f"original-{number}"
    assert all(campaigns(spread)[4:])
