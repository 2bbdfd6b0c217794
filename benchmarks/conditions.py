"""Models given covariates: is the batch removed from the code, and how much smaller is the error?

    python benchmarks/conditions.py [--seeds 3] [--max-iter N] [--again]

1. Digits in three batches, as if from three scanners: in each, every pixel has its own offset (normal, σ = 0.3) and, in
   two of the three settings, its own gain (log-normal, σ = 0.3 or 0.7). Batches are drawn at random, independent of the
   class. Batch and class are predicted from codes of held-out rows by 5 nearest neighbours and by logistic regression,
   cross-validated. Chance is the largest batch. Compared: PCA, PCA of the residuals of least squares on the batch, the
   model with and without the batch, and the model with a penalty on dependence of code and batch
   (`CombinedAutoencoder(dependence=30, polish=0)`).
2. Digits given their class: mean squared error per pixel at 2 latents, with and without, and by a model for each class.

Writes benchmarks/results/conditions.json and given_class.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from isthmus import Autoencoder, CombinedAutoencoder
from isthmus.tables import load_bundled, split_table
from ways import Ways

RESULTS = Path(__file__).parent / "results"
BATCHES = np.array(["A", "B", "C"])
EFFECTS = {"offsets": 0.0, "offsets and small gains": 0.3, "offsets and large gains": 0.7}
LATENTS, WEIGHT = 8, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int, default=None)
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    batches, classes = (Ways(RESULTS / f"{name}.json", again=asked.again) for name in ("conditions", "given_class"))
    for seed in range(asked.seeds):
        settings = {"max_iter": asked.max_iter, "random_state": seed}
        for effect, spread in EFFECTS.items():
            for way, figures in ways_with_batches(seed, spread, settings).items():
                batches.measure(f"batches differ by {effect}", seed, way, figures)
        for way, figures in ways_given_class(seed, settings).items():
            classes.measure("digits to 2", seed, way, figures)


def in_batches(X: np.ndarray, gains: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures as from one of three scanners, and which one."""
    rng = np.random.default_rng(seed)
    batch, shape = rng.integers(0, 3, len(X)), (3, X.shape[1])
    gain, offset = np.exp(gains * rng.normal(size=shape)), 0.3 * rng.normal(size=shape)
    return gain[batch] * X + offset[batch], BATCHES[batch]


def ways_with_batches(seed: int, gains: float, settings: dict[str, Any]) -> dict[str, Callable[[], dict[str, float]]]:
    """For each method, a function that gives the accuracies for batch and class, and the error."""
    digits = load_bundled("digits")
    X, batch = in_batches(digits.values / digits.values.max(), gains, seed)
    train, test = split_table(digits, 0.3, seed)
    encoder = OneHotEncoder(sparse_output=False).fit(batch[:, None])
    linear = LinearRegression().fit(encoder.transform(batch[train, None]), X[train])
    explained = linear.predict(encoder.transform(batch[:, None]))

    def figures(codes: np.ndarray, rebuilt: np.ndarray) -> dict[str, float]:
        found = {"error": float(np.square(rebuilt - X[test]).mean())}
        for name, labels in (("batch", batch[test]), ("class", digits.labels[test])):
            found |= read_from(codes, labels, name)
        return found

    def by_pca(removed: np.ndarray) -> dict[str, float]:
        pca = PCA(LATENTS).fit(X[train] - removed[train])
        codes = pca.transform(X[test] - removed[test])
        return figures(codes, pca.inverse_transform(codes) + removed[test])

    def by_network(network: Autoencoder, *, given: bool) -> dict[str, float]:
        network.fit(X[train], given=batch[train] if given else None)
        new = {"given": batch[test] if given else None}
        return figures(network.transform(X[test], **new), network.reconstruct(X[test], **new))

    def chance() -> dict[str, float]:
        largest = float(max(np.mean(batch[test] == name) for name in BATCHES))
        return {"batch, 5-NN": largest, "batch, regression": largest}

    penalized = CombinedAutoencoder(LATENTS, dependence=WEIGHT, polish=0, **settings)
    return {
        "PCA": lambda: by_pca(np.zeros_like(X)),
        "PCA after regressing out": lambda: by_pca(explained),
        "isthmus": lambda: by_network(Autoencoder(LATENTS, **settings), given=False),
        "isthmus, given the batch": lambda: by_network(Autoencoder(LATENTS, **settings), given=True),
        "the same with the penalty": lambda: by_network(penalized, given=True),
        "chance": chance,
    }


def read_from(codes: np.ndarray, labels: np.ndarray, name: str) -> dict[str, float]:
    """Accuracy of neighbours and of logistic regression in predicting labels from standardized codes."""
    readers = {"5-NN": KNeighborsClassifier(5), "regression": LogisticRegression(max_iter=500)}
    return {
        f"{name}, {reader}": float(cross_val_score(make_pipeline(StandardScaler(), one), codes, labels, cv=5).mean())
        for reader, one in readers.items()
    }


def ways_given_class(seed: int, settings: dict[str, Any]) -> dict[str, Callable[[], dict[str, float]]]:
    """Functions that give the error per pixel of 2 latents, without and with the class."""
    digits = load_bundled("digits")
    train, test = split_table(digits, 0.2, seed)
    X, classes = digits.values / digits.values.max(), digits.labels.astype(str)

    def error(given: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> dict[str, float]:
        rebuilt = Autoencoder(2, **settings).fit(X[train], **given).reconstruct(X[test], **new)
        return {"error": float(np.square(rebuilt - X[test]).mean())}

    def a_model_each() -> dict[str, float]:
        squares = 0.0
        for name in np.unique(classes):
            own, new = X[train][classes[train] == name], X[test][classes[test] == name]
            squares += np.square(Autoencoder(2, **settings).fit(own).reconstruct(new) - new).sum()
        return {"error": float(squares / X[test].size)}

    return {
        "without the class": lambda: error({}, {}),
        "given the class": lambda: error({"given": classes[train]}, {"given": classes[test]}),
        "a model for each class": a_model_each,
    }


if __name__ == "__main__":
    main()
