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
    PretrainedRegressor,
)

FEW = {"max_iter": 1, "hidden_layer_sizes": (2,)}
LINEAR = {"hidden_layer_sizes": ()}
OF_EACH = [LINEAR, {"whiten": True, **FEW}, {"start": "random", "polish": 2, **FEW}]
OF_ONE = [
    {"n_components": None, **FEW},
    {"n_components": 0.9, **LINEAR},
    {"n_components": 0.9, **FEW},
    {"n_components": "auto", **LINEAR},
    {"rotate": "varimax", **LINEAR},
    {"rotate": "varimax", "whiten": True, **LINEAR},
    {"scale": "minmax", "likelihood": "bernoulli", **FEW},
    {"scale": "standard", "variance": "learned", **FEW},
    {"missing": "mask", **FEW},
    {"validation_fraction": 0.0, **FEW},
    {"start": "random", "output_activation": "sigmoid", **FEW},
    {"schedule": "constant", "early_stopping": False, "batch_size": 8, "verbose": True, **FEW},
    {"max_iter": 0},
]
OWN = {
    "CombinedAutoencoder": [{"bottleneck": name, **FEW} for name in ("gaussian", "top_k")],
    "ContractiveAutoencoder": [{"jacobian": "estimate", **FEW}],
    "DenoisingAutoencoder": [{"corruption": "masking", "restoring": True, **FEW}],
    "NestedAutoencoder": [{"size_decay": 0.0, **FEW}],
    "SparseAutoencoder": [{"top_k": 1, **FEW}, {"activation_rate": 0.2, **FEW}],
    "VariationalAutoencoder": [{"beta": 0.0, "variance": 0.5, **FEW}],
}
OTHERS = [
    AutoencoderOutlierDetector(autoencoder=Autoencoder(1, whiten=True, **LINEAR), contamination=0.2),
    Denoiser("salt_and_pepper", 0.2, autoencoder=DenoisingAutoencoder(1, **FEW)),
    Denoiser(level=0.1, clean=False, autoencoder=DenoisingAutoencoder(1, **LINEAR)),
    PretrainedClassifier(Autoencoder(1, **LINEAR), n_steps=3),
    PretrainedClassifier(Autoencoder(1, **FEW), fine_tune=False),
    PretrainedRegressor(Autoencoder(1, whiten=True, **LINEAR), n_steps=3),
]


def passes(estimator) -> None:
    results = check_estimator(estimator, expected_failed_checks={}, on_fail="raise", on_skip=None)
    assert len(results) > 30
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}  # it needs an environment variable set before SciPy is imported


@pytest.mark.parametrize("settings", OF_EACH, ids=str)
def test_every_variant_passes(kind, settings):
    passes(kind(1, **settings))


@pytest.mark.parametrize("settings", OF_ONE, ids=str)
def test_the_plain_autoencoder_passes(settings):
    passes(Autoencoder(**{"n_components": 1} | settings))


def test_each_variant_passes_with_settings_of_its_own(kind):
    for settings in OWN.get(kind.__name__, []):
        passes(kind(2, **settings))


@pytest.mark.parametrize("estimator", OTHERS, ids=lambda estimator: repr(estimator)[:60])
def test_the_others_pass(estimator):
    passes(estimator)
