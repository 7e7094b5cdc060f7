"""False alarms by dialect: ordinary English posts with features of African American English, and those without.

No set says who wrote a post, so posts are told apart by a few features of grammar and spelling that the literature
describes (Green, African American English, 2002; Rickford, African American Vernacular English, 1999; Jones, Toward a
Description of AAVE Dialect Regions Using "Black Twitter", 2015). Used to measure, never to score. Few posts of a
dialect carry a mark, and others use some of them, so that the difference is a sign, no measure of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of each kind: habitual be, no copula, been and done for aspect, negative concord, what is about to be done,
# existential it, second person plural, spellings of how a word sounds.
MARKS = re.compile(
    r"\b(?:(?:i|you|we|they|he|she|it|people|dudes|girls|guys) (?:always |really )?be (?:\w+in[g']?|so|like|all)"
    r"|(?:he|she|they|we|you|u) (?:gone|finna|tryna|gon|done|been) "
    r"|(?:done|been) \w+ed"
    r"|ain'?t (?:no|never|nobody|nothin[g']?|got no)"
    r"|don'?t (?:nobody|no|never) "
    r"|finna|fixna|tryna|gon|imma|ion|iont"
    r"|it'?s (?:some|a lot of) \w+ out here"
    r"|y'?all|yall"
    r"|dat|dis|dem|dey|wit|witcha|boutta|bouta|nuffin|sumn|somethin|nothin)\b",
    re.IGNORECASE,
)


class Alarms(NamedTuple):
    """Posts that are ordinary by their label, and the share of these that is called otherwise, from 0.5 on."""

    kind: str
    posts: int
    share: float


def marked(texts: Sequence[str]) -> NDArray[np.bool_]:
    """bool[n]: which of the texts carry a feature of the dialect."""
    return np.array([MARKS.search(text.replace("\u2019", "'")) is not None for text in texts], bool)


def alarms_by_dialect(texts: Sequence[str], positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> list[Alarms]:
    """False alarms among the ordinary posts with marks, and among those without. Shares are NaN where there is no
    post."""
    with_marks, called = marked(texts), chance >= 0.5
    return [
        Alarms(kind, int(rows.sum()), float(called[rows].mean()) if rows.any() else float("nan"))
        for kind, rows in (("with marks", with_marks & ~positive), ("without", ~with_marks & ~positive))
    ]
