"""Test error with default settings, compared with PCA and a plain network.

    python benchmarks/quality.py             digits, MNIST and Fashion-MNIST
    python benchmarks/quality.py --tables    tables: bundled, generated, and any folder of .npz files (arrays X,
                                             optional y) given by --folder
    --only WORD ...                          works whose name contains one of these words
    --times 1 5                              CPU time of the plain network, in multiples of isthmus's
    --again                                  measure again what is measured already

For every seed, in one process on one thread: a fit with default settings, then plain autoencoders (`plain_network`)
with the same CPU time, and with five times as much. Each measurement is written to benchmarks/results/quality.json (or
tables.json) at once, so an interrupted run resumes. Also writes the tables in README.md and docs/. No test row of any
set was used to choose a default; the table marks the sets whose training rows were (see `quality_data`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables.atomic import atomic_write
from isthmus.tutorial import tutorial_recipe
from isthmus.variants import variant
from plain_network import best_plain_network, warm_up
from quality_data import Work, pictures, tables

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
MARKS = ("<!-- quality -->", "<!-- /quality -->")
SEEDS = 5
LEVEL = 1.02  # ratios up to this count as level
WORSE = 1.01  # than PCA, above this ratio


def measure(work: Work, seed: int, times: Iterable[float], record: dict[str, Any]) -> dict[str, Any]:
    """One seed of one work; measurements already in ``record`` are kept."""
    train, test = work.split(seed)
    if "error" not in record:
        estimator = _estimator(work, seed)
        started = time.process_time()
        estimator.fit(train)
        record["seconds"] = time.process_time() - started
        started = time.process_time()
        reconstructed = estimator.reconstruct(test)
        record["reconstruct_seconds"] = time.process_time() - started
        record["error"] = _mean_squared_error(reconstructed, test)
        record["epochs"], record["best_epoch"] = estimator.n_iter_, estimator.best_epoch_
        record["pca"] = _pca_error(train, test, work.size)
        if hasattr(estimator, "latent_report"):
            record["active_units"] = estimator.latent_report(test).active_units
    for multiple in times if work.estimator == "vanilla" else ():
        if f"plain_{multiple:g}" not in record:
            fit = best_plain_network(train, work.size, multiple * record["seconds"], seed)
            record[f"plain_{multiple:g}"] = {
                "error": fit.error(test),
                "width": fit.width,
                "seconds": fit.seconds,
                "epochs": fit.epochs,
                "best_epoch": fit.best_epoch,
            }
    return record


def _estimator(work: Work, seed: int) -> Any:
    if work.estimator == "tutorial":
        return tutorial_recipe(work.size, seed)
    return variant(work.estimator)(work.size, max_iter=work.max_iter, random_state=seed)


def _mean_squared_error(reconstructed: np.ndarray, X: np.ndarray) -> float:
    """Per feature, in the units of X."""
    return float(np.mean((reconstructed - X) ** 2, dtype=np.float64))


def _pca_error(train: np.ndarray, test: np.ndarray, size: int) -> float:
    from sklearn.decomposition import PCA

    solver = "covariance_eigh" if len(train) >= train.shape[1] else "full"
    pca = PCA(size, svd_solver=solver).fit(train)
    return _mean_squared_error(pca.inverse_transform(pca.transform(test)), test)


def summarize(name: str, chooses: bool, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and spread over seeds; ratios to the baselines are of the mean errors."""
    errors = [record["error"] for record in records]
    row = {
        "work": name,
        "chooses_defaults": chooses,
        "mean": statistics.mean(errors),
        "lowest": min(errors),
        "highest": max(errors),
        "pca": statistics.mean(record["pca"] for record in records),
        "worst_to_pca": max(record["error"] / max(record["pca"], 1e-30) for record in records),
        "seconds": statistics.median(record["seconds"] for record in records),
        "seeds": len(records),
    }
    for key in ("plain_1", "plain_5"):
        found = [record[key]["error"] for record in records if key in record]
        if len(found) == len(records):
            row[key] = statistics.mean(found)
    active = [record["active_units"] for record in records if "active_units" in record]
    return row | ({"active_units": active} if active else {})


