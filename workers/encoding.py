"""Judgements become records of the decision topics."""

from __future__ import annotations

from typing import Any

from topics.campaign import Campaign
from topics.campaign import encode as encode_campaign
from topics.decision import Decision, FiredRule, Source, allow_lines, encode
from workers.batch import Part
from workers.campaigns.campaigns import campaign_name
from workers.explaining import explain
from workers.judge import Judge, Judgement
from workers.policy import ALLOW, VERDICTS
from workers.publishing import NO_HEADERS, Row


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def decisions(judgement: Judgement, rows: list[int], judge: Judge) -> list[Decision]:
    """The full decisions of `rows`, explained."""
    batch, verdicts = judgement.batch, judgement.verdicts
    rules = {
        index: FiredRule(rule.name, rule.verdict, rule.category, rule.reason)
        for index, rule in ((index, verdicts.rules[index]) for index, _ in verdicts.hits)
    }
    told = {*judge.scorer.names, *(name for index in rules for name in verdicts.rules[index].signals)}
    signals = {name: list(map(_rounded, judgement.columns[name].at(rows))) for name in told}
    made = []
    for place, (row, spans) in enumerate(zip(rows, explain(judgement, rows, judge), strict=True)):
        fired = verdicts.fired.get(row, ())
        named = sorted({name for index in fired for name in verdicts.rules[index].signals})
        made.append(
            Decision(
                id=batch.ids[row],
                author=batch.authors[row],
                verdict=VERDICTS[verdicts.verdict[row]],
                category=rules[int(verdicts.heaviest[row])].category if fired else None,
                rules=[rules[index] for index in fired],
                signals={name: signals[name][place] for name in named},
                scores={name: signals[name][place] for name in judge.scorer.names},
                spans=spans,
                policy=judge.policy.version,
                models=judge.scorer.versions,
                degraded=bool(judgement.degraded[row]),
                source=Source(batch.partition(row), int(batch.offsets[row])),
                created_at=int(batch.created_at[row]),
                arrived_at=int(batch.arrived_at[row]),
                campaign=judgement.campaigns.name(row),
                post=batch.posts[row],
            )
        )
    return made


def encode_judgement(judgement: Judgement, judge: Judge) -> dict[int, dict[str, list[Row]]]:
    """Rows by input partition and verdict: slim ones for posts that pass, explained ones for the others."""
    batch = judgement.batch
    rows: dict[int, dict[str, list[Row]]] = {
        part.partition: {
            **{verdict: [] for verdict in VERDICTS},
            "allow": _allow_rows(judgement, part, judge.policy.version),
        }
        for part in batch.parts
    }
    stopped = (judgement.verdicts.verdict != ALLOW).nonzero()[0].tolist()
    for decision in decisions(judgement, stopped, judge):
        source = decision.source.partition, decision.source.offset
        row = Row(decision.author.encode(), encode(decision), batch.contexts.get(source, NO_HEADERS))
        rows[decision.source.partition][decision.verdict].append(row)
    return rows


def _allow_rows(judgement: Judgement, part: Part, policy: str) -> list[Row]:
    batch = judgement.batch
    passed = part.start + (judgement.verdicts.verdict[part.rows] == ALLOW).nonzero()[0]
    places = passed.tolist()
    authors = [batch.authors[row] for row in places]
    lines = allow_lines(
        [batch.ids[row] for row in places],
        authors,
        partition=part.partition,
        offsets=batch.offsets[passed],
        created_at=batch.created_at[passed],
        arrived_at=batch.arrived_at[passed],
        policy=policy,
        degraded=bool(judgement.degraded[part.start]),
        campaigns={
            place: campaign_name(judgement.campaigns.ids[passed[place]])
            for place in judgement.campaigns.shown[passed].nonzero()[0].tolist()
        },
    )
    rows = list(map(Row, map(str.encode, authors), lines))
    if batch.contexts:
        for row, offset in zip(rows, batch.offsets[passed].tolist(), strict=True):
            row.headers = batch.contexts.get((part.partition, offset), NO_HEADERS)
    return rows


def campaign_rows(judgement: Judgement) -> dict[int, list[Row]]:
    """Rows of the campaigns that are new or have doubled with posts of the batch, by input partition."""
    rows: dict[int, list[Row]] = {}
    for row, grown in judgement.campaigns.grown:
        name = campaign_name(grown.id)
        told = Campaign(
            id=name,
            first_seen=grown.first_seen,
            grew_at=int(judgement.batch.times[row]),
            posts=grown.posts,
            accounts=grown.accounts,
            agencies=grown.agencies,
            samples=grown.samples,
            links=grown.links,
        )
        rows.setdefault(judgement.batch.partition(row), []).append(Row(name.encode(), encode_campaign(told)))
    return rows
