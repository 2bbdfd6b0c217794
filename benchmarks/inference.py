"""Costs and benefits of polished codes: error, cost of a step, sizes found by the score, noise, error bars.

    python benchmarks/inference.py               every question; about an hour on two cores left alone
    python benchmarks/inference.py --only cost   one of: cost, memory, digits, steps, needs, sizes, harder, bands, uses

Digits use the tutorial's split and five seeds. All other data are generated here, with seeds that were not used to
choose defaults (docs/defaults.md names the tables and seeds that were). Writes benchmarks/results/inference.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from isthmus import Autoencoder, AutoencoderOutlierDetector, rate_distortion
from isthmus.inference.codes import infer
from isthmus.inference.descent import descend
from isthmus.inference.target import GaussianTarget
from isthmus.parts.network import Architecture
from isthmus.tables import load_bundled, split_table

RESULTS = Path(__file__).parent / "results" / "inference.json"
SEEDS = range(5)


# ---- costs ---------------------------------------------------------------------------------------------


def cost() -> dict[str, Any]:
    """One step against its matrix products alone, and against the encoder's pass; microseconds per row."""
    torch.set_num_threads(1)
    shapes = ((2, 64, 128), (8, 64, 128), (8, 100, 256), (32, 100, 256), (8, 784, 512), (32, 784, 512))
    with torch.inference_mode():
        return {
            f"{size} latents, {columns} columns, layers of {width}": _cost_of(size, columns, width)
            for size, columns, width in shapes
        }


def _cost_of(size: int, columns: int, width: int, n_rows: int = 1024) -> dict[str, float]:
    encoder, decoder = Architecture(columns, size, hidden_widths=(width,) * 3).build()
    x, z, metric = torch.randn(n_rows, columns), torch.randn(n_rows, size), torch.eye(size)
    target = GaussianTarget(x)
    work = {
        "encoder": lambda: encoder(x),
        "products": lambda: _products(size, columns, width, n_rows),
        "step": lambda: infer(decoder, target, z, steps=1),
        "three steps of descent": lambda: descend(decoder, target, z, metric, steps=3),
    }
    row = {name: 1e6 * _seconds(job) / n_rows for name, job in work.items()}
    return row | {"step over products": row["step"] / row["products"]}


def _products(size: int, columns: int, width: int, n_rows: int, block: int = 256) -> None:
    """The products of one Levenberg-Marquardt step: Jacobian, normal equations, and the value at the trial."""
    hidden, out = torch.randn(block * (size + 1), width), torch.randn(block, size + 1, columns)
    weights = [
        torch.randn(width, size),
        torch.randn(width, width),
        torch.randn(width, width),
        torch.randn(columns, width),
    ]
    code = torch.randn(block, size)
    for _ in range(n_rows // block):
        code @ weights[0].T
        for weight in weights[1:]:
            hidden @ weight.T
        out @ out.mT
        code @ weights[0].T
        for weight in weights[1:]:
            hidden[:block] @ weight.T


def _seconds(work: Callable[[], Any], repeats: int = 9) -> float:
    """The minimum processor time of several runs: other work on the machine only adds to it."""
    work()
    found = []
    for _ in range(repeats):
        started = time.thread_time()
        work()
        found.append(time.thread_time() - started)
    return min(found)


def memory(n_rows: int = 1_000_000, n_columns: int = 100) -> dict[str, float]:
    """`transform` of a million rows to 8 latents: seconds, and peak memory added besides its result."""
    rng = np.random.default_rng(304)
    mixing = rng.standard_normal((8, n_columns)).astype(np.float32)
    X = np.tanh(rng.standard_normal((n_rows, 8), dtype=np.float32) @ mixing)
    X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32)
    model = Autoencoder(8, random_state=0, max_iter=3).fit(X[:20_000]).set_params(polish=3)
    model.transform(X[:50_000])
    before, started = _peak_megabytes(), time.process_time()
    codes = model.transform(X)
    seconds = time.process_time() - started
    found = {"seconds of processor time": seconds, "megabytes of rows": X.nbytes / 2**20}
    return found | {"megabytes added": _peak_megabytes() - before, "megabytes of codes": codes.nbytes / 2**20}


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ---- benefits -------------------------------------------------------------------------------------------


