"""Generated rows against held-out ones: isthmus beside pythae's VAE, with the same data, code and gradient steps.

    python benchmarks/generation.py --folder FOLDER     five seeds on the digits, three elsewhere; some minutes

Rows are brought to [0, 1] by the training rows' range, which pythae's decoder needs. Both libraries get the same
training rows, size of code, batch size and number of epochs (isthmus may stop earlier); networks and all else are each
library's defaults. pythae's learning rate is 1e-3, as its default of 1e-4 has not arrived anywhere by then; its VAE
runs with its default loss, "mse", and with "bce". FOLDER holds pendigits (28_pendigits.npz of ADBench, array X);
without it that set is left out. Writes benchmarks/results/generation.json and the table in docs/uses/generation.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from isthmus import TwoSample, compare_samples
from isthmus.tables import load_bundled, split_table
from isthmus.variants import variant
from race.environments import python_for

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "generation.json"
PAGE = HERE.parent / "docs" / "uses" / "generation.md"
MARKS = ("<!-- generation -->", "<!-- /generation -->")
FIGURES = ("energy_distance", "energy_distance_of_data", "nearest_neighbour_accuracy", "distance_ratio", "copies")


@dataclass(frozen=True)
class Work:
    """One data set with what both libraries are given; rows in [0, 1]."""

    name: str
    train: np.ndarray
    test: np.ndarray
    size: int
    epochs: int
    batch: int
    seeds: int


def works(folder: Path | None) -> Iterator[Work]:
    """The data sets: a tutorial's split of the digits, and fresh ones."""
    digits = load_bundled("digits")
    train, test = (digits.values[rows] for rows in split_table(digits, 0.2, 42))
    yield Work("digits", *_in_unit_range(train, test), size=16, epochs=100, batch=64, seeds=5)
    cancer = load_bundled("breast_cancer").values
    yield Work("breast cancer", *_split(cancer, 0.3), size=8, epochs=100, batch=32, seeds=3)
    if folder is not None:
        with np.load(folder / "28_pendigits.npz", allow_pickle=False) as arrays:
            X = np.unique(arrays["X"].astype(np.float64), axis=0)
        yield Work("pendigits", *_split(X, 0.3), size=8, epochs=40, batch=128, seeds=3)
    fashion = load_bundled("fashion-mnist")
    train, test = (fashion.values[rows] for rows in split_table(fashion, 0.2, 42))
    order = np.random.default_rng(7)
    train, test = train[order.permutation(len(train))[:5000]], test[order.permutation(len(test))[:1000]]
    yield Work("Fashion-MNIST, 5,000 rows", *_in_unit_range(train, test), size=16, epochs=10, batch=128, seeds=3)


def _split(X: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(7).permutation(len(X))
    cut = int((1 - share) * len(X))
    return _in_unit_range(X[order[:cut]], X[order[cut:]])


def _in_unit_range(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = train.min(0), train.max(0)
    spread = np.where(high > low, high - low, 1.0)
    return ((train - low) / spread).astype(np.float32), ((test - low) / spread).astype(np.float32)


def generated(work: Work, seed: int, with_peers: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Rows of every way, as many as were held out."""
    count, settings = len(work.test), {"max_iter": work.epochs, "batch_size": work.batch, "random_state": seed}
    variational = variant("variational")(work.size, **settings).fit(work.train)
    plain = variant("vanilla")(work.size, **settings).fit(work.train)
    yield "isthmus, variational, prior", variational.sample(count, seed)
    yield "isthmus, variational, density", variational.sample(count, seed, codes="density")
    yield "isthmus, vanilla, density", plain.sample(count, seed)
    yield "isthmus, vanilla, density and noise", plain.sample(count, seed, noise=True)
    if not with_peers:
        return
    for loss in ("mse", "bce"):
        with tempfile.TemporaryDirectory() as place:
            job, out = Path(place, "job.npz"), Path(place, "out.npz")
            given = {"size": work.size, "epochs": work.epochs, "batch": work.batch, "count": count, "seed": seed}
            np.savez(job, train=work.train, loss=loss, **given)
            command = [str(python_for("pythae")), str(HERE / "generation_peers.py"), str(job), str(out)]
            subprocess.run(command, check=True, capture_output=True)
            with np.load(out) as arrays:
                yield f"pythae VAE ({loss}), prior", arrays["prior"]
                yield f"pythae VAE ({loss}), its mixture of 10", arrays["density"]


def measured(work: Work, with_peers: bool) -> list[dict]:
    """A row of figures for every way, with mean, lowest and highest over seeds."""
    found: dict[str, list[TwoSample]] = {}
    for seed in range(work.seeds):
        for way, rows in generated(work, seed, with_peers):
            found.setdefault(way, []).append(compare_samples(rows, work.test, work.train))
    order = np.random.default_rng(3).permutation(len(work.train))[: len(work.test)]
    rest = np.delete(work.train, order, axis=0)
    found["training rows themselves"] = [compare_samples(work.train[order], work.test, rest)]
    return [
        {"data": work.name, "way": way, "size": work.size, "epochs": work.epochs, "seeds": len(each)}
        | {name: _spread([getattr(one, name) for one in each]) for name in FIGURES}
        for way, each in found.items()
    ]


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "lowest": min(values), "highest": max(values)}


def as_markdown(rows: list[dict]) -> str:
    """One line a way."""
    lines = [
        "| data | way | energy distance | 1-NN accuracy | distance ratio | copies |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        energy, accuracy, ratio = (
            _written(row[name], digits)
            for name, digits in (("energy_distance", 4), ("nearest_neighbour_accuracy", 2), ("distance_ratio", 2))
        )
        copies = f"{100 * row['copies']['mean']:.1f}%"
        lines.append(f"| {row['data']} | {row['way']} | {energy} | {accuracy} | {ratio} | {copies} |")
    return "\n".join(lines)


def _written(figure: dict[str, float], digits: int) -> str:
    mean, lowest, highest = (f"{figure[name]:.{digits}f}" for name in ("mean", "lowest", "highest"))
    return mean if lowest == highest else f"{mean} ({lowest} – {highest})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="ADBench's tables, for pendigits")
    parser.add_argument("--only", nargs="*", help="names of the data sets to measure; the others' figures stay")
    parser.add_argument("--ours", action="store_true", help="measure isthmus alone; pythae's figures stay")
    asked = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for work in works(asked.folder):
            if asked.only is None or work.name.split(",")[0] in asked.only:
                rows = measured(work, not asked.ours)
                print(as_markdown(rows), flush=True)
                store(rows)


def store(rows: list[dict]) -> None:
    """Put figures in place of older ones of the same data and way, in the file and on the page."""
    known: list[dict] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    merged = {(row["data"], row["way"]): row for row in known} | {(row["data"], row["way"]): row for row in rows}
    known = list(merged.values())
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    before, rest = PAGE.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n{as_markdown(known)}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
