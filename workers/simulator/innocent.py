"""What looks like abuse of the platform and is not: scenes whose truth is `ordinary`, with a detail that names them."""

from __future__ import annotations

from workers.simulator.planted import MINUTE_MS
from workers.simulator.stage import Draft, Stage


def viral_phrase(stage: Stage) -> list[Draft]:
    """A popular phrase that many different people post as it is."""
    places = stage.take(stage.volume(60, 2))
    lang = stage.lang()
    phrase = stage.text(f"viral.{lang}")
    faces = stage.texts("face", len(places))
    people = stage.society.established(len(places), stage.rng)
    return [
        Draft(position, person, phrase + (face if stage.rng.random() < 0.3 else ""), "ordinary", "viral_phrase")
        for position, person, face in zip(places, people, faces, strict=False)
    ]


def viral_link(stage: Stage) -> list[Draft]:
    """One piece of news that many established authors pass on in their own words."""
    places = stage.take(stage.volume(80, 2))
    link = stage.text("news.link")
    people = stage.society.established(len(places), stage.rng)
    drafts = []
    for position, person in zip(places, people, strict=False):
        text = stage.text(f"share.{person.lang}").rstrip() + " " + link
        drafts.append(Draft(position, person, text, "ordinary", "viral_link"))
    return drafts


def greeting(stage: Stage) -> list[Draft]:
    """Wishes for a holiday, alike and from many accounts."""
    places = stage.take(stage.volume(80, 2))
    people = stage.society.established(len(places), stage.rng)
    return [
        Draft(position, person, stage.text(f"greeting.{person.lang}"), "ordinary", "greeting")
        for position, person in zip(places, people, strict=False)
    ]


def chatty(stage: Stage) -> list[Draft]:
    """An honest author in a lively talk: eight replies within two minutes."""
    drafts = []
    for person in stage.society.established(stage.volume(6, 1), stage.rng):
        places = stage.take(8, 2 * MINUTE_MS)
        texts = stage.texts(f"chatter.{person.lang}", len(places))
        drafts += [
            Draft(position, person, text, "ordinary", "chatty", "comment", stage.earlier(position))
            for position, text in zip(places, texts, strict=True)
        ]
    return drafts


SCENES = (viral_phrase, viral_phrase, viral_link, greeting, chatty)
