"""A code to draw from.

Someone wrote the loss of a variational autoencoder as mse + kl, with a mean over 64 pixels in the first term. In
isthmus that is VariationalAutoencoder(2, variance=32.0): its code has collapsed, and it draws the mean every time.

1. Write fit(X): given pictures of shape (N, 64), return a fitted isthmus.VariationalAutoencoder with two numbers that
   uses both, and from whose prior new digits can be drawn: the energy distance between 300 decoded draws and digits
   must be at least a quarter lower than for the same draws through the decoder of a plain autoencoder.
2. Write draw(model, n, rng): return n new rows. Draw their codes from the prior N(0, I) with rng, a
   numpy.random.Generator, and decode them with model.inverse_transform; a code has model.n_components_ numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("fit", "draw")

STARTER = '''
"""Chapter 10: repair a collapsed run, and draw from the prior."""

import numpy as np

from isthmus import VariationalAutoencoder


def fit(X):
    """A fitted variational autoencoder with two numbers. This one has collapsed; why?"""
    return VariationalAutoencoder(2, variance=32.0, random_state=0).fit(X)


def draw(model, n, rng):
    """n new rows: codes from N(0, I), decoded."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 10: let the decoder's variance be learned, and decode standard normal codes."""

from isthmus import VariationalAutoencoder


def fit(X):
    """Both terms are sums, and the variance, which is their balance, is learned."""
    return VariationalAutoencoder(2, hidden_layer_sizes=(64,), random_state=0).fit(X)


def draw(model, n, rng):
    """Codes from the prior, decoded."""
    return model.inverse_transform(rng.standard_normal((n, model.n_components_)))
