"""The training run: recipe, fit, figures, card, registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.documents import Reads
from models.drift import write_reference
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


class Order(NamedTuple):
    """What to train and where to put it. out: folder of the registry. trained: ISO date for manifest and card.
    say: is told in a line how far it is."""

    name: str
    out: Path
    seed: int
    trained: str
    say: Callable[[str], None]


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


def train_shipped(order: Order, folder: Path) -> Entry:
    """Train one of the shipped models from the sets in `folder`, and list it in the registry."""
    recipe, reads = RECIPES[order.name]
    order.say(f"{order.name}: reading the sets in {folder}")
    learned = recipe(folder, order.seed)
    here = [check for check in CHECKS[order.name] if (folder / f"{check.file}.jsonl").exists()]
    ordinary = [file for file in ORDINARY if (folder / f"{file}.jsonl").exists()]
    return train(order, learned, reads, folder, checks=here, ordinary=ordinary, shipped=True)


def train_own(order: Order, file: Path) -> Entry:
    """Train a model from a platform's own labelled posts. The name is read too if the posts have `nick`."""
    order.say(f"{order.name}: reading {file}")
    learned = own(file)
    reads: Reads = "name+text" if any(learned.names) else "text"
    return train(order, learned, reads, file.parent)


def train(
    order: Order,
    learned: Examples,
    reads: Reads,
    folder: Path,
    *,
    checks: Sequence[Check] = (),
    ordinary: Sequence[str] = (),
    shipped: bool = False,
) -> Entry:
    """Fit, measure on the files of `folder`, write. The same order and examples give the same files."""
    name, say = order.name, order.say
    say(f"{name}: learning from {len(learned):,} posts, {int(learned.positive.sum()):,} positive")
    registry = Registry(order.out, create=True)
    fitted = fit(learned, reads, order.seed)
    measured = [measure("held out of training", False, fitted.held_out, fitted.held_out_chance)]
    for check in checks:
        say(f"{name}: measuring on {check.file}")
        posts = read_posts(folder / f"{check.file}.jsonl")
        chance = chances(fitted.pipeline, reads, posts)
        measured.append(measure(check.file, check.transfer, truth(posts), chance))
    alarms = {file: chances(fitted.pipeline, reads, read_posts(folder / f"{file}.jsonl")) for file in ordinary}
    card = Card(name, reads, order.trained, order.seed, learned, measured, alarms, shipped=shipped)
    entry = registry.add(name, fitted.pipeline, reads, order.trained, card.text())
    write_reference(order.out, entry, "held out of training", fitted.held_out_chance)
    say(f"{name}: wrote version {entry.version} to {order.out / entry.file}")
    return entry


def measure(file: str, transfer: bool, positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> Measured:
    return Measured(file, transfer, figures(positive, chance), reliability(positive, chance))


def truth(posts: Sequence[LabelledPost]) -> NDArray[np.bool_]:
    return np.array([post.positive for post in posts], bool)


def chances(pipeline: Pipeline, reads: Reads, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """What one pipeline makes of posts, in its served form."""
    return score_posts(Scorer({"it": pipeline}, {"it": ""}, {"it": reads}), posts)[:, 0]


def score_posts(scorer: Scorer, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """float32 (posts, models), as a worker would score them."""
    texts, names = [post.text for post in posts], [post.nick for post in posts]
    return scorer.score(grams(fold(texts)), grams(fold(names)), texts, names)