def digits() -> dict[str, Any]:
    """Test error per pixel over seeds: polished, the encoder's codes of the same model, and an ordinary fit."""
    table = load_bundled("digits")
    train, test = (table.values[rows] for rows in split_table(table, 0.2, 42))
    found = {}
    for size in (2, 4, 8, 16):
        errors: dict[str, list[float]] = {"polished": [], "its encoder alone": [], "ordinary fit": [], "seconds": []}
        for seed in SEEDS:
            started = time.process_time()
            model = Autoencoder(size, random_state=seed).fit(train)
            errors["seconds"].append(time.process_time() - started)
            errors["polished"].append(_error(model, test))
            errors["its encoder alone"].append(_error(model.set_params(polish=0), test))
            errors["ordinary fit"].append(_error(Autoencoder(size, polish=0, random_state=seed).fit(train), test))
        found[f"digits to {size}"] = {
            name: {"mean": statistics.mean(values), "lowest": min(values), "highest": max(values)}
            for name, values in errors.items()
        } | {"pca": _pca_error(train, test, size)}
        print(size, found[f"digits to {size}"]["polished"], flush=True)
    return found


def steps() -> dict[str, Any]:
    """Test error against steps, of one fit: the knee of the curve."""
    table = load_bundled("digits")
    train, test = (table.values[rows] for rows in split_table(table, 0.2, 42))
    found = {}
    for size in (2, 4, 8, 16, 32):
        model = Autoencoder(size, random_state=0).fit(train)
        found[f"digits to {size}"] = {
            str(count): _error(model.set_params(polish=count), test) for count in (0, 1, 2, 3, 5, 10, 20)
        }
    return found


def needs() -> dict[str, Any]:
    """Latents that match PCA with 10, 20 and 30 on the digits: `rate_distortion` with that target."""
    table = load_bundled("digits")
    found = {}
    for size in (10, 20, 30):
        answer = rate_distortion(table.values, as_good_as=size, n_seeds=1, random_state=42)
        chosen = answer.chosen
        found[f"PCA with {size}"] = {
            "latents": answer.size,
            "error": None if chosen is None else chosen.error,
            "PCA needs for it": answer.pca_needs,
        }
        print(size, found[f"PCA with {size}"], flush=True)
    return found


def _error(model: Autoencoder, X: np.ndarray) -> float:
    return float(np.mean(np.square(model.reconstruct(X) - X), dtype=np.float64))


def _pca_error(train: np.ndarray, test: np.ndarray, size: int) -> float:
    pca = PCA(size).fit(train)
    return float(np.mean(np.square(pca.inverse_transform(pca.transform(test)) - test)))


# ---- sizes by the score ---------------------------------------------------------------------------------


def linear(rank: int, seed: int, n_rows: int = 600) -> tuple[np.ndarray, float]:
    """A plane of the rank in 15 columns of unit variance, with noise of variance 0.04 to 0.1."""
    rng = np.random.default_rng([301, rank, seed])
    noise = float(rng.uniform(0.04, 0.1))
    clean = rng.standard_normal((n_rows, rank)) @ rng.standard_normal((rank, 15))
    clean *= np.sqrt((1 - noise) / clean.var(0).mean())
    return clean + np.sqrt(noise) * rng.standard_normal(clean.shape), noise


def curved(dimension: int, seed: int, n_rows: int = 1500) -> tuple[np.ndarray, float]:
    """x = W₂ tanh(W₁ t + b), t uniform, 24 hidden units, 15 columns of unit variance, noise of variance .0064."""
    rng = np.random.default_rng([302, dimension, seed])
    t = rng.uniform(-1, 1, (n_rows, dimension))
    hidden = np.tanh(t @ (2 * rng.standard_normal((dimension, 24))) + rng.standard_normal(24))
    clean = hidden @ rng.standard_normal((24, 15))
    clean *= np.sqrt((1 - 0.0064) / clean.var(0).mean())
    return clean + 0.08 * rng.standard_normal(clean.shape), 0.0064


KINDS = {"linear": (linear, (2, 4, 8)), "curved": (curved, (1, 2, 3))}
HARDER = {"curved": (curved, (5, 8))}


def sizes(kinds: dict[str, Any] = KINDS) -> dict[str, Any]:
    """`GridSearchCV` over n_components by the score alone, for known sizes; and the estimated noise variance."""
    found = {}
    for kind, (make, dimensions) in kinds.items():
        for dimension in dimensions:
            for seed in SEEDS:
                X, noise = make(dimension, seed)
                asked = sorted({1, 2, 3, 4, 5, 6, 8, 10} | {dimension - 1, dimension, dimension + 1} - {0})
                search = GridSearchCV(Autoencoder(random_state=seed), {"n_components": asked}, cv=3).fit(X)
                row = {
                    "true": dimension,
                    "found": int(search.best_params_["n_components"]),
                    "scores": dict(
                        zip(map(str, asked), map(float, search.cv_results_["mean_test_score"]), strict=True)
                    ),
                    "noise": noise,
                    "noise found": float(search.best_estimator_.noise_variance_),
                }
                found[f"{kind} {dimension}, seed {seed}"] = row
                print(kind, dimension, seed, row["found"], f"{row['noise found'] / noise:.2f}", flush=True)
    rows = list(found.values())
    right = [row["found"] == row["true"] for row in rows]
    return found | {
        "right": sum(right),
        "within one": sum(abs(row["found"] - row["true"]) <= 1 for row in rows),
        "of": len(rows),
    }


