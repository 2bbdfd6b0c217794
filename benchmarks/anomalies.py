"""Finding anomalies with what a user gets who sets nothing, beside the usual detectors.

    python benchmarks/anomalies.py --folder PATH     every .npz in it (arrays X, y; y = 1 marks an anomaly)

Protocols, of at most 2,000 rows a set drawn at random, without repeated rows:

    clean       half of the normal rows to learn from; the other half and all anomalies are tested
    5 %, 10 %   the same, with anomalies among the rows to learn from; half of the anomalies are kept for that, the
                other half tested; sets with too few anomalies for a hundred normal rows are left out
    swap        one cell of each normal test row replaced by another row's; tested against the rows as they were
    move        one cell moved by two standard deviations

No label is used in a fit. isthmus, five nearest neighbours and PCA's Mahalanobis distance get the rows as they are or
standardised; so do scikit-learn's isolation forest and LOF, and ECOD by its formula (Li et al. 2022). PyOD's detectors
are measured beside them with --peers, in an environment of their own (.venv-peers).

Results are saved after every fit, and an interrupted run is resumed by the same command; --minutes stops it. Writes
benchmarks/results/anomalies.json and the tables in docs/uses/anomalies.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.tables import atomic_write
from race.environments import python_for, set_up_peers

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "anomalies.json"
PAGE = HERE.parent / "docs" / "uses" / "anomalies.md"
MOST_ROWS, MOST_BROKEN, LEAST_NORMAL_ROWS = 2_000, 400, 100
SHARES = {"clean": 0.0, "5 %": 0.05, "10 %": 0.1}
BROKEN = ("swap", "move")
RATES = (0.01, 0.05, 0.1)
NAMES = {
    "isthmus": "isthmus",
    "knn": "5 nearest neighbours",
    "lof": "LOF",
    "pca": "PCA, Mahalanobis",
    "isolation_forest": "isolation forest",
    "ecod": "ECOD",
}
Split = dict[str, np.ndarray]


def read(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows without repetitions, at most 2,000 of them, and which of them are anomalies."""
    with np.load(path, allow_pickle=False) as arrays:
        rows = np.column_stack([arrays["X"].astype(np.float64), arrays["y"].astype(np.float64)])
    rows = np.unique(rows, axis=0)
    rows = rows[np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]]
    return rows[:, :-1], rows[:, -1] == 1


def split_of(X: np.ndarray, y: np.ndarray, seed: int, protocol: str) -> Split | None:
    """Rows to learn from and to test; None where there are too few anomalies for the protocol."""
    rng = np.random.default_rng(seed)
    normal, anomalies = rng.permutation(np.flatnonzero(~y)), rng.permutation(np.flatnonzero(y))
    half = len(normal) // 2
    if protocol in BROKEN:
        return _broken(X[normal[:half]], X[normal[half:]][:MOST_BROKEN], protocol, rng)
    share = SHARES[protocol]
    if share == 0:
        test = np.concatenate([normal[half:], anomalies])
        return {"train": X[normal[:half]], "test": X[test], "truth": y[test]}
    spare = len(anomalies) // 2
    n_normal = min(half, 4 * spare)
    if n_normal < LEAST_NORMAL_ROWS:
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


def ours(split: Split, seed: int) -> dict[str, Any]:
    """This library's figures, with the share of normal test rows of a p-value up to each stated rate."""
    begun = time.process_time()
    detector = AutoencoderOutlierDetector(random_state=seed).fit(split["train"])
    fitted = time.process_time()
    found = detector.detect(split["test"])
    truth, normal = split["truth"], found.p_values[~split["truth"]]
    figures = evaluated(found.explanation.scores, truth) | {
        "false_alarms": {str(rate): float((normal <= rate).mean()) for rate in RATES},
        "held_out": len(detector.calibration_scores_),
        "normal_tested": len(normal),
        "trimmed": detector.n_trimmed_,
        "fit_cpu_seconds": fitted - begun,
        "detect_cpu_seconds": time.process_time() - fitted,
    }
    if "columns" in split:
        figures["first_column"] = float((found.explanation.top(1)[truth, 0] == split["columns"]).mean())
    return figures


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
    scores = {
        "knn": NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0].mean(1),
        "lof": -factor.score_samples(test),
        "pca": (pca.transform(test)[:, kept] ** 2 / pca.explained_variance_[kept]).sum(1),
        "isolation_forest": -forest.score_samples(test),
        "ecod": _ecod(train, test),
    }
    return {name: evaluated(np.nan_to_num(part), truth) for name, part in scores.items()}


