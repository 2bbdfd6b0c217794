"""Few labels: a pretrained classifier, the same network from scratch, and logistic regression on PCA codes.

    python benchmarks/pretraining.py [digits] [fashion-mnist]

Digits: 30% of held-out rows, five seeds; Fashion-MNIST: 10,000 training rows, its own test rows, three seeds. 10, 20
and 50 labels per class; the other training rows are unlabelled. From scratch: the same encoder and head,
random weights, the same steps and noise, the labelled rows only. PCA is fitted on all rows; its size and C are chosen
by cross-validation on the labels. Settings were chosen on a validation share of the training rows (seeds 100 to 103 of
another split). Writes benchmarks/results/pretraining.json and the table in docs/uses.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split

from isthmus import PretrainedClassifier
from isthmus.pretraining.fine_tuning import HeadedNetwork, TrainingSet, fine_tune, outputs_of, reinitialized
from isthmus.tables import load_bundled

RESULTS = Path(__file__).parent / "results" / "pretraining.json"
PAGE = Path(__file__).parent.parent / "docs" / "uses" / "features-and-pretraining.md"
MARKS = ("<!-- pretraining -->", "<!-- /pretraining -->")
SEEDS = {"digits": range(10, 15), "fashion-mnist": range(10, 13)}
WAYS = ("pretrained", "scratch", "pca")


def rows_of(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows and labels of one seed."""
    table = load_bundled(name)
    X, y = np.asarray(table.values, np.float64), np.unique(table.labels, return_inverse=True)[1]
    if name == "digits":
        train, test = train_test_split(np.arange(len(X)), test_size=0.3, stratify=y, random_state=seed)
    else:
        test = table.official_test
        others = np.setdiff1d(np.arange(len(X)), test)
        train = np.random.default_rng(seed).choice(others, 10_000, replace=False)
    return X[train], y[train], X[test], y[test]


def one(name: str, per_class: int, seed: int) -> dict[str, float]:
    """Test accuracy of the three methods, for one split and one choice of labelled rows."""
    X, y, X_test, y_test = rows_of(name, seed)
    generator = np.random.default_rng(1000 + seed)
    labelled = np.concatenate(
        [generator.choice(np.flatnonzero(y == kind), per_class, replace=False) for kind in np.unique(y)]
    )
    given = np.full(len(y), -1)
    given[labelled] = y[labelled]
    model = PretrainedClassifier(random_state=seed).fit(X, given)
    scaling = model.autoencoder_.scaling_
    network = HeadedNetwork(model.autoencoder_.model_, model.linear_.weight, model.linear_.bias)
    targets, probabilities = np.eye(len(model.classes_))[y[labelled]], np.full(len(labelled), 1 / len(labelled))
    training = TrainingSet(scaling.apply(X[labelled]), targets, probabilities)
    scratch = fine_tune(reinitialized(network, seed), training, **model.fine_tuning(seed))
    return {
        "pretrained": float(model.score(X_test, y_test)),
        "scratch": float((outputs_of(scratch, scaling.apply(X_test)).argmax(1) == y_test).mean()),
        "pca": pca_accuracy(X, labelled, y, X_test, y_test),
        "teacher": model.teacher_ if model.network_ is not None else "none: linear",
    }


def pca_accuracy(X: np.ndarray, labelled: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> float:
    """Logistic regression on PCA codes, the best of 16 sizes and penalties by cross-validation on the labels."""
    unit = np.sqrt(X.var(0).mean())
    pca = PCA(64, random_state=0).fit(X / unit)
    codes, asked = pca.transform(X[labelled] / unit), pca.transform(X_test / unit)
    choices = [(size, C) for size in (8, 16, 32, 64) for C in (0.01, 0.1, 1.0, 10.0)]

    def score(choice: tuple[int, float]) -> float:
        head = LogisticRegression(C=choice[1], max_iter=3000)
        return float(cross_val_score(head, codes[:, : choice[0]], y[labelled], cv=5).mean())

    size, C = max(choices, key=score)
    head = LogisticRegression(C=C, max_iter=3000).fit(codes[:, :size], y[labelled])
    return float(head.score(asked[:, :size], y_test))


def as_markdown(rows: list[dict]) -> str:
    """Accuracy in per cent: mean (lowest – highest)."""
    lines = ["| data, labels a class | pretrained | from scratch | PCA codes | seeds |", "|---|---|---|---|---|"]
    for row in rows:
        cells = []
        for way in WAYS:
            each = 100 * np.array([result[way] for result in row["results"]])
            cells.append(f"{each.mean():.1f} ({each.min():.1f} – {each.max():.1f})")
        lines.append(f"| {row['data']}, {row['labels']} | {' | '.join(cells)} | {len(row['results'])} |")
    return "\n".join(lines)


def main() -> None:
    """Run the data sets asked for; results of others are kept."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in sys.argv[1:] or ("digits", "fashion-mnist"):
        for labels in (10, 20, 50):
            results = [one(name, labels, seed) for seed in SEEDS[name]]
            rows = [row for row in rows if (row["data"], row["labels"]) != (name, labels)]
            rows.append({"data": name, "labels": labels, "results": results})
            print(as_markdown(rows[-1:]).splitlines()[-1], [r["teacher"] for r in results], flush=True)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
            before, rest = PAGE.read_text().split(MARKS[0])
            PAGE.write_text(f"{before}{MARKS[0]}\n{as_markdown(rows)}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
