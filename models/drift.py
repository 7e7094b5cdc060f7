"""Score drift: does a model say of today's posts what it said of those it was accepted on?

Scores are counted in fixed bins, and two such histograms compared by the population stability index. By custom below
0.1 is steady, above 0.25 has shifted: either the posts have changed or what reads them. A registry keeps what to
compare with in `scores.json`, for each model the histogram of one version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.registry import Entry, RegistryError, alone, write_json

EDGES = np.array((0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99), np.float32)
"""A bin holds scores above the edge before it, up to and with its own; the last holds those above every edge."""
BINS = len(EDGES) + 1
REFERENCE_FILE = "scores.json"
LEAST_POSTS = 1_000
"""Fewer posts than this say nothing: the index of two samples of one stream is about BINS / posts."""


class Reference(msgspec.Struct, frozen=True):
    """How a version's scores lay when it was accepted. posts: what they are of, in words. counts: posts in each bin."""

    version: str
    posts: str
    counts: list[int]


References = dict[str, Reference]


def binned(scores: NDArray[Any]) -> NDArray[np.int64]:
    """int64[BINS], how many of the scores lie in each bin."""
    return np.bincount(np.searchsorted(EDGES, scores), minlength=BINS)


def stability_index(now: NDArray[Any], then: NDArray[Any]) -> float:
    """The population stability index (Siddiqi, Credit Risk Scorecards, 2006): sum of (p - q) ln(p / q) over bins.

    now, then: posts in each bin, weighted ones too. Half a post is added to each, so that an empty bin is no
    infinity. 0 for the same shares.
    """
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (np.asarray(now), np.asarray(then)))
    return float(((p - q) * np.log(p / q)).sum())


def read_references(directory: Path) -> References:
    """By model; empty where the registry in `directory` has none. RegistryError if the file is none of ours."""
    path = directory / REFERENCE_FILE
    try:
        references = msgspec.json.decode(path.read_bytes(), type=References)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RegistryError(f"cannot read {path}: {error}; `sluicegate models reference` writes it anew") from None
    for name, reference in references.items():
        if len(reference.counts) != BINS or min(reference.counts) < 0 or sum(reference.counts) < LEAST_POSTS:
            raise RegistryError(
                f"{path}: {name} needs {BINS} counts of at least {LEAST_POSTS:,} posts together; "
                "`sluicegate models reference` writes it anew"
            )
    return references


def write_reference(directory: Path, entry: Entry, posts: str, scores: NDArray[Any]) -> bool:
    """Keep scores as what this entry's are compared with. False, and nothing kept, where they are too few.

    The file is written whole or not at all; one that holds no references is written anew.
    """
    if len(scores) < LEAST_POSTS:
        return False
    with alone(directory):
        try:
            references = read_references(directory)
        except RegistryError:
            references = {}
        references[entry.name] = Reference(entry.version, posts, binned(scores).tolist())
        write_json(directory / REFERENCE_FILE, msgspec.json.encode(references, order="sorted"))
    return True
