"""The training run: recipe, fit, figures, card, registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.documents import Reads
from models.evaluation import figures, reliability
from models.folding import fold
from models.grams import grams
from models.registry import Entry, Registry
from models.scorer import Pipeline, Scorer
from models.training.card import Card, Measured
from models.training.examples import Examples
from models.training.fit import fit
from models.training.recipes import RECIPES, own
from models.training.sources import LabelledPost, read_posts

Say = Callable[[str], None]


class Check(NamedTuple):
    """A file that a card reports on. transfer: nothing of its kind was learned from."""

    file: str
    transfer: bool


# What each card measures, of what is found in the folder.
CHECKS = {
    "abuse": [Check("cold-dev", False), Check("davidson-dev", False), Check("reviews-camouflaged-dev", True)],
    "marketing": [Check("sms-antispam-dev", False), Check("sms-train", True), Check("tg-spam-dev", True)],
    "solicitation": [Check("tg-spam-dev", True)],
}
ORDINARY = ("weibo-background-train", "weibo-senti-train")


def train_shipped(folder: Path, out: Path, name: str, seed: int, trained: str, say: Say) -> Entry:
    """Train one of the shipped models from the sets in `folder`, and list it in the registry `out`."""
    recipe, reads = RECIPES[name]
    say(f"{name}: reading the sets in {folder}")
    learned = recipe(folder, seed)
    found = [check for check in CHECKS[name] if (folder / f"{check.file}.jsonl").exists()]
    checks = {check: read_posts(folder / f"{check.file}.jsonl") for check in found}
    ordinary = {file: read_posts(folder / f"{file}.jsonl") for file in ORDINARY if (folder / f"{file}.jsonl").exists()}
    return train(learned, name, reads, out, seed, trained, say, checks, ordinary)


def train_own(file: Path, out: Path, task: str, seed: int, trained: str, say: Say) -> Entry:
    """Train a model from a platform's own labelled posts. The name is read too if the posts have `nick`."""
    say(f"{task}: reading {file}")
    learned = own(file)
    reads: Reads = "name+text" if any(learned.names) else "text"
    return train(learned, task, reads, out, seed, trained, say, {}, {})


def train(
    learned: Examples,
    name: str,
    reads: Reads,
    out: Path,
    seed: int,
    trained: str,
    say: Say,
    checks: dict[Check, list[LabelledPost]],
    ordinary: dict[str, list[LabelledPost]],
) -> Entry:
    """Fit, measure, write. The same examples and seed give the same file."""
    say(f"{name}: learning from {len(learned):,} posts, {int(learned.positive.sum()):,} positive")
    registry = Registry(out, create=True)
    fitted = fit(learned, reads, seed)
    measured = []
    for check, posts in checks.items():
        say(f"{name}: measuring on {check.file}")
        positive = truth(posts)
        chance = chances(fitted.pipeline, reads, posts)
        measured.append(Measured(check.file, check.transfer, figures(positive, chance), reliability(positive, chance)))
    held_out = Measured(
        "held out of training",
        False,
        figures(fitted.held_out, fitted.held_out_chance),
        reliability(fitted.held_out, fitted.held_out_chance),
    )
    alarms = {file: chances(fitted.pipeline, reads, posts) for file, posts in ordinary.items()}
    card = Card(name, reads, trained, seed, learned, [held_out, *measured], alarms)
    entry = registry.add(name, fitted.pipeline, reads, trained, card.text())
    say(f"{name}: wrote version {entry.version} to {out / entry.file}")
    return entry


def truth(posts: Sequence[LabelledPost]) -> NDArray[np.bool_]:
    return np.array([post.positive for post in posts], bool)


def chances(pipeline: Pipeline, reads: Reads, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """What one pipeline makes of posts, in its served form."""
    return score_posts(Scorer({"it": pipeline}, {"it": ""}, {"it": reads}), posts)[:, 0]


def score_posts(scorer: Scorer, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """float32 (posts, models), as a worker would score them."""
    texts, names = [post.text for post in posts], [post.nick for post in posts]
    return scorer.score(grams(fold(texts)), grams(fold(names)), texts, names)
