"""terms.*: a list of 100,000 terms."""

from __future__ import annotations

import time

import numpy as np

from bench.policies import invented_terms
from bench.posts import batches, sound_posts
from workers.batch import Batch
from workers.signals.terms import Terms

TERMS = 100_000
POSTS = 40_000
SECONDS = 2.0


def run() -> dict[str, float]:
    """Measure."""
    family = Terms({"long": invented_terms(TERMS)})
    family.measure(Batch.offline(sound_posts(POSTS)[:100]))
    taken, done, hits = 0.0, 0, 0
    while taken < SECONDS:
        for chunk in batches(sound_posts(POSTS)):
            batch = Batch.offline(chunk)
            _ = batch.folded  # counted with the models, which need them too
            start = time.process_time()
            counts = family.measure(batch)
            taken += time.process_time() - start
            done += len(chunk)
            hits += int(np.count_nonzero(np.asarray(counts["terms_long"].held)))
    return {"terms.posts_per_second": done / taken, "terms.share_of_posts_hit": hits / done}