def harder() -> dict[str, Any]:
    """The same for curved data of 5 and 8 dimensions."""
    return sizes(HARDER)


def bands() -> dict[str, Any]:
    """Share of new rows whose code without noise lies within the 90% band of their code with it, latent by latent."""
    found = {}
    for dimension in (1, 2, 3):
        for seed in SEEDS:
            rng = np.random.default_rng([303, dimension, seed])
            X, _ = curved(dimension, seed, n_rows=3000)
            model = Autoencoder(dimension, random_state=seed).fit(X[:2000])
            clean = model.inverse_transform(model.transform(X[2000:]))  # rows on the model's own surface
            noisy = clean + np.sqrt(model.noise_variance_) * rng.standard_normal(clean.shape)
            model.set_params(polish=20)
            truth = model.transform(clean)
            codes, errors = model.transform(noisy, return_std=True)
            inside = np.abs(codes - truth) < 1.645 * errors
            found[f"curved {dimension}, seed {seed}"] = [float(share) for share in inside.mean(0)]
            print(dimension, seed, found[f"curved {dimension}, seed {seed}"], flush=True)
    return found


# ---- other uses -----------------------------------------------------------------------------------------


def uses() -> list[dict[str, Any]]:
    """Detector and samples with and without polished codes: area under ROC of anomalies, energy distance of samples.

    The sets are not those of the benchmarks for anomalies and generation.
    """
    digits, cancer = load_bundled("digits"), load_bundled("breast_cancer")
    kinds = np.unique(digits.labels)
    of_cancer, counts = np.unique(cancer.labels, return_counts=True)
    sets = {f"digit {kind} among all": (digits.values, digits.labels == kind) for kind in kinds[[1, 4, 8]]}
    sets["breast cancer"] = (cancer.values, cancer.labels == of_cancer[counts.argmax()])
    for dimension in (2, 4):
        X, noise = curved(dimension, 9, n_rows=900)
        more = 3 * np.sqrt(noise) * np.random.default_rng([305, dimension]).standard_normal((200, X.shape[1]))
        sets[f"curved {dimension}, more noise"] = (np.concatenate([X[:700], X[700:] + more]), np.arange(900) < 700)
    found = []
    for name, (X, normal) in sets.items():
        for seed in range(2):
            areas = {f"polish={polish}": _area(X, normal, polish, seed) for polish in (0, "auto")}
            found.append({"data": name, "what": "area under ROC", "seed": seed} | areas)
            print(found[-1], flush=True)
    tables = {"digits to 8": (digits.values, 8), "breast cancer to 6": (cancer.values / cancer.values.std(0), 6)}
    tables |= {f"curved {size}": (curved(size, 9)[0], size) for size in (1, 2, 3)}
    for name, (X, size) in tables.items():
        for seed in range(2):
            distances = {f"polish={polish}": _sample_distance(X, size, polish, seed) for polish in (0, "auto")}
            found.append({"data": name, "what": "energy distance of samples", "seed": seed} | distances)
            print(found[-1], flush=True)
    return found


def _area(X: np.ndarray, normal: np.ndarray, polish: int | str, seed: int) -> float:
    good = np.random.default_rng([306, seed]).permutation(np.flatnonzero(normal))
    bad, cut = np.flatnonzero(~normal), 3 * len(good) // 4
    autoencoder = Autoencoder(scale="standard", polish=polish)
    detector = AutoencoderOutlierDetector(autoencoder=autoencoder, random_state=seed).fit(X[good[:cut]])
    tested = np.concatenate([good[cut:], bad])
    return float(roc_auc_score(~normal[tested], -detector.score_samples(X[tested])))


def _sample_distance(X: np.ndarray, size: int, polish: int | str, seed: int, most: int = 600) -> float:
    order = np.random.default_rng([307, seed]).permutation(len(X))
    half = len(X) // 2
    model = Autoencoder(size, polish=polish, random_state=seed).fit(X[order[:half]])
    drawn, known = model.sample(most, random_state=seed, noise=True), X[order[half:]][:most]
    return float(2 * cdist(drawn, known).mean() - cdist(drawn, drawn).mean() - cdist(known, known).mean())


QUESTIONS: dict[str, Callable[[], Any]] = {
    "cost": cost,
    "memory": memory,
    "digits": digits,
    "steps": steps,
    "needs": needs,
    "sizes": sizes,
    "harder": harder,
    "bands": bands,
    "uses": uses,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, metavar="NAME", help=", ".join(QUESTIONS))
    asked = parser.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.only or QUESTIONS:
        known[name] = QUESTIONS[name]()
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
