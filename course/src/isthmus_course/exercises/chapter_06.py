"""Bending the line.

Write fit(X, seed): given pictures of shape (N, 64) and a seed, train an autoencoder with two latent dimensions, and
return its two halves (encoder, decoder) as PyTorch modules: rows to codes of shape (n, 2), and codes to rows.

Together they may have 15,000 weights. On unseen digits, the mean squared error of a grey value must be below PCA's, and
then below 0.04, with three seeds. A fitted isthmus.Autoencoder gives its halves with
model.encoder.to_torch(polish=0) and model.decoder.to_torch(); a loop of your own may do better. (Without polish=0 the
module improves each code by the decoder, which it then contains.)
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("fit",)

STARTER = '''
"""Chapter 6: two latent dimensions, nonlinear."""

from isthmus import Autoencoder


def fit(X, seed):
    """The trained encoder and decoder, as PyTorch modules. This one is PCA: nothing in it is nonlinear."""
    model = Autoencoder(2, hidden_layer_sizes=(), random_state=seed).fit(X)
    return model.encoder.to_torch(polish=0), model.decoder.to_torch()
'''

REFERENCE = '''
"""Chapter 6: one hidden layer of 96 on either side of the code."""

from isthmus import Autoencoder


def fit(X, seed):
    """The trained encoder and decoder, as PyTorch modules."""
    model = Autoencoder(2, hidden_layer_sizes=(96,), random_state=seed).fit(X)
    return model.encoder.to_torch(polish=0), model.decoder.to_torch()
'''

_MODEL = "Autoencoder(2, hidden_layer_sizes=(96,), random_state=seed).fit(X)"
_HALVES = "model.encoder.to_torch(polish=0), model.decoder.to_torch()"

_LOOP = """
import torch
from torch import nn


