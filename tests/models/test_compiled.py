from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from models.char_grams import CharGrams
from models.compiled import Compiled, WeightTable, compile_pipeline, linear_and_calibration, pieces
from models.documents import documents
from models.folding import fold
from models.grammar import labelled_texts
from models.grams import columns, grams
from models.lanes import LARGEST, on_grid

ROWS = list(labelled_texts(600, seed=5))
TEXTS = [row.text for row in ROWS]
NAMES = [row.name for row in ROWS]
TRUTH = np.array([row.label != "chatter" for row in ROWS])
ANY_TEXTS = st.lists(st.text(alphabet=st.characters(), max_size=80), min_size=1, max_size=8)


def plain() -> Any:
    return LogisticRegression()


def platt() -> Any:
    return CalibratedClassifierCV(LogisticRegression(), method="sigmoid", cv=3, ensemble=False)


def isotonic() -> Any:
    return CalibratedClassifierCV(LogisticRegression(C=0.01), method="isotonic", cv=3, ensemble=False)


def frozen_ridge() -> Any:
    read = CharGrams(bits=14).fit_transform(TEXTS)
    return CalibratedClassifierCV(FrozenEstimator(RidgeClassifier(alpha=50).fit(read, TRUTH)), method="sigmoid")


def fitted(classifier: Any, *, named: bool = False, bits: int = 14) -> Pipeline:
    read = documents(TEXTS, NAMES, "name+text" if named else "text")
    return make_pipeline(CharGrams(bits=bits, named=named), classifier).fit(read, TRUTH)


def rounded(pipeline: Pipeline) -> Pipeline:
    """With its weights on the grid, as training leaves them."""
    found = linear_and_calibration(pipeline[-1])
    assert found is not None
    found[0].coef_ = on_grid(found[0].coef_)
    return pipeline


def compiled(pipeline: Pipeline) -> Compiled:
    model = compile_pipeline(pipeline)
    assert model is not None
    return model


PIPELINES = {
    "plain": rounded(fitted(plain())),
    "platt": rounded(fitted(platt())),
    "isotonic": rounded(fitted(isotonic())),
    "ridge": rounded(fitted(frozen_ridge())),
    "named": rounded(fitted(platt(), named=True)),
}


@pytest.mark.parametrize("kind", PIPELINES)
@given(texts=ANY_TEXTS, names=st.data())
@settings(deadline=None, max_examples=60)
def test_the_compiled_probability_is_the_pipelines(kind: str, texts: list[str], names: Any) -> None:
    pipeline = PIPELINES[kind]
    given_names = names.draw(st.lists(st.text(max_size=12), min_size=len(texts), max_size=len(texts)))
    model = compiled(pipeline)
    got = WeightTable([model]).probabilities(grams(fold(texts)), grams(fold(given_names)))[:, 0]
    read = documents(texts, given_names, "name+text" if model.named else "text")
    assert np.abs(got - pipeline.predict_proba(read)[:, 1]).max() < 3e-5


@pytest.mark.parametrize("kind", PIPELINES)
def test_the_compiled_probability_holds_on_written_posts(kind: str) -> None:
    model = compiled(PIPELINES[kind])
    got = WeightTable([model]).probabilities(grams(fold(TEXTS)), grams(fold(NAMES)))[:, 0]
    read = documents(TEXTS, NAMES, "name+text" if model.named else "text")
    assert np.abs(got - PIPELINES[kind].predict_proba(read)[:, 1]).max() < (
        1e-4 if kind == "isotonic" else 1e-5
    )  # its steps are steep


def test_models_side_by_side_score_as_they_do_alone() -> None:
    models = [compiled(PIPELINES[kind]) for kind in ("plain", "platt", "named")]
    text, name = grams(fold(TEXTS)), grams(fold(NAMES))
    together = WeightTable(models).probabilities(text, name)
    for place, model in enumerate(models):
        assert (together[:, place] == WeightTable([model]).probabilities(text, name)[:, 0]).all()


def test_a_post_scores_the_same_to_the_last_bit_in_every_batch() -> None:
    model = compiled(PIPELINES["named"])
    alone = [
        WeightTable([model]).probabilities(grams(fold([text])), grams(fold([name])))[0, 0]
        for text, name in zip(TEXTS[:50], NAMES[:50], strict=True)
    ]
    together = WeightTable([model]).probabilities(grams(fold(TEXTS)), grams(fold(NAMES)))
    assert together[:50, 0].tolist() == alone


def test_a_model_off_the_grid_moves_by_no_more_than_half_a_step_a_gram() -> None:
    pipeline = fitted(plain())
    model = compiled(pipeline)
    read = grams(fold(TEXTS))
    served = WeightTable([model]).margins([(read, "text")])[0] * model.step + model.bias
    moved = served - pipeline.decision_function(TEXTS)
    counted = read.odd + sum(hashes.shape[1] * np.diff(starts) for hashes, starts in read.counted())
    most = counted / np.sqrt(np.maximum(read.counts(), 1)) + 1.5
    assert (np.abs(moved) <= model.step / 2 * most + 1e-5).all()
    assert np.abs(moved).max() > 1e-5


def test_sums_of_the_largest_levels_are_exact_however_long_the_text() -> None:
    signs = (1, -1, 1)
    bits = 10
    models = [
        Compiled(bits, False, np.full(1 << bits, sign * LARGEST, np.int16), 1.0, 0.0, lambda margins: margins)
        for sign in signs
    ]
    for model in models:
        model.levels[0] = 0
    texts = ["", "a b, c! " * 700, "x", "今天天气" * 300, ""]
    read = grams(fold(texts))
    assert all((columns(hashes[hashes != 0], bits, "text") != 0).all() for hashes, _ in read.counted())
    sums = WeightTable(models).sums([(read, "text")])
    held = [np.cumsum([0, *(hashes != 0).sum(axis=1)])[starts] for hashes, starts in read.counted()]
    expected = np.diff(sum(held)) * LARGEST
    assert (sums == np.array(signs)[:, None] * expected).all()


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9))
def test_pieces_cover_each_text_and_are_no_longer_than_asked(lengths: list[int], size: int) -> None:
    starts = np.cumsum([0, *lengths])
    begins, firsts = pieces(starts, size)
    for place, length in enumerate(lengths):
        own = begins[firsts[place] : firsts[place + 1]].tolist()
        assert own == list(range(starts[place], starts[place] + length, size))


def test_a_very_long_text_and_empty_ones_beside_it_are_scored() -> None:
    texts = ["", TEXTS[0] * 5_000, "", TEXTS[1], ""]
    pipeline = PIPELINES["platt"]
    got = WeightTable([compiled(pipeline)]).probabilities(grams(fold(texts)), grams(fold([""] * 5)))[:, 0]
    assert np.abs(got - pipeline.predict_proba(texts)[:, 1]).max() < 1e-4


@pytest.mark.parametrize(
    "build",
    [
        lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()),
        lambda: make_pipeline(CharGrams(bits=10), CalibratedClassifierCV(LogisticRegression(), cv=3)),
        lambda: make_pipeline(CharGrams(bits=10), SGDClassifier(loss="modified_huber", random_state=0)),
        lambda: make_pipeline(CharGrams(bits=10), "passthrough", LogisticRegression()),
    ],
    ids=["other columns", "an ensemble", "another curve", "another step"],
)
def test_what_is_not_one_weight_a_gram_is_not_compiled(build: Callable[[], Any]) -> None:
    assert compile_pipeline(build().fit(TEXTS, TRUTH)) is None
