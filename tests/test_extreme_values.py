"""Values that float32 cannot hold are refused by name, or warned of; never a NaN and never another library's error."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, Denoiser, VariationalAutoencoder


def plain_rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module", params=[Autoencoder, VariationalAutoencoder])
def fitted(request):
    return request.param(2, max_iter=2, random_state=0).fit(plain_rows())


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("corruption", ["gaussian", "masking"])
def test_a_denoiser_refuses_them_by_name(clean, corruption):
    X = plain_rows()
    X[3, 2] = 1e300
    with pytest.raises(ValueError, match=r"too large for float32 in column 2, 1e.300"):
        Denoiser(corruption, clean=clean, random_state=0).fit(X)


def test_a_row_far_away_is_warned_of(fitted):
    X = plain_rows()[:5]
    X[1, 0] = 1e30
    with pytest.warns(UserWarning, match="1 of 5 rows, the first of them row 1, .* -inf"):
        scores = fitted.score_samples(X)
    assert np.isneginf(scores[1])
    assert np.isfinite(np.delete(scores, 1)).all()


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
def test_a_new_row_beyond_float32_is_refused_by_name(fitted, method):
    X = plain_rows()[:5]
    X[1, 3] = -1e200
    with pytest.raises(ValueError, match=r"too large for float32 in column 3, 1e.200"):
        getattr(fitted, method)(X)
