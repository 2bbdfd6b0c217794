"""Finding anomalies with what a user gets who sets nothing, beside PyOD, isolation forest, nearest neighbours and PCA.

    python benchmarks/anomalies.py --folder PATH     every .npz in it (arrays X, y; y = 1 marks an anomaly)

Protocol: repeated rows are removed; half of the normal rows are learned from; the other half and all anomalies are
the test. Five seeds draw the halves. With contamination, half of the anomalies are kept to be mixed among the rows
learned from (0, 5, 10 and 20%), the normal training rows are the same at every share, and the other half of the
anomalies are tested; sets with too few anomalies for a hundred such rows are left out. No label is used in a fit.

Peers run in .venv-peers with their own defaults. Results are saved after every fit, and a run that was interrupted
goes on where it stopped; --minutes stops it by itself. Writes benchmarks/results/anomalies.json and the tables in
docs/uses/anomalies.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.tables import atomic_write
from race.environments import python_for, set_up_peers

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "anomalies.json"
PAGE = HERE.parent / "docs" / "uses" / "anomalies.md"
SEEDS = range(5)
SHARES = (0.0, 0.05, 0.1, 0.2)
CONTAMINATED_SEEDS = range(3)
LEAST_NORMAL_ROWS = 100
RATES = (0.01, 0.05, 0.1)
NAMES = {
    "isthmus": "isthmus",
    "isolation_forest": "IsolationForest",
    "knn": "5 nearest neighbours",
    "pca": "PCA, 90% of the variance",
    "pyod_autoencoder": "PyOD AutoEncoder",
    "pyod_vae": "PyOD VAE",
}


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows without repetitions, and which of them are anomalies."""
    with np.load(path, allow_pickle=False) as arrays:
        rows = np.column_stack([arrays["X"].astype(np.float64), arrays["y"].astype(np.float64)])
    rows = np.unique(rows, axis=0)
    return rows[:, :-1], rows[:, -1] == 1


