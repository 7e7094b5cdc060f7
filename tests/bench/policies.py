"""The default policy, padded to so many rules and terms as a platform in operation would have."""

from __future__ import annotations

import dataclasses
import random
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.posts import sound_posts
from workers.policy import DEFAULT, Policy
from workers.policy.expression import compile_expression, signals_in
from workers.policy.rules import Rule
from workers.signals import schema

RULES, TERMS = 50, 1_000
PADDING = "padding"
SEED = 7
MODELS = ("abuse", "marketing", "solicitation")


def written(folder: Path, rules: int = RULES, terms: int = TERMS) -> Path:
    """The path of a policy of the default's counters, rules and terms, and more of both, with its files beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEFAULT.parent / "terms", folder / "terms", dirs_exist_ok=True)
    policy = yaml.safe_load(DEFAULT.read_text("utf-8"))
    known = Policy.load(DEFAULT, schema())
    policy["terms"][PADDING] = f"terms/{PADDING}.txt"
    more = invented_terms(terms - sum(map(len, known.terms.values())))
    (folder / "terms" / f"{PADDING}.txt").write_text("\n".join(more) + "\n", "utf-8")
    for rule in policy["rules"]:
        rule.pop("examples", None)
    policy["rules"] += padding_rules(rules - len(known.rules), [counter.name for counter in known.counters])
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(policy, allow_unicode=True, sort_keys=False), "utf-8")
    return file


def loaded(folder: Path, rules: int = RULES, terms: int = TERMS) -> Policy:
    """The same, loaded. There may be more rules than a file may have."""
    base = Policy.load(written(folder, min(rules, RULES), terms), schema())
    more = [
        Rule(**{**rule, "name": f"{rule['name']}-more", "signals": signals_in(rule["when"])})
        for rule in padding_rules(rules - len(base.rules), [counter.name for counter in base.counters])
    ]
    return dataclasses.replace(
        base,
        rules=(*base.rules, *more),
        expressions=(
            *base.expressions,
            *(compile_expression(rule.when).alias(str(len(base.rules) + place)) for place, rule in enumerate(more)),
        ),
    )


def padding_rules(count: int, counters: list[str]) -> list[dict[str, Any]]:
    """Rules of the kinds that the default policy has, over its signals, that seldom fire."""
    chance = random.Random(SEED)
    kinds = (
        "{model} >= 0.97 AND account_age_days < {small} AND {counter} >= {large}",
        "{counter} >= {large} AND {other} >= {small} AND followers < {large}",
        "terms_padding >= {small} AND link_count >= 1 AND {model} >= 0.9",
        "kind = 'comment' AND text_length < {large} AND {counter} >= {large} AND profile_bare",
        "link_domain IN ('prize.example', 'win.example', 'loan.example') AND ({model} >= 0.5 OR {counter} >= {small})",
        "{counter} >= CASE WHEN kind = 'message' THEN {large} ELSE {most} END AND {other} <= {counter} * 0.5",
    )
    made = []
    for number in range(count):
        counter, other = chance.sample(counters, 2)
        made.append({
            "name": f"padding-{number}",
            "when": kinds[number % len(kinds)].format(
                model=chance.choice(MODELS),
                counter=counter,
                other=other,
                small=chance.randint(3, 20),
                large=chance.randint(25, 200),
                most=chance.randint(600, 900),
            ),
            "verdict": "flag",
            "category": "padding",
            "reason": "Pads the policy of a benchmark",
        })  # fmt: skip
    return made


@cache
def invented_terms(count: int) -> list[str]:
    """Different terms of four to six characters, the halves of each out of two posts of another seed.

    So they begin as posts do, and now and then one is in a post, as with real lists.
    """
    chance = random.Random(SEED)
    texts = "".join(post.text for post in sound_posts(4_000, SEED) if post.text)
    terms: dict[str, None] = {}
    while len(terms) < count:
        halves = (texts[place : place + chance.randint(2, 3)] for place in (chance.randrange(len(texts)) for _ in "12"))
        term = "".join(halves)
        if len(term) >= 4 and term.isalpha():
            terms[term] = None
    return list(terms)
