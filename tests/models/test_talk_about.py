"""Talk about a subject is not the thing itself: news, warnings, health, questions, a victim who asks for help."""

from __future__ import annotations

import pytest

from models.folding import fold
from models.grams import grams
from models.scorer import Scorer

TALK = [
    "警方通报：一男子组织卖淫被判刑三年",
    "记者调查了网络刷单骗局，受害者大多是学生",
    "我妈被冒充客服的人骗了两万，已经报警，钱还能追回来吗",
    "被裸聊敲诈了，对方要发给通讯录，我该怎么办，求帮助",
    "科普：什么是杀猪盘，怎么识别",
    "提醒一下，最近冒充快递客服的诈骗电话很多，别给验证码",
    "医生，避孕药漏吃一天要补吗",
    "乳腺增生要多久复查一次，会不会变严重",
    "性教育应该从几岁开始，学校讲得太少了",
    "法院认定跑分属于帮助信息网络犯罪活动罪",
    "朋友借银行卡给别人，结果卡被冻结了，要紧吗",
    "这部电影讲的是赌徒怎么毁掉一个家",
    "我爸沉迷网络赌博欠了很多钱，劝不动，心里很难受",
    "毕业论文写的是直播打赏和未成年人保护",
    "那种进群领红包的消息，你们群里也有吗",
    "同事老把“女司机”挂在嘴边，我觉得这是偏见",
    "被前男友威胁发照片，可以申请人身保护令吗",
    "孩子在学校被骂“废物”，老师让对方道歉了",
    "Police arrested three people who ran a fake job scam on Telegram",
    "My grandmother lost her savings to a crypto scam, who do I report it to?",
    "Is it normal to feel breast pain before a period?",
    "A documentary about people trafficked into online casinos in Southeast Asia",
    "Please be careful, there is a phishing text going around that looks like the bank",
    "Someone keeps sending me threats, what can I do about it?",
    "The article explains why sex education lowers teen pregnancy",
]


@pytest.mark.parametrize("text", TALK)
def test_talk_about_a_subject_scores_low(scorer: Scorer, text: str) -> None:
    scores = scorer.score(grams(fold([text])), grams(fold([""])), [text], [""])
    found = dict(zip(scorer.names, scores[0].tolist(), strict=True))
    # The least that a rule of the shipped policy reads as the thing itself: 0.97 of abuse, 0.5 of the others.
    assert found["abuse"] < 0.8, found
    assert max(found["marketing"], found["solicitation"]) < 0.5, found