def fit(X, seed):
    torch.manual_seed(seed)
    rows = torch.tensor(X, dtype=torch.float32)
    encoder = nn.Sequential(nn.Linear(64, 96), NORM nn.SiLU(), nn.Linear(96, 2))
    decoder = nn.Sequential(nn.Linear(2, 96), nn.SiLU(), nn.Linear(96, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    for _ in range(STEPS):
        loss = (decoder(encoder(rows)) - rows).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder, decoder
"""


def _with(was: str, now: str) -> str:
    source = REFERENCE.replace(was, now)
    if source == REFERENCE:
        raise ValueError(f"chapter 6: the reference has no {was!r} to replace.")
    return source


def _loop(norm: str = "", rate: str = "5e-3", steps: int = 5) -> str:
    return _LOOP.replace("NORM ", norm).replace("RATE", rate).replace("STEPS", str(steps))


WRONG = {
    "nothing bends": (
        _with("(96,)", "()"),
        "unseen digits come back nearer than PCA's: at seed 0 your error is 0.0",
    ),
    "hardly trained": (
        _loop(),
        "unseen digits come back nearer than PCA's: at seed 0 your error is 0.0",
    ),
    "trained, but not with care": (
        _with("random_state=seed", "max_iter=6, random_state=seed"),
        "the error is under 0.04: at seed 0 it is 0.0",
    ),
    "wider than allowed": (
        _with("(96,)", "(256,), max_iter=1"),
        "there are at most 15,000 weights: your encoder has 17,284 and your decoder 17,408, together 34,692",
    ),
    "a longer code": (
        _with("Autoencoder(2, ", "Autoencoder(3, max_iter=1, "),
        "the code is two numbers: for 3 rows your encoder gives shape (3, 3), not (3, 2)",
    ),
    "normalized by the batch": (
        _loop(norm="nn.BatchNorm1d(96), "),
        "a row's code is its own: the first unseen digit has the code",
    ),
    "the halves of two fits": (
        _with(
            _HALVES,
            "model.encoder.to_torch(polish=0), Autoencoder(2, hidden_layer_sizes=(96,), random_state=seed)"
            ".fit(-X).decoder.to_torch()",
        ),
        "unseen digits come back nearer than PCA's: at seed 0 your error is 0.",
    ),
    "not two modules": (
        _with(_HALVES, "model"),
        "the answer is two PyTorch modules: your fit returned an Autoencoder",
    ),
}

MAX_WEIGHTS, ENOUGH, SEEDS = 15_000, 0.04, (0, 1, 2)


def two_modules(mine: Any) -> str | None:
    """The answer is two PyTorch modules."""
    from torch import nn

    answer = _fitted(mine.fit, SEEDS[0])
    if not isinstance(answer, (tuple, list)):
        name = type(answer).__name__
        return f"your fit returned {'an' if name[0] in 'AEIOU' else 'a'} {name}, not (encoder, decoder)."
    kinds = [type(half).__name__ for half in answer]
    if len(answer) != 2 or not all(isinstance(half, nn.Module) for half in answer):
        return f"your fit returned ({', '.join(kinds)}), not (encoder, decoder)."
    return None


def two_numbers(mine: Any) -> str | None:
    """The code is two numbers."""
    shape = tuple(_codes(mine, _digits()[1][:3]).shape)
    return None if shape == (3, 2) else f"for 3 rows your encoder gives shape {shape}, not (3, 2)."


def own(mine: Any) -> str | None:
    """A row's code is its own."""
    unseen = _digits()[1]
    among = _codes(mine, unseen[:50])[0]
    try:
        alone = _codes(mine, unseen[:1])[0]
    except ValueError as error:  # a batch norm that still learns refuses a single row
        return f"the first unseen digit has the code {show(among)} among 50, and alone none: {error}"
    if np.allclose(alone, among, rtol=1e-3, atol=1e-4):
        return None
    return f"the first unseen digit has the code {show(alone)} alone and {show(among)} among 50; is something left on?"


def few_weights(mine: Any) -> str | None:
    """There are at most 15,000 weights."""
    sizes = [sum(weight.numel() for weight in half.parameters()) for half in _fitted(mine.fit, SEEDS[0])]
    if sum(sizes) <= MAX_WEIGHTS:
        return None
    return f"your encoder has {sizes[0]:,} and your decoder {sizes[1]:,}, together {sum(sizes):,}."


def under_pca(mine: Any) -> str | None:
    """Unseen digits come back nearer than PCA's."""

    def fault(seed: int) -> str | None:
        error, pca = _error(mine, seed), _pca_error()
        return None if error < pca - 1e-5 else f"at seed {seed} your error is {error:.4f}, and PCA's {pca:.4f}."

    return first_fault(SEEDS, fault)


def good(mine: Any) -> str | None:
    """The error is under 0.04."""
    return first_fault(
        SEEDS,
        lambda seed: None if _error(mine, seed) < ENOUGH else f"at seed {seed} it is {_error(mine, seed):.4f}.",
    )


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from isthmus.tables import load_bundled

    X = load_bundled("digits").values
    X = X[np.random.default_rng(6).permutation(len(X))]
    return X[360:], X[:360]


@cache
def _fitted(fit: Any, seed: int) -> Any:
    return fit(_digits()[0].copy(), seed)


def _codes(mine: Any, rows: np.ndarray, seed: int = SEEDS[0]) -> np.ndarray:
    import torch

    encoder = _fitted(mine.fit, seed)[0]
    with torch.no_grad():
        return encoder(_rows_for(encoder, rows)).numpy()


def _rows_for(half: Any, rows: np.ndarray) -> Any:
    """Rows in the precision of a module's weights, which may be double."""
    import torch

    kinds = {weight.dtype for weight in half.parameters()}
    return torch.tensor(rows, dtype=torch.float64 if kinds == {torch.float64} else torch.float32)


@cache
def _error_of(fit: Any, seed: int) -> float:
    import torch

    encoder, decoder = _fitted(fit, seed)
    unseen = _rows_for(encoder, _digits()[1])
    with torch.no_grad():
        reconstructed = decoder(encoder(unseen))
    return float((reconstructed - unseen).square().mean())


def _error(mine: Any, seed: int) -> float:
    return _error_of(mine.fit, seed)


@cache
def _pca_error() -> float:
    from sklearn.decomposition import PCA

    X, unseen = _digits()
    pca = PCA(2).fit(X)
    return float(np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2))


CHECKS = (two_modules, two_numbers, own, few_weights, under_pca, good)
