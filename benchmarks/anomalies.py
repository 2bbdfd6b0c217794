"""Anomaly detection with default settings, compared with the usual detectors.

    python benchmarks/anomalies.py --folder PATH     every .npz in it (arrays X, y; y = 1 marks an anomaly)

Protocols, with at most 2,000 random rows per set, without duplicates:

    clean       training on half of the normal rows; testing on the other half and all anomalies
    5 %, 10 %   the same with anomalies among the training rows; half of the anomalies are used for that, the others
                are tested; sets with too few anomalies for a hundred normal rows are left out
    swap        one cell of each normal test row is replaced by another row's; tested against the original rows
    move        one cell is shifted by two standard deviations

No label is used in a fit. The others get standardised columns: five nearest neighbours, LOF, the isolation forest and
PCA's Mahalanobis distance from scikit-learn, DTE's non-parametric method by its formula (Livernoche et al. 2024: the
mode of its posterior is the mean squared distance to five neighbours, over the number of columns). Ridge predicts each
column from the others, with a penalty of a hundredth of the rows; its score is the sum of the squared errors, each in
standard deviations, and its column that of the largest. The part `relations` of our score is one more detector, where
one cell is wrong. PyOD's own detectors
are measured with --peers, on the first three protocols, in an environment of their own (.venv-peers).

Results are saved after every fit, and an interrupted run is resumed by the same command; --minutes stops it. Sets go
from cheap to expensive, seed by seed. Writes benchmarks/results/anomalies.json and the tables in
docs/uses/anomalies.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from anomaly_peers import Peers
from anomaly_tables import tables_of, write_into_page
from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.tables import atomic_write

RESULTS = Path(__file__).parent / "results" / "anomalies.json"
MAX_ROWS, MAX_BROKEN, MIN_NORMAL_ROWS = 2_000, 400, 100
SHARES = {"clean": 0.0, "5 %": 0.05, "10 %": 0.1}
BROKEN = ("swap", "move")
RATES = (0.01, 0.05, 0.1)
PENALTY, MIN_ERROR = 0.01, 1e-3
Split = dict[str, np.ndarray]


def read(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """At most 2,000 rows without duplicates, and which of them are anomalies."""
    with np.load(path, allow_pickle=False) as arrays:
        rows = np.column_stack([arrays["X"].astype(np.float64), arrays["y"].astype(np.float64)])
    rows = np.unique(rows, axis=0)
    rows = rows[np.random.default_rng(seed).permutation(len(rows))[:MAX_ROWS]]
    return rows[:, :-1], rows[:, -1] == 1


def split_of(X: np.ndarray, y: np.ndarray, seed: int, protocol: str) -> Split | None:
    """Training and test rows; None if there are too few anomalies for the protocol."""
    rng = np.random.default_rng(seed)
    normal, anomalies = rng.permutation(np.flatnonzero(~y)), rng.permutation(np.flatnonzero(y))
    half = len(normal) // 2
    if protocol in BROKEN:
        return _broken(X[normal[:half]], X[normal[half:]][:MAX_BROKEN], protocol, rng)
    share = SHARES[protocol]
    if share == 0:
        test = np.concatenate([normal[half:], anomalies])
        return {"train": X[normal[:half]], "test": X[test], "truth": y[test]}
    spare = len(anomalies) // 2
    n_normal = min(half, 4 * spare)
    if n_normal < MIN_NORMAL_ROWS:
        return None
    mixed = anomalies[: round(n_normal * share / (1 - share))]
    test = np.concatenate([normal[half:], anomalies[spare:]])
    return {"train": X[np.concatenate([normal[:n_normal], mixed])], "test": X[test], "truth": y[test]}


def _broken(train: np.ndarray, rows: np.ndarray, protocol: str, rng: np.random.Generator) -> Split:
    spread = train.std(0)
    columns = rng.choice(np.flatnonzero(spread > 0), len(rows))
    places, broken = np.arange(len(rows)), rows.copy()
    if protocol == "swap":
        broken[places, columns] = rows[rng.permutation(len(rows)), columns]
    else:
        broken[places, columns] += 2 * spread[columns] * rng.choice([-1, 1], len(rows))
    truth = np.repeat([False, True], len(rows))
    return {"train": train, "test": np.concatenate([rows, broken]), "truth": truth, "columns": columns}


def evaluated(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {"auroc": float(roc_auc_score(truth, scores)), "ap": float(average_precision_score(truth, scores))}


def ours(split: Split, seed: int) -> dict[str, dict[str, Any]]:
    """This library's figures, with the share of normal test rows whose p-value is at most each stated rate."""
    started = time.process_time()
    detector = AutoencoderOutlierDetector(random_state=seed).fit(split["train"])
    fitted = time.process_time()
    found = detector.detect(split["test"])
    relations = detector.scoring_.nats(found.explanation.parts)["relations"]
    truth, normal = split["truth"], found.p_values[~split["truth"]]
    figures = evaluated(found.explanation.scores, truth) | {
        "false_alarms": {str(rate): float((normal <= rate).mean()) for rate in RATES},
        "held_out": len(detector.calibration_scores_),
        "normal_tested": len(normal),
        "trimmed": detector.n_trimmed_,
        "fit_cpu_seconds": fitted - started,
        "detect_cpu_seconds": time.process_time() - fitted,
    }
    if "columns" in split:
        figures["first_column"] = float((found.explanation.top(1)[truth, 0] == split["columns"]).mean())
        return {"isthmus": figures, "relations": evaluated(relations, truth)}
    return {"isthmus": figures}