def as_markdown(rows: Iterable[dict[str, Any]]) -> str:
    """A table of errors, isthmus beside the baselines."""
    lines = [
        "| task | seeds | isthmus, mean (lowest – highest) | PCA | plain autoencoder, equal time | 5 × time "
        "| isthmus / PCA | / plain, equal time | / 5 × time | CPU seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        error = f"{_figure(row['mean'])} ({_figure(row['lowest'])} – {_figure(row['highest'])})"
        others = [row.get(key) for key in ("pca", "plain_1", "plain_5")]
        figures = ["–" if other is None else _figure(other) for other in others]
        ratios = [f"{row['mean'] / other:.2f}" if other else "–" for other in others]
        name = row["work"] + (" *" if row["chooses_defaults"] else "")
        lines.append(
            f"| {' | '.join([name, str(row['seeds']), error, *figures, *ratios, format(row['seconds'], '.1f')])} |"
        )
    return "\n".join(lines)


def sentence(rows: list[dict[str, Any]]) -> str:
    """How often isthmus is ahead."""
    parts = []
    for key, name in (("plain_1", "in equal time"), ("plain_5", "where that trains five times as long")):
        ratios = [row["mean"] / row[key] for row in rows if row.get(key)]
        level = sum(1 / LEVEL <= ratio <= LEVEL for ratio in ratios)
        ahead = sum(ratio < 1 / LEVEL for ratio in ratios)
        if ratios:
            parts.append(f"on {ahead} of {len(ratios)} tasks {name} (equal within 2% on {level})")
    worse = sum(row["worst_to_pca"] > WORSE for row in rows)
    return (
        f"isthmus has a lower error than the plain network {', and '.join(parts)}. "
        f"With some seed its error is more than 1% above PCA's on {worse} of {len(rows)} tasks."
    )


def write_into_readme(text: str) -> None:
    """Replace the table in the README."""
    before, rest = README.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


def _figure(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.4g}"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Records by work and seed, of an interrupted or earlier run."""
    known = json.loads(path.read_text()) if path.exists() else {}
    return known.get("records", {}) if isinstance(known, dict) else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="tables instead of pictures")
    parser.add_argument("--folder", type=Path, help="more tables: a folder of .npz files")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="works whose name contains one of these words")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--times", type=float, nargs="*", default=[1.0, 5.0])
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to (default: %(default)s)")
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    warm_up()
    name = "tables" if asked.tables else "quality"
    path = asked.results / f"{name}.json"
    records = _read(path)
    works = list(tables(asked.folder) if asked.tables else pictures())
    for work in works:
        if asked.only and not any(word in work.name for word in asked.only):
            continue
        for seed in range(asked.seeds):
            known = {} if asked.again else records.setdefault(work.name, {}).get(str(seed), {})
            records.setdefault(work.name, {})[str(seed)] = measure(work, seed, asked.times, known)
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps({"records": records}, indent=1) + "\n")
        print(as_markdown([_row(work, records)]).splitlines()[-1], flush=True)
    rows = [_row(work, records) for work in works if records.get(work.name)]
    text = as_markdown(rows)
    if any(row["chooses_defaults"] for row in rows):
        text += "\n\n\\* training rows of this set were used to choose the defaults; test rows never were."
    text += f"\n\n{sentence(rows)}"
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({"rows": rows, "records": records}, indent=1) + "\n")
    (asked.results / f"{name}.md").write_text(text + "\n")
    print(sentence(rows))
    if not asked.tables and asked.results == RESULTS:
        write_into_readme(text)


def _row(work: Work, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return summarize(work.name, work.chooses, list(records[work.name].values()))


if __name__ == "__main__":
    main()
