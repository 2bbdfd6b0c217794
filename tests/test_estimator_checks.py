"""scikit-learn's checks of every estimator, with settings other than the defaults."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import check_estimator

from isthmus import (
    Autoencoder,
    AutoencoderOutlierDetector,
    Denoiser,
    DenoisingAutoencoder,
    PretrainedClassifier,
)

FEW = {"max_iter": 1, "hidden_layer_sizes": (2,), "polish": 0, "refit": False}
LINEAR = {"hidden_layer_sizes": (), "max_iter": 1, "polish": 0, "refit": False}
UNUSUAL = {"validation_fraction": 0.0, "schedule": "constant", "batch_size": 8, "variance": "learned"}
# Settings that have nothing to do with one another are tried together.
OF_ONE = [
    {"n_components": "auto", "rotate": "varimax", "whiten": True, **LINEAR},
    {"n_components": 0.9, "whiten": True, **UNUSUAL, **FEW},
    {"start": "random", "output_activation": "sigmoid", "max_iter": 1, "hidden_layer_sizes": (2,), "polish": 2},
    {"scale": "minmax", "likelihood": "bernoulli", "n_components": None, **FEW},
    {"missing": "mask", "scale": "standard", **FEW},
    {"max_iter": 0},
]
OWN = {
    "CombinedAutoencoder": {"bottleneck": "top_k", "whiten": True, **FEW},
    "ContractiveAutoencoder": {"jacobian": "estimate", "whiten": True, **LINEAR},
    "DenoisingAutoencoder": {"corruption": "masking", "restoring": True, "whiten": True, **FEW},
    "NestedAutoencoder": {"size_decay": 0.0, "whiten": True, **LINEAR},
    "SparseAutoencoder": {"top_k": 1, **FEW},
    "VariationalAutoencoder": {"beta": 0.0, "variance": 0.5, "whiten": True, **LINEAR},
}
OTHERS = [
    AutoencoderOutlierDetector(autoencoder=Autoencoder(1, whiten=True, **LINEAR), contamination=0.2),
    Denoiser("salt_and_pepper", 0.2, autoencoder=DenoisingAutoencoder(1, whiten=True, **FEW)),
    Denoiser(level=0.1, clean=False, autoencoder=DenoisingAutoencoder(1, **LINEAR)),
    PretrainedClassifier(Autoencoder(1, whiten=True, **LINEAR), fine_tune=False),
]


def passes(estimator) -> None:
    results = check_estimator(estimator, expected_failed_checks={}, on_fail="raise", on_skip=None)
    assert len(results) > 30
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}  # it needs an environment variable set before SciPy is imported


@pytest.mark.parametrize("settings", OF_ONE, ids=str)
def test_the_plain_autoencoder_passes(settings):
    passes(Autoencoder(**{"n_components": 1} | settings))


def test_each_variant_passes_with_settings_of_its_own(kind):
    passes(kind(2, **OWN.get(kind.__name__, {"whiten": True, **LINEAR})))


@pytest.mark.parametrize("estimator", OTHERS, ids=lambda estimator: repr(estimator)[:60])
def test_the_others_pass(estimator):
    passes(estimator)
