"""The training run: recipe, fit, figures, card, registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import linear_and_calibration
from models.documents import Reads
from models.drift import write_reference
from models.evader import Point, evasion_curve
from models.evaluation import figures, reliability, tradeoffs
from models.folding import fold
from models.grams import grams
from models.registry import Entry, Registry
from models.scorer import Pipeline, Scorer
from models.training.ablation import Ablation, Worth
from models.training.card import Card, Measured
from models.training.dialect import Alarms, alarms_by_dialect
from models.training.examples import Examples, examples
from models.training.fit import Ways, fit
from models.training.recipes import RECIPES
from models.training.sources import LabelledPost, read_posts


class Order(NamedTuple):
    """What to train and where to put it. out: folder of the registry. trained: ISO date for manifest and card.
    say: is told in a line how far it is. ablation: measure for the card what each part of a recipe is worth."""

    name: str
    out: Path
    seed: int
    trained: str
    say: Callable[[str], None]
    ablation: bool = False


class Check(NamedTuple):
    """A file that a card reports on. transfer: nothing of its kind was learned from."""

    file: str
    transfer: bool


# What each card measures, of what is found in the folder.
CHECKS = {
    "abuse": [Check("cold-dev", False), Check("davidson-dev", False), Check("reviews-camouflaged-dev", True)],
    "marketing": [Check("sms-antispam-dev", False), Check("sms-train", True), Check("weibo-posts-train", True)],
    "solicitation": [Check("tg-spam-dev", True)],
}
# Sets that have no part kept out: measured, for the ablation, by leaving out the authors one part after another.
PARTED = {"marketing": ("sms-en-train", "youtube-spam-train"), "solicitation": ("x-replies-train",)}
# Of these some were labelled by hand, and count most; the rest by a model.
BY_HAND = ("x-replies-train",)
# Posts of a set that are spelled anew for the evasion curve, at most.
EVADED = 1_500
# Sets of which a card tells false alarms by dialect.
ENGLISH_TWEETS = ("davidson-dev",)
ORDINARY = ("weibo-background-train", "weibo-senti-train")


def train_shipped(order: Order, folder: Path) -> Entry:
    """Train one of the shipped models from the sets in `folder`, and list it in the registry."""
    recipe = RECIPES[order.name]
    order.say(f"{order.name}: reading the sets in {folder}")
    learned = recipe.learn(folder, order.seed)
    here = [check for check in CHECKS[order.name] if (folder / f"{check.file}.jsonl").exists()]
    ordinary = [file for file in ORDINARY if (folder / f"{file}.jsonl").exists()]
    return train(order, learned, recipe.reads, recipe.ways, folder, checks=here, ordinary=ordinary, shipped=True)


def train_own(order: Order, file: Path) -> Entry:
    """Train a model from a platform's own labelled posts. The name is read too if the posts have `nick`."""
    order.say(f"{order.name}: reading {file}")
    posts = read_posts(file, lambda line: order.say(f"{order.name}: {line}"))
    labels = Counter(post.label for post in posts)
    told = ", ".join(f"{label[:40]!r} {count:,}" for label, count in labels.most_common(9)) or "none"
    order.say(f"{order.name}: labels: {told}; all but 'normal' are positive")
    if len({post.positive for post in posts}) < 2:
        raise ValueError(
            f"{file} needs posts labelled 'normal' (written so) and posts labelled otherwise; its labels are: {told}"
        )
    learned = examples(posts, file.name)
    reads: Reads = "name+text" if any(learned.names) else "text"
    return train(order, learned, reads, Ways(), file.parent)


def train(
    order: Order,
    learned: Examples,
    reads: Reads,
    ways: Ways,
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
    registry.check_room(name)
    fitted = fit(learned, reads, order.seed, ways)
    measured = [measure("held out of training", False, fitted.held_out, fitted.held_out_chance)]
    evasion: dict[str, list[Point]] = {}
    dialect: dict[str, list[Alarms]] = {}
    sets = {check.file: read_posts(folder / f"{check.file}.jsonl") for check in checks}
    for check in checks:
        say(f"{name}: measuring on {check.file}")
        posts = sets[check.file]
        chance = chances(fitted.pipeline, reads, posts)
        measured.append(measure(check.file, check.transfer, truth(posts), chance))
        if check.file in ENGLISH_TWEETS:
            dialect[check.file] = alarms_by_dialect([post.text for post in posts], truth(posts), chance)
        evasion[check.file] = evaded_recall(fitted.pipeline, reads, posts, order.seed)
    alarms = {file: chances(fitted.pipeline, reads, read_posts(folder / f"{file}.jsonl")) for file in ordinary}
    worths: list[Worth] = []
    if order.ablation:
        ablation = Ablation(learned, reads, order.seed, ways, lambda line: say(f"{name}: {line}"))
        worths = ablation.run({file: examples(posts, file) for file, posts in sets.items()})
        if shipped and name in PARTED:
            measured += in_parts(ablation, PARTED[name], learned, fitted.pipeline)
    card = Card(
        name,
        reads,
        order.trained,
        order.seed,
        learned,
        measured,
        alarms,
        shipped,
        evasion=evasion,
        ablation=worths,
        dialect=dialect,
    )
    entry = registry.add(name, fitted.pipeline, reads, order.trained, card.text())
    write_reference(order.out, entry, "held out of training", fitted.held_out_chance)
    say(f"{name}: wrote version {entry.version} to {order.out / entry.file}")
    return entry


def in_parts(ablation: Ablation, files: Sequence[str], learned: Examples, pipeline: Any) -> Iterator[Measured]:
    """Figures on sets that are learned from whole, by models that each left out a part of them."""
    curve = linear_and_calibration(pipeline["classifier"])
    assert curve is not None
    for file, (rows, chance) in ablation.left_out(files, curve[1]).items():
        positive, weights = learned.positive[rows], learned.weights[rows]
        yield measure(f"{file}, in parts", False, positive, chance)
        if file in BY_HAND:
            trusted = weights == weights.max()
            yield measure("of these, labelled by hand", False, positive[trusted], chance[trusted])


def measure(file: str, transfer: bool, positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> Measured:
    return Measured(
        file, transfer, figures(positive, chance), reliability(positive, chance), tradeoffs(positive, chance)
    )


def evaded_recall(pipeline: Pipeline, reads: Reads, posts: Sequence[LabelledPost], seed: int) -> list[Point]:
    """How recall on the positive posts falls as their text is spelled in stranger ways."""
    positive = [post for post in posts if post.positive][:EVADED]
    return evasion_curve(
        lambda texts: chances(
            pipeline,
            reads,
            [
                LabelledPost(text=text, label=post.label, nick=post.nick)
                for text, post in zip(texts, positive, strict=True)
            ],
        ),
        [post.text for post in positive],
        seed,
    )


def truth(posts: Sequence[LabelledPost]) -> NDArray[np.bool_]:
    return np.array([post.positive for post in posts], bool)


def chances(pipeline: Pipeline, reads: Reads, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """What one pipeline makes of posts, in its served form."""
    return score_posts(Scorer({"it": pipeline}, {"it": ""}, {"it": reads}), posts)[:, 0]


def score_posts(scorer: Scorer, posts: Sequence[LabelledPost]) -> NDArray[np.float32]:
    """float32 (posts, models), as a worker would score them."""
    texts, names = [post.text for post in posts], [post.nick for post in posts]
    return scorer.score(grams(fold(texts)), grams(fold(names)), texts, names)
