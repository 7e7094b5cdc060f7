"""What makes alike posts a campaign: they have something to sell, or a way to whoever sells it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.batch import Batch
from workers.campaigns.finding import FULL_EVIDENCE
from workers.campaigns.sketch import named, numbered
from workers.campaigns.texts import Texts, comparable
from workers.values import Columns

CONTACT = "terms_contact"
WAYS = ("link_count", CONTACT)
"""Signals of a way to whoever sells: full evidence, where the policy has them."""
SELLING = ("marketing", "solicitation")
"""Models whose scores are evidence of as much."""
ABUSE = "abuse"
"""A model whose score speaks against it: who insults sells nothing."""
NAMED = 5
"""How many times as much the scores count where an account is named: few ordinary posts do, one advertisement in five
on Telegram; and yet flights, roads and stars of the same form are no way to anyone."""
WISHES = "terms_wishes"
WISH_EVERY = 11
"""Characters for each term of the policy's list `wishes` at which a text is nothing but a greeting."""
SITE = "link_domain"
ASKED = frozenset({*WAYS, *SELLING, ABUSE, WISHES, SITE})
"""Signals that are to be measured: those of lists and models where the policy has the list, and the model is loaded."""


def texts_of(batch: Batch, columns: Columns, authors: NDArray[np.uint64] | None = None) -> Texts:
    """The comparable posts of a batch whose signals are measured.

    A post's evidence is full when it has a link, a term of the policy's list `contact`, or a number long enough to
    call or write to; else it is the larger of its scores as marketing and as solicitation, less as far as it scores as
    abuse, and as the text consists of wishes, for shops wish their customers the same before they come to their offer;
    and NAMED times that where the text names an account.
    Posts that are alike and have hardly any on average are a greeting, a form, a slogan: no campaign, however many.

    authors: uint64[n], hashes of the authors' ids, if they are known already.
    """
    evidence = np.zeros(len(batch), np.float32)
    for model in SELLING:
        if model in columns:
            np.maximum(evidence, columns[model].array, out=evidence)
    if ABUSE in columns:
        evidence *= 1 - columns[ABUSE].array
    if WISHES in columns:
        lengths = batch.folded_text.lengths
        evidence *= 1 - np.minimum(columns[WISHES].array * (WISH_EVERY / np.maximum(lengths, 1)), 1)
    name = named(batch)
    evidence[name] = np.minimum(NAMED * evidence[name], 1)
    for way in WAYS:
        if way in columns:
            evidence[columns[way].array > 0] = 1
    evidence[numbered(batch)] = 1
    points = (evidence * FULL_EVIDENCE).astype(np.uint32)
    reachable = name | (columns[CONTACT].array > 0) if CONTACT in columns else name
    return comparable(batch, points, columns[SITE].to_list(), authors, reachable)
