"""Anomalies among pictures and sounds: rows with their shape, as flat rows, and the distance to five neighbours.

    python benchmarks/anomaly_shapes.py [FOLDER ...] [--seeds 0 1 2 …]

Normal rows are of one class, anomalies of all others; classes are taken in turn, seed by seed. Up to 300 rows to learn
from, 200 other normal rows and 200 anomalies to score. Handwritten digits of scikit-learn and MNIST chose the common
unit and the weights of the parts; Fashion-MNIST and the folders had no part in that. A folder holds labelled pictures,
or clips whose names begin with their class (the free spoken digits). "5-NN" is the mean distance to the five nearest
rows, in the unit of the data and in standard units. Results are written to benchmarks/results/anomaly_shapes.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from isthmus import AutoencoderOutlierDetector
from isthmus.tables import Table, read
from isthmus.tables.bundled import load_bundled
from quality_data import labelled_mnist

RESULTS = Path(__file__).parent / "results" / "anomaly_shapes.json"
N_LEARNED, N_SCORED = 300, 200


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(10))
    asked = parser.parse_args()
    found: list[dict[str, object]] = []
    for name, table in _sets(asked.folders):
        for seed in asked.seeds:
            for way, scores, truth, seconds in _scored(table, seed):
                figures = {"AUROC": roc_auc_score(truth, scores)}
                figures["average precision"] = average_precision_score(truth, scores)
                found.append({"set": name, "way": way, "seed": seed, **figures, "seconds": seconds})
                print(json.dumps(found[-1]), flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def _sets(folders: list[Path]) -> Iterator[tuple[str, Table]]:
    yield "handwritten digits", load_bundled("digits")
    pixels, labels = labelled_mnist()
    yield "MNIST", dataclasses.replace(read(pixels.reshape(-1, 28, 28)), labels=labels.astype(str), label_name="digit")
    yield "Fashion-MNIST", load_bundled("fashion-mnist")
    for folder in folders:
        table = read(folder, skip_unreadable=True)
        if table.labels is None:
            labels = np.array([Path(str(name)).stem.split("_")[0] for name in table.ids])
            table = dataclasses.replace(table, labels=labels, label_name="class")
        yield folder.resolve().name, table


def _scored(table: Table, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, float]]:
    rng, classes = np.random.default_rng(seed), np.unique(table.labels)
    normal = classes[seed % len(classes)]
    same, others = (rng.permutation(np.flatnonzero(part)) for part in (table.labels == normal, table.labels != normal))
    n_learned = min(N_LEARNED, len(same) * 2 // 3)
    learned, tested = same[:n_learned], np.concatenate([same[n_learned:][:N_SCORED], others[:N_SCORED]])
    truth = table.labels[tested] != normal
    mean, spread = table.values[learned].mean(0), table.values[learned].std(0)
    spread = np.where(spread > 0, spread, 1)
    shaped = table.take(learned), table.take(tested)
    flat = table.values[learned], table.values[tested]
    for way, (train, test) in (("isthmus", shaped), ("isthmus, flat rows", flat)):
        started = time.process_time()
        scores = -AutoencoderOutlierDetector(random_state=seed).fit(train).score_samples(test)
        yield way, scores, truth, round(time.process_time() - started, 2)
    for way, center, unit in (("5-NN", 0.0, 1.0), ("5-NN, standardized", mean, spread)):
        started = time.process_time()
        train, test = ((table.values[part] - center) / unit for part in (learned, tested))
        distances = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0].mean(1)
        yield way, distances, truth, round(time.process_time() - started, 2)


if __name__ == "__main__":
    main()
