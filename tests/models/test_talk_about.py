"""Talk about a subject is not the thing itself: news, warnings, health, questions, a victim who asks for help; nor is
an appeal to everybody that says whom to call."""

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

APPEALS = [
    "我父亲昨天下午在人民公园附近走失，七十二岁，穿灰色外套，有记忆障碍，看到的好心人请打 13800001111，家里人很着急",
    "孩子急需A型血小板，现在在市第一医院住院部八楼，能献的朋友请联系 13900002222 王女士，求扩散，谢谢大家",
    "小区里捡到一只金毛，脖子上有红色项圈，很乖，主人看到请打电话 13700003333，我先帮忙养着",
    "今晚暴雨，地铁三号线停运，被困的市民可以拨打应急热线 4008123123，附近的体育馆已经开放，大家注意安全",
    "有没有人认识这位叔叔？他在急诊门口晕倒了，身上没带手机，护士站电话 021-55556666，认识的赶紧联系医院",
    "我捐过三次血了，血站说这周 O 型特别缺，想去的可以先打电话 010-66668888 预约，带身份证就行",
    "Our neighbour Tom hasn't been home since Sunday, he forgets things and may be lost. Call his wife on 07911 123456",
    "Found this little terrier wandering on Mill Road, no tag, safe with us now. Ring 555-0143 if she's yours",
    "The hospital is short of O negative this week. You can book a slot at 0300 123 2323, it only takes an hour",
]


@pytest.mark.parametrize("text", TALK + APPEALS)
def test_talk_about_a_subject_scores_low(scorer: Scorer, text: str) -> None:
    scores = scorer.score(grams(fold([text])), grams(fold([""])), [text], [""])
    found = dict(zip(scorer.names, scores[0].tolist(), strict=True))
    # The least that a rule of the shipped policy reads as the thing itself: 0.97 of abuse, 0.5 of the others.
    assert found["abuse"] < 0.8, found
    assert max(found["marketing"], found["solicitation"]) < 0.5, found
