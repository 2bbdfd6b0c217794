"""Where new codes come from: the prior of a variational model, or a density fitted to the codes of training rows.

A variational model is trained as if its codes had the prior N(0, I), but their distribution, the aggregate posterior,
is often far from it. So the better source is measured, by the energy distance of its draws from codes that the density
was not fitted to,

    D² = 2 E‖z - h‖ - E‖z - z'‖ - E‖h - h'‖        zero for equal distributions (Székely & Rizzo 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.generation.density import fit_code_density

__all__ = ["CodeSource", "nearest_source"]

HELD_OUT, DRAWN = 0.2, 1000
MIN_ROWS = 20  # with fewer codes to compare with, the prior is taken


@dataclass(frozen=True)
class CodeSource:
    """Which distribution of codes is nearest to held-out codes, and how far each is (energy distance).

    >>> CodeSource("density", {"prior": 0.15, "density": 0.006}).sentence()
    'codes are drawn from the density (energy distance to held-out codes .006; prior .15)'
    """

    name: str
    distances: dict[str, float]

    def sentence(self) -> str:
        """The result in words."""
        texts = {name: f"{distance:.2g}".lstrip("0") or "0" for name, distance in self.distances.items()}
        if not texts:
            return f"codes are drawn from the {self.name}"
        others = "".join(f"; {name} {text}" for name, text in texts.items() if name != self.name)
        return f"codes are drawn from the {self.name} (energy distance to held-out codes {texts[self.name]}{others})"


def nearest_source(codes: np.ndarray, seed: int) -> CodeSource:
    """The prior or the density, whichever is nearer to a fifth of the codes, shape (n_rows, n_latents).

    Codes are in units of the prior. The density is fitted to the other four fifths.
    """
    codes = np.asarray(codes, dtype=np.float64)
    count = int(HELD_OUT * len(codes))
    if count < MIN_ROWS:
        return CodeSource("prior", {})
    generator = np.random.RandomState(seed)
    order = generator.permutation(len(codes))
    held_out, rest = codes[order[:count]], codes[order[count:]]
    draws = {
        "prior": generator.standard_normal((DRAWN, codes.shape[1])),
        "density": fit_code_density(rest, seed).sample(DRAWN, generator),
    }
    scale = codes.std(0)
    scale = np.where(scale > 0, scale, 1)
    distances = {name: _energy_distance(drawn / scale, held_out / scale) for name, drawn in draws.items()}
    return CodeSource(min(distances, key=lambda name: distances[name]), distances)


def _energy_distance(A: np.ndarray, B: np.ndarray) -> float:
    between, within_a, within_b = (_distances(*pair) for pair in ((A, B), (A, A), (B, B)))
    unbiased = (len(A) / (len(A) - 1)) * within_a.mean() + (len(B) / (len(B) - 1)) * within_b.mean()
    return float(max(0.0, 2 * between.mean() - unbiased))


def _distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    squares = (A**2).sum(1)[:, None] + (B**2).sum(1)[None] - 2 * A @ B.T
    return np.sqrt(np.maximum(squares, 0))
