"""text.*: three models with folding, against scikit-learn's own way to the same kind of model."""

from __future__ import annotations

import time

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

from bench.posts import batches, sound_posts
from models.documents import documents
from models.registry import Registry
from models.scorer import Scorer
from models.training.fit import BITS
from topics.post import Post
from workers.batch import Batch
from workers.signals.text import Text

POSTS, BASELINE_POSTS = 40_000, 4_000
SECONDS = 3.0
AT_ONCE = 1_000


def run() -> dict[str, float]:
    """Measure."""
    scorer = Scorer.load()
    ours = posts_a_second(scorer, sound_posts(POSTS))
    theirs = sklearn_posts_a_second(scorer, sound_posts(POSTS)[:BASELINE_POSTS])
    return {
        "text.posts_per_second": ours,
        "text.sklearn_posts_per_second": theirs,
        "text.ratio_to_sklearn": ours / theirs,
    }


def posts_a_second(scorer: Scorer, posts: list[Post], seconds: float = SECONDS) -> float:
    """Posts folded, hashed and scored by every model in a second of one core, in batches as the worker has them."""
    family = Text(scorer)
    family.measure(Batch.offline(posts[:100]))
    taken, done = 0.0, 0
    while taken < seconds:
        for chunk in batches(posts):
            batch = Batch.offline(chunk)
            _ = batch.texts, batch.names  # read off the records, before scoring
            start = time.process_time()
            family.measure(batch)
            taken += time.process_time() - start
            done += len(batch)
    return done / taken


def sklearn_posts_a_second(scorer: Scorer, posts: list[Post]) -> float:
    """The same posts through HashingVectorizer, with as many columns and the same grams, and linear models on it.

    Models that read the same share what the vectoriser made of it: twice it reads a post, once with its author's name.
    It folds nothing but case. The weights are random: what they are makes no difference to how long it takes.
    """
    chance = np.random.default_rng(1)
    columns = 1 << BITS
    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=columns, alternate_sign=False, dtype=np.float32
    )
    models = {}
    for name in scorer.names:
        model = models[name] = LogisticRegression()
        model.classes_ = np.array([False, True])
        model.coef_ = chance.normal(size=(1, columns)).astype(np.float32)
        model.intercept_ = np.zeros(1, np.float32)
    reads = {name: Registry().entry(name).input for name in scorer.names}
    texts, names = [post.text for post in posts], [post.author.name for post in posts]
    start = time.process_time()
    for place in range(0, len(texts), AT_ONCE):
        rows = slice(place, place + AT_ONCE)
        read = {each: vectorizer.transform(documents(texts[rows], names[rows], each)) for each in set(reads.values())}
        for name, model in models.items():
            model.predict_proba(read[reads[name]])
    return len(texts) / (time.process_time() - start)
