from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from models.char_grams import CharGrams
from models.documents import documents
from models.folding import fold
from models.grams import ODD_HASH, SHAPE_VALUE, columns, grams

# Checks of scikit-learn that feed an estimator nothing it cannot read.
APPLY = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
]
# Every other check fits on an array of numbers, which is no text; what they look for is tested below on texts:
# check_dict_unchanged, check_dont_overwrite_attributes, check_estimators_dtypes, check_estimators_fit_returns_self,
# check_estimators_nan_inf, check_estimators_overwrite_params, check_estimators_pickle, check_fit1d,
# check_fit2d_1feature, check_fit2d_1sample, check_fit2d_predict1d, check_fit_check_is_fitted,
# check_fit_idempotent, check_fit_score_takes_y, check_f_contiguous_array_estimator, check_methods_*,
# check_n_features_in*, check_pipeline_consistency, check_positive_only_tag_during_fit, check_readonly_memmap_input,
# check_transformer_*, check_transformers_unfitted*. There is no n_features_in_: a text has no columns.

TEXTS = ["加微信看视频", "nice weather today", "", "哈哈"]


@pytest.mark.parametrize("check", APPLY, ids=lambda check: check.__name__)
def test_scikit_learns_checks_pass(check) -> None:  # type: ignore[no-untyped-def]
    check("CharGrams", CharGrams())


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_check_estimator_has_no_complaint() -> None:
    results = estimator_checks.check_estimator(CharGrams(), on_fail=None)
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []


def test_fit_returns_itself_and_keeps_its_parameters() -> None:
    transformer = CharGrams(bits=12)
    assert transformer.fit(TEXTS) is transformer
    assert transformer.get_params() == {"bits": 12, "named": False}


def test_an_unfitted_transformer_says_so() -> None:
    with pytest.raises(NotFittedError):
        CharGrams().transform(TEXTS)


@pytest.mark.parametrize("bad", ["one text", [1, 2], [None], [b"bytes"], np.zeros((2, 2))])
def test_what_is_no_texts_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="str"):
        CharGrams().fit_transform(bad)


def test_bits_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and 30"):
        CharGrams(bits=31).fit(TEXTS)


def test_transform_gives_the_same_for_texts_one_by_one_and_in_a_pipeline() -> None:
    together = CharGrams().fit_transform(TEXTS)
    assert together.shape == (4, 2**19)
    assert together.dtype == np.float32
    for row, text in enumerate(TEXTS):
        assert (CharGrams().fit([]).transform(iter([text])) != together[row]).nnz == 0
    assert (make_pipeline(clone(CharGrams())).fit_transform(TEXTS) != together).nnz == 0


def test_a_row_is_counts_over_the_root_of_their_number_and_column_0_is_free() -> None:
    text = "一二一二"
    row = CharGrams(bits=19).fit_transform([text]).toarray()[0]
    found = grams(fold([text]))
    expected = np.bincount(columns(found.hashes, 19, "text").ravel(), minlength=2**19) / 3.0
    expected[columns(np.array([ODD_HASH]), 19, "text")] = found.odd[0] / 3.0
    expected[columns(found.shapes[:, 0], 19, "text")] += SHAPE_VALUE
    expected[0] = 0
    assert np.allclose(row, expected)


def test_words_stand_in_columns_of_their_own() -> None:
    row = CharGrams(bits=19).fit_transform(["free money"])
    word_columns = columns(grams(fold(["free money"])).words, 19, "text").ravel()
    assert np.count_nonzero(row[0, word_columns].toarray()) == 3  # two words and a pair; before the first there is none


def test_a_length_counts_the_same_in_short_texts_and_long_ones() -> None:
    for text in ("一", "一二三四五六七八" * 30):
        row = CharGrams(bits=19).fit_transform([text])
        length = columns(grams(fold([text])).shapes[0], 19, "text")
        assert row[0, length].toarray() == SHAPE_VALUE


def test_a_name_has_columns_of_its_own_and_its_own_scale() -> None:
    def read(name: str, text: str) -> Any:
        return CharGrams(named=True).fit_transform(documents([text], [name], "name+text"))

    one, other, both = read("加微信", ""), read("", "加微信"), read("加微信", "一二三")
    assert one.multiply(other).nnz == 0
    in_name = columns(grams(fold(["加微信"])).hashes, 19, "name")
    assert np.allclose(both[0, in_name[0]].toarray(), one[0, in_name[0]].toarray())


def test_a_line_end_in_a_name_does_not_move_the_border() -> None:
    broken = CharGrams(named=True).fit_transform(documents(["cd"], ["a\nb"], "name+text"))
    spelled = CharGrams(named=True).fit_transform(["a\rb\ncd"])
    assert (broken != spelled).nnz == 0
