"""Denoising: PSNR of a `Denoiser` with default settings, compared with PCA, a median filter and a plain autoencoder.

    python benchmarks/denoising.py                  digits, three seeds, and Fashion-MNIST, one; about twenty minutes
    python benchmarks/denoising.py --data digits    one of the two; the other's rows are kept

A seed determines the split (Fashion-MNIST has its own), the noise and the training. PCA has the rank that is best on
the test rows themselves, and the plain autoencoder the better of two sizes on them, the denoiser's and 32: an advantage
for both. "blind" sees only noisy rows and estimates the level; on Fashion-MNIST it is trained on 20,000 of them and
evaluated on 2,000 test rows, for Gaussian noise of 0.3 only. Outputs of all methods except the median filter are
clipped to the range of the pixels, 0 to 1.
Writes benchmarks/results/denoising.json and the table in docs/uses/denoising.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from isthmus.denoising import Denoiser, add_noise, principal_axes, psnr, restoration
from isthmus.tables import load_bundled
from isthmus.variants import variant

RESULTS = Path(__file__).parent / "results" / "denoising.json"
PAGE = Path(__file__).parent.parent / "docs" / "uses" / "denoising.md"
MARKS = ("<!-- denoising -->", "<!-- /denoising -->")
NOISES = (
    ("gaussian", 0.1),
    ("gaussian", 0.3),
    ("gaussian", 0.5),
    ("masking", 0.25),
    ("masking", 0.5),
    ("salt_and_pepper", 0.1),
    ("salt_and_pepper", 0.25),
)
SEEDS = {"digits": (0, 1, 2), "fashion-mnist": (0,)}
BLIND_ROWS, BLIND_TEST_ROWS = 20_000, 2_000
BLIND_OF_MANY = (("gaussian", 0.3),)  # the only noise for large data
NAMES = {"gaussian": "Gaussian, σ =", "masking": "masked", "salt_and_pepper": "salt and pepper"}
COLUMNS = ("noisy", "median", "pca", "vanilla", "blind", "denoiser")


def split(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Training and test rows, and the shape of a picture."""
    table = load_bundled(name)
    if table.official_test is not None:
        test = table.official_test
    else:
        test = np.sort(np.random.default_rng(seed).permutation(len(table))[: len(table) // 5])
    return np.delete(table.values, test, axis=0), table.values[test], table.image_shape or ()


def plain_autoencoders(train: np.ndarray, seed: int) -> list:
    """Trained without corruption: as wide a code as the denoiser's, and a narrow one."""
    sizes = (min(train.shape[1], 256), 32)
    return [variant("vanilla")(size, random_state=seed).fit(train) for size in sizes]


def measured(name: str) -> Iterator[dict]:
    """One result for each kind of noise and seed."""
    for seed in SEEDS[name]:
        train, test, shape = split(name, seed)
        plain, pca = plain_autoencoders(train, seed), principal_axes(train)
        for kind, level in NOISES:
            noisy = add_noise(test, kind, level, random_state=1000 + seed)
            denoiser = Denoiser(kind, level, random_state=seed).fit(train)
            found = restoration(noisy, denoiser.denoise(noisy), test, pca=pca, image_shape=shape, data_range=1.0)
            row = {
                "data": name,
                "kind": kind,
                "level": level,
                "seed": seed,
                "noisy": found.noisy,
                "median": found.median,
                "pca": found.pca,
                "pca_rank": found.pca_rank,
                "vanilla": max(psnr(model.reconstruct(noisy).clip(0, 1), test, 1.0) for model in plain),
                "denoiser": found.denoised,
            }
            if len(train) > BLIND_ROWS and (kind, level) not in BLIND_OF_MANY:
                yield row
                continue
            seen = add_noise(train[:BLIND_ROWS], kind, level, random_state=2000 + seed)
            blind = Denoiser(kind, clean=False, image_shape=shape, random_state=seed).fit(seen)
            restored = blind.denoise(noisy[:BLIND_TEST_ROWS]).clip(0, 1)
            yield row | {"blind": psnr(restored, test[:BLIND_TEST_ROWS], 1.0), "blind_level": blind.noise_level_}


def as_markdown(results: list[dict]) -> str:
    """One row for each data set and noise: means over seeds, with lowest and highest of the denoiser's."""
    lines = [
        "| PSNR in dB | noisy | median 3×3 | PCA, best rank | plain autoencoder | blind `Denoiser` | `Denoiser` |",
        "|---|---|---|---|---|---|---|",
    ]
    for data in SEEDS:
        for kind, level in NOISES:
            rows = [row for row in results if (row["data"], row["kind"], row["level"]) == (data, kind, level)]
            if rows:
                size = f"{level:g}" if kind == "gaussian" else f"{100 * level:g}%"
                cells = [
                    _figure([row[column] for row in rows if column in row], spread=column == "denoiser")
                    for column in COLUMNS
                ]
                lines.append(f"| {data}, {NAMES[kind]} {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _figure(values: list[float], *, spread: bool) -> str:
    if not values:
        return "–"
    mean = f"{statistics.mean(values):.2f}"
    if not spread:
        return mean
    return f"**{mean}**" + (f" ({min(values):.2f} - {max(values):.2f})" if len(values) > 1 else "")


def _others(name: str) -> list[dict]:
    """Results of the other data sets."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return [row for row in known if row["data"] != name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=tuple(SEEDS), help="one data set [default: both]")
    asked = parser.parse_args()
    chosen = tuple(SEEDS) if asked.data is None else (asked.data,)
    RESULTS.parent.mkdir(exist_ok=True)
    for name in chosen:
        rows: list[dict] = []
        for row in measured(name):
            rows.append(row)
            print(*(f"{row[key]:.2f}" if type(row[key]) is float else row[key] for key in row), flush=True)
            RESULTS.write_text(json.dumps([*_others(name), *rows], indent=1) + "\n")
    results = _others("")
    before, rest = PAGE.read_text().split(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{as_markdown(results)}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