def baselines(split: Split, seed: int) -> dict[str, dict[str, Any]]:
    """Detectors by scikit-learn or their formula, on standardised columns."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(split["train"])
    train, test, truth = scaler.transform(split["train"]), scaler.transform(split["test"]), split["truth"]
    forest = IsolationForest(random_state=seed).fit(train)
    factor = LocalOutlierFactor(min(20, len(train) - 1), novelty=True).fit(train)
    pca = PCA().fit(train)
    kept = pca.explained_variance_ > 1e-10 * pca.explained_variance_[0]
    distances = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0]
    scores = {
        "knn": distances.mean(1),
        "dte": (distances**2).mean(1),
        "lof": -factor.score_samples(test),
        "pca": (pca.transform(test)[:, kept] ** 2 / pca.explained_variance_[kept]).sum(1),
        "isolation_forest": -forest.score_samples(test),
    }
    found = {name: evaluated(np.nan_to_num(part), truth) for name, part in scores.items()}
    return found | {"ridge": ridge(train, test, split)}


def ridge(train: np.ndarray, test: np.ndarray, split: Split) -> dict[str, Any]:
    """Each column predicted from the others: row j of P is the ridge regression of column j, up to a factor."""
    precision = np.linalg.inv(train.T @ train / len(train) + PENALTY * np.eye(train.shape[1]))
    errors = [rows @ precision / np.diag(precision) for rows in (train, test)]
    squares = (errors[1] / np.maximum(errors[0].std(0), MIN_ERROR)) ** 2
    figures = evaluated(squares.sum(1), split["truth"])
    if "columns" in split:
        figures["first_column"] = float((squares[split["truth"]].argmax(1) == split["columns"]).mean())
    return figures


# ---- running ---------------------------------------------------------------------------------------------


def saved(results: Path) -> dict[str, dict[str, Any]]:
    """Figures by "set, protocol, seed" and detector."""
    return json.loads(results.read_text()) if results.exists() else {}


def save(results: Path, key: str, figures: dict[str, Any]) -> None:
    """Add figures to those saved."""
    known = saved(results)
    known.setdefault(key, {}).update(figures)
    results.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(results) as temporary:
        temporary.write_text(json.dumps(known, indent=1) + "\n")


def cheapest_first(folder: Path, most_columns: int) -> list[Path]:
    """Sets by the number of their cells that are used."""

    def cells(path: Path) -> tuple[int, int]:
        with np.load(path, allow_pickle=False) as arrays:
            n_rows, n_columns = arrays["X"].shape
        return min(n_rows, MAX_ROWS) * n_columns, n_columns

    sizes = {path: cells(path) for path in folder.glob("*.npz")}
    return sorted((path for path in sizes if sizes[path][1] <= most_columns), key=sizes.__getitem__)


def _work(paths: list[Path], protocols: list[str], seeds: int) -> Iterator[tuple[Path, str, int]]:
    """Every fit to make, seed by seed."""
    for seed in range(seeds):
        yield from ((path, protocol, seed) for protocol in protocols for path in paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a folder of .npz files with arrays X and y")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept, for resuming")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="start no new fit after this time")
    parser.add_argument("--most-columns", type=int, default=2_000, help="leave out sets with more columns")
    parser.add_argument("--protocols", nargs="+", choices=(*SHARES, *BROKEN), default=[*SHARES, *BROKEN])
    parser.add_argument("--peers", action="store_true", help="measure PyOD's detectors instead of ours")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    paths, peers = cheapest_first(asked.folder, asked.most_columns), Peers() if asked.peers else None
    started = time.monotonic()
    for path, protocol, seed in _work(paths, asked.protocols, asked.seeds):
        key = f"{path.stem}, {protocol}, {seed}"
        if ("pyod_autoencoder" if peers else "isthmus") in saved(asked.results).get(key, {}):
            continue
        if asked.minutes is not None and time.monotonic() - started > 60 * asked.minutes:
            print("stopped at the time limit; the same command resumes")
            break
        split = split_of(*read(path, seed), seed, protocol)
        if split is None or (peers and protocol in BROKEN):
            continue
        if peers:
            scores, seconds = peers.scores_of(split["train"], split["test"], seed)
            figures = {name: evaluated(part, split["truth"]) for name, part in scores.items()}
            for name, part in seconds.items():
                figures[name]["fit_cpu_seconds"] = part
        else:
            figures = ours(split, seed) | baselines(split, seed)
        save(asked.results, key, figures)
        print(key, flush=True)
    tables = tables_of(saved(asked.results))
    print("\n\n".join(["", *tables.values()]))
    if asked.results == RESULTS:
        write_into_page(tables)


if __name__ == "__main__":
    main()
