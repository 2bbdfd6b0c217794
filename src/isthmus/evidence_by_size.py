"""How many latents do the data support? The size of a code at which held-out rows are most probable.

The reconstruction error of held-out rows falls with every latent, so it can't choose a size. The evidence of a row,
log p(x), includes the cost of each latent (`isthmus.inference.evidence`): a latent that captures only noise lowers it.
So it has a maximum (MacKay 1992), at probabilistic PCA's answer for a linear model (Minka 2000; Tipping & Bishop 1999).

Sizes are compared row by row. Some rows are improbable under every model, which does not distinguish sizes; what
matters is the standard error of the differences to the best size,

    d_i = log p_best(x_i) - log p_k(x_i)          k is within one standard error if mean d ≤ sd(d) / √n

and all sizes for which this holds are reported with the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from isthmus.size_search import Trial, best_of, trials_around

__all__ = ["SizeEvidence", "evidence_by_size"]


@dataclass(frozen=True, eq=False)
class SizeEvidence:
    """Held-out evidence of several sizes, and the size it chooses.

    Attributes
    ----------
    trials : dict of int to Trial
        By size; a trial's errors are -log p(x) in nats, shape (n_splits, n_rows).
    noise_variances : dict of int to float
        σ² at each size, the mean over splits, in the units of the (scaled) data.
    """

    trials: dict[int, Trial]
    noise_variances: dict[int, float]

    @property
    def size(self) -> int:
        """The size whose mean evidence is highest."""
        return best_of(self.trials)

    @property
    def within(self) -> tuple[int, ...]:
        """The sizes tried that are within one standard error of the best, including the best."""
        best = self.trials[self.size]
        return tuple(size for size, trial in sorted(self.trials.items()) if _is_within(trial, best))

    @property
    def noise_variance(self) -> float:
        """σ² at the size chosen."""
        return self.noise_variances[self.size]

    @property
    def evidence(self) -> dict[int, tuple[float, float]]:
        """By size: mean log p(x) of held-out rows, in nats, and the standard error of its difference to the best."""
        best = self.trials[self.size]
        return {size: (-trial.mean, _difference(trial, best).standard_error) for size, trial in self.trials.items()}


def evidence_by_size(
    attempt: Callable[[int], tuple[np.ndarray, float]],
    most: int,
    *,
    known: Mapping[int, tuple[np.ndarray, float]] | None = None,
    also: Iterable[int] = (),
    decided: Callable[[Mapping[int, Trial]], bool] = lambda trials: False,
    say: Callable[[str], None] = lambda text: None,
) -> SizeEvidence:
    """Fit models of several sizes, as few as necessary, and compare the evidence of held-out rows.

    Parameters
    ----------
    attempt
        ``attempt(size)`` fits models of that size, one per split, and returns log p(x) of the held-out rows, shape
        (n_splits, n_rows), and σ².
    most
        The largest size to try.
    known
        Results of sizes that need no attempt, such as 0.
    also
        Additional sizes to try, such as probabilistic PCA's answer, which is known without a fit.
    decided
        Called with the trials so far; returns True to end the search early.
    say
        Called with a sentence about the result of each size.
    """
    noise: dict[int, float] = {}

    def trial(size: int) -> Trial:
        found = attempt(size)
        made = _trial(size, found[0])
        noise[size] = found[1]
        many = "dimension" if size == 1 else "dimensions"
        say(f"{size} {many}: evidence of held-out rows {-made.mean:.4g} nats per row, noise variance {found[1]:.3g}")
        return made

    start = {size: _trial(size, found[0]) for size, found in (known or {}).items()}
    noise |= {size: found[1] for size, found in (known or {}).items()}
    return SizeEvidence(trials_around(trial, most, best_of, start, also, decided), noise)


def _trial(size: int, scores: np.ndarray) -> Trial:
    # The log density of a row that a model can't explain overflows; it is replaced by the lowest float32 value.
    lowest = float(np.finfo(np.float32).min)
    return Trial(size, -np.nan_to_num(scores.astype(np.float64), nan=lowest, neginf=lowest))


def _difference(trial: Trial, best: Trial) -> Trial:
    return Trial(trial.size, trial.errors - best.errors)


def _is_within(trial: Trial, best: Trial) -> bool:
    difference = _difference(trial, best)
    return difference.mean <= difference.standard_error
