from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.documents import documents
from models.folding import fold
from models.grammar import labelled_texts
from models.grams import grams
from models.lanes import on_grid
from models.registry import Registry
from models.scorer import Scorer
from models.spans import Piece

ROWS = list(labelled_texts(800, seed=9, labels=["chatter", "solicitation"]))
TEXTS, NAMES = [row.text for row in ROWS], [row.name for row in ROWS]
TRUTH = np.array([row.label == "solicitation" for row in ROWS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of two models that compile, of unlike width, and two that do not."""
    where = tmp_path_factory.mktemp("models")
    registry = Registry(where, create=True)
    both = documents(TEXTS, NAMES, "name+text")
    narrow = make_pipeline(CharGrams(bits=14), LogisticRegression(C=10)).fit(TEXTS, TRUTH)
    wide = make_pipeline(CharGrams(bits=16, named=True), LogisticRegression(C=10)).fit(both, TRUTH)
    for pipeline in (narrow, wide):
        pipeline[-1].coef_ = on_grid(pipeline[-1].coef_)
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
    registry.add("narrow", narrow, "text", "2026-01-01")
    registry.add("wide", wide, "name+text", "2026-01-01")
    registry.add("slow", make_pipeline(words, LogisticRegression()).fit(TEXTS, TRUTH), "text", "2026-01-01")
    registry.add("slow_named", make_pipeline(words, LogisticRegression()).fit(both, TRUTH), "name+text", "2026-01-01")
    return where


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return Scorer.load(folder)


def test_every_model_scores_as_its_pipeline_does(folder: Path, scorer: Scorer) -> None:
    scores = scorer.score(grams(fold(TEXTS)), grams(fold(NAMES)), TEXTS, NAMES)
    assert scores.shape == (len(TEXTS), 4)
    assert scores.dtype == np.float32
    registry = Registry(folder)
    for column, name in enumerate(scorer.names):
        entry = registry.entry(name)
        expected = registry.load(entry).predict_proba(documents(TEXTS, NAMES, entry.input))[:, 1]
        assert np.abs(scores[:, column] - expected).max() < 1e-5
        assert scorer.versions[name] == entry.version


def test_no_posts_have_no_scores(scorer: Scorer) -> None:
    assert scorer.score(grams(fold([])), grams(fold([])), [], []).shape == (0, 4)


def spans(scorer: Scorer, texts: list[str], names: list[str], model: str, top: int = 3) -> list[list[Piece]]:
    return scorer.spans(fold([*texts, *names]), texts, names, {model: range(len(texts))}, top)[model]


def test_spans_are_given_for_the_posts_that_are_wanted_of_a_model(scorer: Scorer) -> None:
    whole = spans(scorer, TEXTS[:9], NAMES[:9], "wide")
    texts, names = TEXTS[:9], NAMES[:9]
    some = scorer.spans(fold([*texts, *names]), texts, names, {"wide": [2, 7], "narrow": []})
    assert some == {"wide": [whole[2], whole[7]], "narrow": []}


@pytest.mark.parametrize("model", ["narrow", "wide", "slow", "slow_named"])
def test_spans_point_at_the_words_that_weighed_most(scorer: Scorer, model: str) -> None:
    quiet = "今天天气真不错，我们去公园走走吧，晚上一起吃饭。"
    spam = TEXTS[int(np.flatnonzero(TRUTH & np.array([len(text) > 8 for text in TEXTS]))[0])]
    (pieces,) = spans(scorer, [quiet + spam + quiet], [""], model)
    assert 1 <= len(pieces) <= 3
    field, start, end, weight = pieces[0]
    assert field == "text"
    assert weight > 0
    assert start < len(quiet) + len(spam)
    assert end > len(quiet)


def test_spans_are_offsets_of_the_text_as_it_was_written(scorer: Scorer) -> None:
    spam = next(row.text for row in ROWS if row.label == "solicitation" and row.lang == "zh")
    plain, spread = spans(scorer, [spam, ".".join(spam)], ["", ""], "narrow", top=1)
    assert len(plain) == len(spread) == 1
    for (field, start, end, _), text in ((plain[0], spam), (spread[0], ".".join(spam))):
        assert field == "text"
        assert 0 <= start < end <= len(text)


def test_a_name_that_weighs_is_a_span_of_its_own(scorer: Scorer) -> None:
    for model in ("wide", "slow_named"):
        name = max(NAMES, key=lambda name: scores_of(scorer, model, "好的", name))
        (pieces,) = spans(scorer, ["好的"], [name], model, top=5)
        found = [piece for piece in pieces if piece[0] == "name"]
        assert found
        assert all(0 <= start < end <= len(name) for _, start, end, _ in found)


def scores_of(scorer: Scorer, model: str, text: str, name: str) -> float:
    scores = scorer.score(grams(fold([text])), grams(fold([name])), [text], [name])
    return float(scores[0, scorer.names.index(model)])


@pytest.mark.parametrize("model", ["narrow", "wide", "slow", "slow_named"])
def test_nothing_to_read_has_no_spans(scorer: Scorer, model: str) -> None:
    assert spans(scorer, ["", "..."], ["", ""], model) in ([[], []], [[], spans(scorer, ["..."], [""], model)[0]])
    assert spans(scorer, [], [], model) == []


def test_spans_are_few_and_heaviest_first(scorer: Scorer) -> None:
    for pieces in spans(scorer, TEXTS[:50], NAMES[:50], "wide", top=2):
        weights = [weight for *_, weight in pieces]
        assert len(pieces) <= 2
        assert weights == sorted(weights, reverse=True)


def test_importing_the_scorer_leaves_scikit_learn_alone() -> None:
    check = "import sys, models.scorer; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