def clean_split(X: np.ndarray, y: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Half of the normal training rows; the other half and all anomalies to be tested by."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~y))
    test = np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(y)])
    return {"train": X[normal[: len(normal) // 2]], "test": X[test], "truth": y[test]}


def contaminated_split(X: np.ndarray, y: np.ndarray, seed: int, share: float) -> dict[str, np.ndarray] | None:
    """The same with anomalies among the training rows; None where there are too few of them."""
    rng = np.random.default_rng(seed)
    normal, anomalies = rng.permutation(np.flatnonzero(~y)), rng.permutation(np.flatnonzero(y))
    spare = len(anomalies) // 2
    n_normal = min(len(normal) // 2, int(spare * (1 - SHARES[-1]) / SHARES[-1]))
    if n_normal < LEAST_NORMAL_ROWS:
        return None
    n_mixed = round(n_normal * share / (1 - share))
    test = np.concatenate([normal[len(normal) // 2 :], anomalies[spare:]])
    train = np.concatenate([normal[:n_normal], anomalies[:n_mixed]])
    return {"train": X[train], "test": X[test], "truth": y[test]}


def judged(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {"auroc": float(roc_auc_score(truth, scores)), "ap": float(average_precision_score(truth, scores))}


def ours(split: dict[str, np.ndarray], seed: int) -> dict:
    """This library's figures, with the share of usual test rows of a p-value up to each stated rate."""
    detector = AutoencoderOutlierDetector(random_state=seed).fit(split["train"])
    p_values = detector.p_values(split["test"][~split["truth"]])
    return judged(-detector.score_samples(split["test"]), split["truth"]) | {
        "false_alarms": {str(rate): float((p_values <= rate).mean()) for rate in RATES},
        "held_out": len(detector.calibration_scores_),
        "normal_tested": len(p_values),
        "trimmed": detector.n_trimmed_,
    }


def peers(splits: list[dict[str, np.ndarray]], seeds: list[int]) -> list[dict[str, dict]]:
    """Every other detector's figures on every split, in one process of their own environment."""
    with tempfile.TemporaryDirectory() as folder:
        for place, split in enumerate(splits):
            np.savez(Path(folder, f"{place}.npz"), train=split["train"], test=split["test"])
        job = [python_for("pyod"), HERE / "anomaly_peers.py", folder, *map(str, seeds)]
        subprocess.run(job, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = []
        for place, split in enumerate(splits):
            with np.load(Path(folder, f"{place}-scores.npz"), allow_pickle=False) as scores:
                found.append({name: judged(scores[name], split["truth"]) for name in scores.files})
    return found


def measured(splits: list[dict[str, np.ndarray]], seeds: list[int]) -> list[dict]:
    return [
        {"isthmus": ours(split, seed)} | others
        for split, seed, others in zip(splits, seeds, peers(splits, seeds), strict=True)
    ]


def clean_table(sets: dict[str, dict]) -> str:
    """AUROC and average precision of every set, means over seeds, and of all of them with the spread over seeds."""
    lines = ["| set | " + " | ".join(NAMES.values()) + " |", "|---" * (len(NAMES) + 1) + "|"]
    for name, entry in sets.items():
        cells = [" / ".join(f"{_mean(entry['clean'], one, key):.3f}" for key in ("auroc", "ap")) for one in NAMES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for key, words in (("auroc", "AUROC"), ("ap", "average precision")):
        cells = []
        for one in NAMES:
            by_seed = [statistics.mean(s["clean"][seed][one][key] for s in sets.values()) for seed in SEEDS]
            cells.append(f"**{statistics.mean(by_seed):.3f}** ({min(by_seed):.3f} – {max(by_seed):.3f})")
        lines.append(f"| **mean {words}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def rates_table(sets: dict[str, dict]) -> str:
    """Stated and met false-alarm rates."""
    head = "| set | held-out rows | " + " | ".join(f"stated {rate:.0%}" for rate in RATES) + " |"
    lines = [head, "|---" * (len(RATES) + 2) + "|"]
    for name, entry in sets.items():
        found = [run["isthmus"] for run in entry["clean"]]
        cells = []
        for rate in RATES:
            met = [one["false_alarms"][str(rate)] for one in found]
            cells.append(f"{statistics.mean(met):.1%} ({min(met):.1%} – {max(met):.1%})")
        lines.append(f"| {name} | {found[0]['held_out']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def contaminated_table(sets: dict[str, dict]) -> str:
    """Mean over the sets that have enough anomalies, at each share."""
    used = {name: entry for name, entry in sets.items() if _done(entry, "contaminated", CONTAMINATED_SEEDS[-1])}
    lines = [
        f"Sets: {', '.join(used) or 'none yet'}.",
        "",
        "| share of anomalies | " + " | ".join(NAMES.values()) + " |",
        "|---" * (len(NAMES) + 1) + "|",
    ]
    for share in SHARES if used else ():
        cells = []
        for one in NAMES:
            runs = [entry["contaminated"][str(share)] for entry in used.values()]
            values = [statistics.mean(_mean(found, one, key) for found in runs) for key in ("auroc", "ap")]
            cells.append(" / ".join(f"{value:.3f}" for value in values))
        lines.append(f"| {share:.0%} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(runs: list[dict], detector: str, key: str) -> float:
    return statistics.mean(run[detector][key] for run in runs)


def write_into_page(tables: dict[str, str]) -> None:
    """Replace the tables between their marks in the docs."""
    text = PAGE.read_text()
    for name, table in tables.items():
        before, rest = text.split(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{rest.split(f'<!-- /{name} -->')[1]}"
    with atomic_write(PAGE) as temporary:
        temporary.write_text(text)


def _work(paths: list[Path], *, contaminated: bool) -> Iterator[tuple[Path, str, int]]:
    """Every fit there is to make: all sets as they are, then those with enough anomalies, contaminated."""
    yield from ((path, "clean", seed) for path in paths for seed in SEEDS)
    if contaminated:
        enough = [path for path in paths if contaminated_split(*read(path), 0, 0.0) is not None]
        yield from ((path, "contaminated", seed) for seed in CONTAMINATED_SEEDS for path in enough)


def _done(entry: dict, kind: str, seed: int) -> bool:
    return len(entry["clean"] if kind == "clean" else entry["contaminated"].get(str(SHARES[-1]), [])) > seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a folder of .npz files with arrays X and y")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept, for going on")
    parser.add_argument("--minutes", type=float, help="begin no new fit after this time")
    parser.add_argument("--no-contamination", action="store_true", help="leave out the contaminated fits")
    asked = parser.parse_args()
    set_up_peers()
    known = json.loads(asked.results.read_text()) if asked.results.exists() else {}
    paths = sorted(asked.folder.glob("*.npz"))
    begun = time.monotonic()
    for path, kind, seed in _work(paths, contaminated=not asked.no_contamination):
        entry = known.setdefault(path.stem, {"clean": [], "contaminated": {}})
        if _done(entry, kind, seed):
            continue
        if asked.minutes is not None and time.monotonic() - begun > 60 * asked.minutes:
            print("stopped at the time limit; the same command goes on from here")
            break
        X, y = read(path)
        if kind == "clean":
            entry["clean"] += measured([clean_split(X, y, seed)], [seed])
        else:
            splits = {share: contaminated_split(X, y, seed, share) for share in SHARES}
            there = {share: split for share, split in splits.items() if split is not None}
            for share, found in zip(there, measured([*there.values()], [seed] * len(there)), strict=True):
                entry["contaminated"].setdefault(str(share), []).append(found)
        asked.results.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(asked.results) as temporary:
            temporary.write_text(json.dumps(known, indent=1) + "\n")
        print(f"{path.stem}, {kind}, seed {seed}", flush=True)
    sets = {
        path.stem: known[path.stem]
        for path in paths
        if path.stem in known and _done(known[path.stem], "clean", SEEDS[-1])
    }
    if not sets:
        return
    tables = {
        "anomalies": f"{len(sets)} of {len(paths)} sets are measured.\n\n{clean_table(sets)}",
        "anomaly-rates": rates_table(sets),
        "anomaly-contamination": contaminated_table(sets),
    }
    print("\n\n".join(["", *tables.values()]))
    if asked.results == RESULTS:
        write_into_page(tables)


if __name__ == "__main__":
    main()
