"""Rows with a shape: photos, digits, sounds and word vectors with defaults, against PCA and a plain network.

    python benchmarks/shapes.py photos FOLDER --side 32 --latents 32 [--seeds 0 1 2] [--budget 10min]
    python benchmarks/shapes.py sounds FOLDER --latents 32
    python benchmarks/shapes.py words FILE --latents 8
    python benchmarks/shapes.py mnist --latents 8

Photos: any folder of one kind, unprepared; 600 held out by the seed. Sounds: the free spoken digit dataset's
``recordings``, named digit_speaker_take.wav; takes 0 to 4 of each are held out, its makers' own split. Words: the first
10,000 of GloVe or word2vec, 2,000 held out by the seed. MNIST: 8,000 to learn from, 2,000 held out. "plain" is a
PyTorch network of the chosen kind: the same layers without the linear skip, from random weights, trained for the
processor time of the fit; for MNIST the better of a plain perceptron (`plain_network.py`) and four plain convolutions.
Results are added to benchmarks/results/shapes.json, one entry per run.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.evaluation.neighbours import neighbours_kept
from isthmus.tables import Table, read
from plain_network import best_plain_network
from quality_data import mnist

RESULTS = Path(__file__).parent / "results" / "shapes.json"
HELD_OUT = {"photos": 600, "words": 2000}
MAX_WORDS, FIRST_TAKES = 10_000, 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("photos", "sounds", "words", "mnist"))
    parser.add_argument("source", type=Path, nargs="?", default=Path("mnist"), help="a folder or file; none for MNIST")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--latents", type=int, nargs="+", default=[32])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", default=None, help="time of one fit, such as 10min [default: the library's]")
    parser.add_argument("--most", type=int, default=None, help="training rows, for a shorter run")
    asked = parser.parse_args()
    pictures = {"size": (asked.side, asked.side), "skip_unreadable": True} if asked.kind == "photos" else {}
    table = _mnist() if asked.kind == "mnist" else read(asked.source, held_bytes=1 << 30, **pictures)
    for latents in asked.latents:
        for seed in asked.seeds:
            train, test = _split(asked.kind, table, seed)
            found = _run(asked, train if asked.most is None else train.take(range(asked.most)), test, latents, seed)
            print(json.dumps(found), flush=True)
            known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            RESULTS.write_text(json.dumps([*known, found], indent=1) + "\n")


def _mnist() -> Table:
    """Training rows first."""
    return read(np.concatenate(mnist()).reshape(-1, 28, 28))


def _split(kind: str, table: Table, seed: int) -> tuple[Table, Table]:
    if kind == "mnist":
        return table.take(range(8000)), table.take(range(8000, len(table)))
    if kind == "sounds":
        takes = np.array([int(Path(name).stem.split("_")[2]) for name in table.ids])
        return table.take(np.flatnonzero(takes >= FIRST_TAKES)), table.take(np.flatnonzero(takes < FIRST_TAKES))
    order = np.random.default_rng(seed).permutation(min(len(table), MAX_WORDS if kind == "words" else len(table)))
    return table.take(order[HELD_OUT[kind] :]), table.take(order[: HELD_OUT[kind]])


def _run(asked: argparse.Namespace, train: Table, test: Table, latents: int, seed: int) -> dict[str, object]:
    started, processor = time.perf_counter(), time.process_time()
    model = Autoencoder(latents, random_state=seed, budget=asked.budget).fit(train)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    pca = PCA(latents, random_state=0).fit(train.values)
    error = float(np.square(model.reconstruct(test.values) - test.values).mean())
    principal = float(np.square(pca.inverse_transform(pca.transform(test.values)) - test.values).mean())
    if asked.kind == "mnist":
        plain = _plain_on_mnist(train.values, test.values, latents, seed, processor)
    else:
        plain = _plain_error(_plain_of(model, latents, seed), train.values, test.values, processor)
    found: dict[str, object] = {
        "data": f"{asked.kind} {asked.source.name}, {len(train):,} rows of {train.n_columns:,} numbers",
        "latents": latents, "seed": seed,
        "network": "convolution" if model.fitted_.architecture.stages else "perceptron",
        "epochs": model.n_iter_, "best_epoch": model.best_epoch_, "seconds": round(seconds), "cpu": round(processor),
        "error": error, "pca": principal,
        "ratio": round(error / principal, 4), "plain_ratio": round(plain / principal, 4),
    }  # fmt: skip
    codes = {"code": [model.transform(part.values) for part in (train, test)]}
    codes["pca"] = [pca.transform(part.values) for part in (train, test)]
    if asked.kind == "words":
        found |= {f"{name}_neighbours": neighbours_kept(test.values, known[1]) for name, known in codes.items()}
    if asked.kind == "sounds":
        for place, what in enumerate(("digit", "speaker")):
            labels = [np.array([Path(name).stem.split("_")[place] for name in part.ids]) for part in (train, test)]
            for name, (known, new) in codes.items():
                probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(known, labels[0])
                found[f"{name}_{what}"] = round(float(probe.score(new, labels[1])), 4)
    return found


def _plain_on_mnist(train: np.ndarray, test: np.ndarray, p: int, seed: int, seconds: float) -> float:
    perceptron = best_plain_network(train, p, seconds, seed).error(test)
    return min(perceptron, _plain_error(_plain_convolutions(p, seed), train, test, seconds))


def _plain_convolutions(p: int, seed: int):
    from torch import manual_seed, nn

    manual_seed(seed)
    widths = ((1, 32), (32, 64))
    down = [layer for pair in widths for layer in (nn.Conv2d(*pair, 3, stride=2, padding=1), nn.GELU())]
    up = [nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.GELU(), nn.ConvTranspose2d(32, 1, 4, 2, 1)]
    middle = [nn.Flatten(), nn.Linear(64 * 49, 256), nn.GELU(), nn.Linear(256, p), nn.Linear(p, 256), nn.GELU()]
    grids = [nn.Linear(256, 64 * 49), nn.GELU(), nn.Unflatten(1, (64, 7, 7))]
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), *down, *middle, *grids, *up, nn.Flatten())


def _plain_of(model: Autoencoder, p: int, seed: int):
    """The layers that the fit chose, without a closed form, from random weights."""
    from torch import manual_seed, nn

    manual_seed(seed)
    architecture, n_columns = model.fitted_.architecture, model.n_features_in_
    stages = architecture.convolutions
    if stages is not None:
        return nn.Sequential(stages.encoder(p), stages.decoder(p))
    widths = architecture.hidden_widths
    return nn.Sequential(_perceptron((n_columns, *widths, p)), _perceptron((p, *widths, n_columns)))


def _plain_error(network, train: np.ndarray, test: np.ndarray, seconds: float) -> float:
    """Test error after training from random weights, at the best epoch on a held-out tenth."""
    import torch
    from torch.nn.functional import mse_loss

    mean, unit = train.mean(0), float(train.std())
    x, new = (torch.from_numpy((part - mean) / unit).float() for part in (train, test))
    learned, held_out = x[len(x) // 10 :], x[: len(x) // 10]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    started, best, answer = time.process_time(), float("inf"), float("inf")
    while time.process_time() - started < seconds:
        network.train()
        for batch in learned[torch.randperm(len(learned))].split(128):
            optimizer.zero_grad()
            mse_loss(network(batch), batch).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        with torch.inference_mode():
            loss = float(mse_loss(network.eval()(held_out), held_out))
            if loss < best:
                best, answer = loss, float(mse_loss(network(new), new)) * unit**2
    return answer


def _perceptron(widths: tuple[int, ...]):
    from torch import nn

    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.GELU())]
    return nn.Sequential(*layers[:-1])


if __name__ == "__main__":
    main()