def _ecod(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The largest of the sums of -log of left, right and skewness-chosen tail probabilities over columns."""
    n_rows, ordered = len(train), np.sort(train, 0)
    places = [
        np.searchsorted(ordered[:, j], test[:, j], side) for side in ("right", "left") for j in range(test.shape[1])
    ]
    low, high = np.split(np.stack(places, 1), 2, axis=1)
    left, right = -np.log((low + 1) / (n_rows + 1)), -np.log((n_rows - high + 1) / (n_rows + 1))
    skewed = np.where(((train - train.mean(0)) ** 3).mean(0) < 0, left, right)
    return np.maximum.reduce([left.sum(1), right.sum(1), skewed.sum(1)])


def peers(split: Split, seed: int) -> dict[str, dict[str, Any]]:
    """PyOD's detectors, in a process of their own environment."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "0.npz"), train=split["train"], test=split["test"])
        job = [python_for("pyod"), HERE / "anomaly_peers.py", folder, str(seed)]
        subprocess.run(job, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with np.load(Path(folder, "0-scores.npz"), allow_pickle=False) as scores:
            return {name: evaluated(scores[name], split["truth"]) for name in scores.files}


# ---- tables ----------------------------------------------------------------------------------------------


def _mean(runs: list[dict], detector: str, key: str) -> float:
    return statistics.fmean(run[detector][key] for run in runs)


def means_table(sets: dict[str, dict]) -> str:
    """Means over sets of means over seeds, each protocol a row; AUROC / average precision."""
    lines = ["| protocol | sets | " + " | ".join(NAMES.values()) + " |", "|---" * (len(NAMES) + 2) + "|"]
    for protocol in (*SHARES, *BROKEN):
        runs = [entry[protocol] for entry in sets.values() if entry.get(protocol)]
        if runs:
            cells = [
                " / ".join(f"{statistics.fmean(_mean(one, name, key) for one in runs):.3f}" for key in ("auroc", "ap"))
                for name in NAMES
            ]
            lines.append(f"| {protocol} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sets_table(sets: dict[str, dict]) -> str:
    """Every set, learned from normal rows."""
    lines = ["| set | " + " | ".join(NAMES.values()) + " |", "|---" * (len(NAMES) + 1) + "|"]
    for name, entry in sets.items():
        cells = [" / ".join(f"{_mean(entry['clean'], one, key):.3f}" for key in ("auroc", "ap")) for one in NAMES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def rates_table(sets: dict[str, dict]) -> str:
    """Stated and met false-alarm rates."""
    head = "| set | held-out rows | " + " | ".join(f"stated {rate:.0%}" for rate in RATES) + " |"
    lines = [head, "|---" * (len(RATES) + 2) + "|"]
    for name, entry in sets.items():
        found = [run["isthmus"] for run in entry["clean"]]
        met = [statistics.fmean(one["false_alarms"][str(rate)] for one in found) for rate in RATES]
        lines.append(f"| {name} | {found[0]['held_out']:,} | " + " | ".join(f"{rate:.1%}" for rate in met) + " |")
    return "\n".join(lines)


def column_sentence(sets: dict[str, dict]) -> str:
    """How often the broken column is named first."""
    said = []
    for protocol in BROKEN:
        runs = [entry[protocol] for entry in sets.values() if entry.get(protocol)]
        if runs:
            share = statistics.fmean(_mean(one, "isthmus", "first_column") for one in runs)
            said.append(f"{share:.0%} of the rows ({protocol})")
    return f"The broken column is named first for {' and '.join(said)}."


def write_into_page(tables: dict[str, str]) -> None:
    """Replace the tables between their marks in the docs."""
    text = PAGE.read_text()
    for name, table in tables.items():
        before, rest = text.split(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{rest.split(f'<!-- /{name} -->')[1]}"
    with atomic_write(PAGE) as temporary:
        temporary.write_text(text)


def _work(paths: list[Path], seeds: int) -> Iterator[tuple[Path, str, int]]:
    """Every fit there is to make, seed by seed."""
    for seed in range(seeds):
        yield from ((path, protocol, seed) for protocol in (*SHARES, *BROKEN) for path in paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a folder of .npz files with arrays X and y")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept, for resuming")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="begin no new fit after this time")
    parser.add_argument("--most-columns", type=int, default=200, help="leave out sets with more columns")
    parser.add_argument("--peers", action="store_true", help="measure PyOD's detectors, too")
    asked = parser.parse_args()
    if asked.peers:
        set_up_peers()
    warnings.filterwarnings("ignore")
    known = json.loads(asked.results.read_text()) if asked.results.exists() else {}
    paths = [path for path in sorted(asked.folder.glob("*.npz")) if _n_columns(path) <= asked.most_columns]
    begun = time.monotonic()
    for path, protocol, seed in _work(paths, asked.seeds):
        runs = known.setdefault(path.stem, {}).setdefault(protocol, [])
        if len(runs) > seed:
            continue
        if asked.minutes is not None and time.monotonic() - begun > 60 * asked.minutes:
            print("stopped at the time limit; the same command resumes")
            break
        split = split_of(*read(path, seed), seed, protocol)
        if split is None:
            continue
        runs.append(
            {"isthmus": ours(split, seed)} | baselines(split, seed) | (peers(split, seed) if asked.peers else {})
        )
        asked.results.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(asked.results) as temporary:
            temporary.write_text(json.dumps(known, indent=1) + "\n")
        print(f"{path.stem}, {protocol}, seed {seed}", flush=True)
    sets = {path.stem: known[path.stem] for path in paths if known.get(path.stem, {}).get("clean")}
    if not sets:
        return
    n_seeds = max(len(entry["clean"]) for entry in sets.values())
    tables = {
        "anomalies": f"{len(sets)} sets, {n_seeds} seeds.\n\n{means_table(sets)}\n\n{column_sentence(sets)}",
        "anomaly-sets": sets_table(sets),
        "anomaly-rates": rates_table(sets),
    }
    print("\n\n".join(["", *tables.values()]))
    if asked.results == RESULTS:
        write_into_page(tables)


def _n_columns(path: Path) -> int:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["X"].shape[1]


if __name__ == "__main__":
    main()
