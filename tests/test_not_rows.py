"""What is given in the place of rows: a path, a dict, an array of text. The message says what to pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA

from isthmus import (
    Autoencoder,
    AutoencoderOutlierDetector,
    Denoiser,
    PretrainedClassifier,
    SeriesOutlierDetector,
    WindowedAutoencoder,
    evaluate,
    rate_distortion,
)

TEXT = np.array([["red", "1"], ["blue", "2"], ["red", "3"]] * 10)


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return Autoencoder(1, max_iter=1, hidden_layer_sizes=(2,)).fit(np.random.default_rng(0).normal(size=(30, 2)))


CALLS = {
    "fit": lambda X, fitted: Autoencoder(1).fit(X),
    "transform": lambda X, fitted: fitted.transform(X),
    "evaluate": lambda X, fitted: evaluate(fitted, X),
    "detector": lambda X, fitted: AutoencoderOutlierDetector().fit(X),
    "denoiser": lambda X, fitted: Denoiser().fit(X),
    "classifier": lambda X, fitted: PretrainedClassifier().fit(X, [0, 1] * 15),
    "series": lambda X, fitted: SeriesOutlierDetector().fit(X),
    "rate_distortion": lambda X, fitted: rate_distortion(X),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_path_a_dict_and_text_are_refused_with_what_to_pass(call, fitted):
    for path in ("rows.csv", Path("rows.csv")):
        with pytest.raises(ValueError, match=r"X is 'rows\.csv', a path and no rows; pass isthmus\.read\("):
            CALLS[call](path, fitted)
    with pytest.raises(ValueError, match=r"X is a dict; .* pass pandas\.DataFrame\(X\)\.$"):
        CALLS[call]({"a": [1, 2, 3]}, fitted)
    numbers_only = call in ("denoiser", "classifier")
    cure = "takes numbers only" if numbers_only else "must be numbers" if call == "series" else "pass a DataFrame"
    with pytest.raises(ValueError, match=rf"{cure}") as refused:
        CALLS[call](TEXT, fitted)
    assert "'red'" in str(refused.value)


def test_a_sparse_matrix_that_is_a_dict_holds_rows():
    rows = scipy.sparse.random(30, 4, density=0.5, format="dok", random_state=0)
    assert isinstance(rows, dict)
    assert Autoencoder(1, max_iter=1, hidden_layer_sizes=(2,)).fit(rows).n_features_in_ == 4


def test_what_is_no_autoencoder_of_rows_is_not_evaluated():
    for estimator in (PCA(2), WindowedAutoencoder(2)):
        with pytest.raises(ValueError, match=f"evaluate: {type(estimator).__name__} is no autoencoder of rows;"):
            evaluate(estimator, np.zeros((5, 3)))
