"""Mixed tables reconstructed from small codes, compared with PCA of one-hot and standardised columns.

    python benchmarks/mixed_tables.py

Sets bundled with scikit-learn, their classes among the columns as categories or booleans; 30% of the rows held out,
five seeds, defaults, codes of two and of four dimensions. Writes benchmarks/results/mixed_tables.json and the table in
docs/uses/mixed-tables.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder, column_errors
from isthmus.tables import atomic_write

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "uses" / "mixed-tables.md"
MARKS = ("<!-- mixed_tables -->", "<!-- /mixed_tables -->")
SEEDS, SIZES = range(5), (2, 4)
WAYS = ("model", "pca")


def frames() -> Iterator[tuple[str, pd.DataFrame]]:
    """Numbers with categories (iris, wine), booleans (breast cancer, diabetes) and a date (diabetes)."""
    for name in ("iris", "wine"):
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        kinds = pd.Categorical.from_codes(found.target, categories=list(found.target_names))
        yield name, found.data.assign(kind=kinds)
    found = datasets.load_breast_cancer(as_frame=True)
    yield "breast_cancer", found.data.assign(benign=found.target == 1)
    found = datasets.load_diabetes(as_frame=True, scaled=False)
    born = pd.Timestamp("1990-01-01") - pd.to_timedelta((found.data["age"] * 365.25).round(), unit="D")
    rest = found.data.drop(columns=["age", "sex"])
    yield "diabetes", rest.assign(born=born, second_sex=found.data["sex"] == 2, progression=found.target)


def one(frame: pd.DataFrame, size: int, seed: int) -> dict[str, dict[str, float]]:
    """Mean error of numbers and dates, and mean accuracy of the other cells, for both methods."""
    train, test = train_test_split(frame, test_size=0.3, random_state=seed)
    errors = column_errors(Autoencoder(size, random_state=seed).fit(train), test)
    return {
        way: {
            measure: float(np.mean([getattr(error, way) for error in errors if error.measure == measure]))
            for measure in ("rmse", "accuracy")
        }
        for way in WAYS
    }


def as_markdown(rows: list[dict]) -> str:
    """Means over seeds (lowest – highest)."""
    lines = [
        "| set, latent dimensions | numbers and dates, isthmus | PCA "
        "| categories and booleans correct, isthmus | PCA |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = []
        for measure, form in (("rmse", ".3f"), ("accuracy", ".1%")):
            for way in WAYS:
                values = [run[way][measure] for run in row["runs"]]
                cells.append(f"{np.mean(values):{form}} ({min(values):{form}} – {max(values):{form}})")
        lines.append(f"| {row['set']}, {row['size']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    rows = []
    for name, frame in frames():
        for size in SIZES:
            rows.append({"set": name, "size": size, "runs": [one(frame, size, seed) for seed in SEEDS]})
            print(as_markdown(rows[-1:]).splitlines()[-1], flush=True)
    (HERE / "results" / "mixed_tables.json").write_text(json.dumps(rows, indent=1) + "\n")
    before, rest = PAGE.read_text().split(MARKS[0])
    with atomic_write(PAGE) as temporary:
        temporary.write_text(f"{before}{MARKS[0]}\n{as_markdown(rows)}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