'''

_FIT = "VariationalAutoencoder(2, hidden_layer_sizes=(64,), random_state=0)"
_DRAW = "rng.standard_normal((n, model.n_components_))"


def _with(was: str, now: str) -> str:
    source = REFERENCE.replace(was, now)
    if source == REFERENCE:
        raise ValueError(f"chapter 10: the reference has no {was!r} to replace.")
    return source


WRONG = {
    "the collapsed run": (
        _with(_FIT, "VariationalAutoencoder(2, hidden_layer_sizes=(64,), variance=32.0, random_state=0)"),
        "both latents are in use: on 600 digits your model uses 0 of 2, and its code carries 0.00",
    ),
    "a plain autoencoder": (
        _with("VariationalAutoencoder", "Autoencoder"),
        "the model is a variational one: your fit returned a fitted Autoencoder, which has no prior to draw from",
    ),
    "a longer code": (
        _with("VariationalAutoencoder(2", "VariationalAutoencoder(3"),
        "its code is two numbers: your model's code has 3.",
    ),
    "no price at all": (
        _with(_FIT, "VariationalAutoencoder(2, hidden_layer_sizes=(64,), beta=0.0, random_state=0)"),
        "draws from the prior are nearer to digits than a plain decoder's, by a quarter: 300 draws through your",
    ),
    "codes spread evenly": (
        _with(_DRAW, "rng.uniform(-2, 2, (n, model.n_components_))"),
        "codes are drawn from N(0, I): for a code of 1 number",
    ),
    "one draw for all rows": (
        _with(_DRAW, "rng.standard_normal((1, model.n_components_)).repeat(n, 0)"),
        "codes are drawn from N(0, I): for a code of 1 number your 4000 draws have the standard deviation 0,",
    ),
    "one number for the whole code": (
        _with(_DRAW, "rng.standard_normal((n, 1)).repeat(model.n_components_, 1)"),
        "codes are drawn from N(0, I): for a code of 2 numbers the first two of your draws are correlated by 1,",
    ),
    "a generator of its own": (
        _with(_DRAW, "__import__('numpy').random.default_rng(0).standard_normal((n, model.n_components_))"),
        "another generator gives other rows: with seeds 0 and 1 your draw of 3 rows gave the same rows",
    ),
}

DRAWS, LOOSE = 4000, 0.08
ROWS = 600


class _Recorder:
    """A model whose decoder records the codes it is given, and returns them doubled."""

    def __init__(self, n_components: int) -> None:
        self.n_components_ = n_components
        self.codes = np.zeros((0, n_components))

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Codes of shape (n, n_components_) to rows of the same shape."""
        codes = np.asarray(codes, dtype=float)
        if codes.ndim != 2 or codes.shape[1] != self.n_components_:
            raise ValueError(f"inverse_transform takes codes of {self.n_components_} numbers, got {codes.shape}.")
        self.codes = np.concatenate([self.codes, codes])
        return 2 * codes


def decoded(mine: Any) -> str | None:
    """Rows are decoded draws."""

    def fault(n: int) -> str | None:
        model = _Recorder(2)
        rows = np.asarray(mine.draw(model, n, np.random.default_rng(0)), dtype=float)
        if rows.shape != (n, 2):
            return f"your draw of {n} rows has shape {rows.shape}; with this model it should be {(n, 2)}."
        if len(model.codes) != n or not np.allclose(rows, 2 * model.codes):
            return f"your draw of {n} rows is not what model.inverse_transform answered with."
        return None

    return first_fault((1, 3), fault)


def others(mine: Any) -> str | None:
    """Another generator gives other rows."""
    first, second = (np.asarray(mine.draw(_Recorder(2), 3, np.random.default_rng(seed))) for seed in (0, 1))
    if np.array_equal(first, second):
        return f"with seeds 0 and 1 your draw of 3 rows gave the same rows, the first {show(first[0] / 2)}; use rng."
    return None


def from_the_prior(mine: Any) -> str | None:
    """Codes are drawn from N(0, I)."""

    def fault(size: int) -> str | None:
        model = _Recorder(size)
        mine.draw(model, DRAWS, np.random.default_rng(7))
        codes, numbers = model.codes, "1 number" if size == 1 else f"{size} numbers"
        about = f"for a code of {numbers}"
        mean, spread = codes.mean(0), codes.std(0).round(6)
        if (off := np.abs(spread - 1)).max() > LOOSE:
            return f"{about} your {DRAWS} draws have the standard deviation {show(spread[off.argmax()])}, not 1."
        if (off := np.abs(mean)).max() > LOOSE:
            return f"{about} your {DRAWS} draws have the mean {show(mean[off.argmax()])}, not 0."
        if abs(tail := float(np.mean(np.abs(codes) > 2)) - 0.0455) > 0.02:
            return f"{about} {100 * (tail + 0.0455):.1f}% of your draws are beyond 2, and of N(0, 1) 4.6% are."
        if size > 1 and abs(together := float(np.asarray(np.corrcoef(codes.T))[0, 1])) > LOOSE:
            return f"{about} the first two of your draws are correlated by {show(together)}, not by 0."
        return None

    return first_fault((1, 2, 5), fault)


def variational(mine: Any) -> str | None:
    """The model is a variational one."""
    model = _fitted(mine.fit)
    if not hasattr(model, "latent_report"):
        return f"your fit returned a fitted {type(model).__name__}, which has no prior to draw from."
    return None


def two_numbers(mine: Any) -> str | None:
    """Its code is two numbers."""
    size = _fitted(mine.fit).n_components_
    return None if size == 2 else f"your model's code has {size}."


def in_use(mine: Any) -> str | None:
    """Both latents are in use."""
    report = _fitted(mine.fit).latent_report(_digits()[ROWS:])
    if report.active_units >= 2:
        return None
    nats = float(report.kl.sum())
    return (
        f"on {ROWS} digits your model uses {report.active_units} of {len(report.kl)}, and its code carries "
        f"{nats:.2f} nats a picture; what weighs the error so lightly?"
    )


def nearer(mine: Any) -> str | None:
    """Draws from the prior are nearer to digits than a plain decoder's, by a quarter."""
    from isthmus import Autoencoder, compare_samples

    unseen, plain = _digits()[ROWS:], Autoencoder(2, hidden_layer_sizes=(64,), random_state=0).fit(_digits()[:ROWS])
    ours, theirs = (
        compare_samples(mine.draw(model, 300, np.random.default_rng(3)), unseen).energy_distance
        for model in (_fitted(mine.fit), plain)
    )
    if ours < 0.75 * theirs:
        return None
    return (
        f"300 draws through your decoder are at energy distance {show(ours)} from digits, and the same draws through "
        f"a plain autoencoder's at {show(theirs)}."
    )


@cache
def _digits() -> np.ndarray:
    from isthmus.tables import load_bundled

    X = load_bundled("digits").values
    return X[np.random.default_rng(0).permutation(len(X))]


@cache
def _fitted(fit: Callable[[np.ndarray], Any]) -> Any:
    return fit(_digits()[:ROWS].copy())


CHECKS = (decoded, others, from_the_prior, variational, two_numbers, in_use, nearer)
