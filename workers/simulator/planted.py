"""What moderation is for, planted: each scene casts a share of a block. The usual volume is for a block of 20,000."""

from __future__ import annotations

from models.grammar import camouflage, variation
from workers.simulator.society import Account
from workers.simulator.stage import Draft, Stage

MINUTE_MS = 60_000


def solicitation(stage: Stage) -> list[Draft]:
    """New accounts that hint at sexual services in evasive spelling, mostly below other people's posts."""
    places = stage.take(stage.volume(150, 4))
    rng, drafts = stage.rng, []
    account = None
    for position, media in zip(places, stage.pictures(len(places), 0.5, sexual=True), strict=True):
        if account is None or rng.random() < 0.7:
            lang = stage.lang()
            strength = float(rng.uniform(0.1, 0.5))
            name = camouflage(stage.text(f"solicit_name.{lang}"), rng, strength / 2)
            account = stage.society.newcomer(name, lang, float(rng.uniform(0, 14)), rng)
        text = camouflage(stage.text(f"solicitation.{account.lang}"), rng, strength)
        kind, reply_to = stage.answering(position, 0.7)
        drafts.append(Draft(position, account, text, "solicitation", kind=kind, reply_to=reply_to, media=media))
    return drafts


def campaign(stage: Stage) -> list[Draft]:
    """One marketing text with small variations, once from each of 200 accounts within half an hour;
    an agency runs most of them."""
    places = stage.take(stage.volume(200, 5) if len(stage.free) < 10_000 else 200, 30 * MINUTE_MS)
    rng, lang = stage.rng, stage.lang()
    pitch = stage.text(f"campaign.{lang}")
    agency = f"mcn-{int(rng.integers(50, 99))}"
    names = stage.texts(f"name.{lang}", len(places))
    drafts = []
    for position, name, media in zip(places, names, stage.pictures(len(places), 0.4), strict=True):
        run_by = agency if rng.random() < 0.7 else None
        account = stage.society.newcomer(name, lang, float(rng.uniform(5, 500)), rng, agency=run_by)
        text = variation(pitch, rng, float(rng.uniform(0.1, 0.8)))
        drafts.append(Draft(position, account, text, "campaign", media=media))
    return drafts


def link_farm(stage: Stage) -> list[Draft]:
    """Many young accounts that push one domain with ever other words and paths."""
    places = stage.take(stage.volume(120, 4), 15 * MINUTE_MS)
    rng, lang = stage.rng, stage.lang()
    domain = f"{stage.text('mk.word')}{int(rng.integers(100, 10_000))}.{stage.text('mk.tld')}"
    count = max(1, len(places) * 2 // 3)
    farm = [
        stage.society.newcomer(name, lang, float(rng.uniform(1, 90)), rng)
        for name in stage.texts(f"name.{lang}", count)
    ]
    baits, hosts, paths = (stage.texts(symbol, len(places)) for symbol in (f"ls.bait.{lang}", "w3", "w6"))
    drafts = []
    for i, position in enumerate(places):
        host = f"{hosts[i]}.{domain}" if rng.random() < 0.4 else domain
        text = f"{baits[i]} https://{host}/{paths[i]}"
        kind, reply_to = stage.answering(position, 0.5)
        drafts.append(Draft(position, farm[i % count], text, "link_farm", kind=kind, reply_to=reply_to))
    return drafts


def flood(stage: Stage) -> list[Draft]:
    """One author, about a post a second for two minutes: half of it the same few words, half anything."""
    places = stage.take(stage.volume(120, 5), 2 * MINUTE_MS)
    rng, lang = stage.rng, stage.lang()
    account = stage.society.newcomer(stage.text(f"name.{lang}"), lang, float(rng.uniform(20, 400)), rng)
    same, other = stage.texts(f"flood.{lang}", len(places)), stage.texts(f"chatter.{lang}", len(places))
    chosen = [same[i] if rng.random() < 0.5 else other[i] for i in range(len(places))]
    return [Draft(position, account, text, "flood") for position, text in zip(places, chosen, strict=True)]


def click_farm(stage: Stage) -> list[Draft]:
    """A ring: many accounts on few devices and addresses that praise one post, briefly."""
    places = stage.take(stage.volume(150, 4), 12 * MINUTE_MS)
    rng, lang = stage.rng, stage.lang()
    if not places:
        return []
    rack, target = int(rng.integers(1 << 20)) * 8, stage.earlier(places[0])
    ring = [
        stage.society.newcomer(
            name,
            lang,
            float(rng.uniform(2, 250)),
            rng,
            device_number=rack + int(rng.integers(6)),
            ip_number=rack + int(rng.integers(4)),
        )
        for name in stage.texts(f"name.{lang}", max(2, len(places) // 2))
    ]
    praise = stage.texts(f"praise.{lang}", len(places))
    return [
        Draft(position, ring[i % len(ring)], praise[i], "click_farm", kind="comment", reply_to=target)
        for i, position in enumerate(places)
    ]


def abuse(stage: Stage) -> list[Draft]:
    """Insults, threats and harassment by people of any standing, mostly as comments; some disguise them."""
    places = stage.take(stage.volume(120, 4))
    rng, drafts = stage.rng, []
    people: list[Account] = []
    for position in places:
        if not people or rng.random() < 0.6:
            lang = stage.lang()
            name, age = stage.text(f"name.{lang}"), float(rng.lognormal(5.0, 1.4))
            people.append(stage.society.newcomer(name, lang, min(age, 4000.0), rng))
        account = people[int(rng.integers(max(0, len(people) - 20), len(people)))]
        text = stage.text(f"abuse.{account.lang}")
        if rng.random() < 0.15:
            text = camouflage(text, rng, 0.3)
        kind, reply_to = stage.answering(position, 0.8)
        drafts.append(Draft(position, account, text, "abuse", kind=kind, reply_to=reply_to))
    return drafts


SCENES = (campaign, flood, click_farm, link_farm, solicitation, abuse)
