"""A size and how it was chosen: the record that choosing returns."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Choice", "Criterion"]


@dataclass(frozen=True)
class Criterion:
    """What one criterion says of the sizes tried, without a target.

    Attributes
    ----------
    size, pca_size : int
        Its choice, and what it chooses for PCA on the same rows; 0 where no code is best.
    within : tuple of int
        The sizes tried that are within one standard error of the best.
    tried : tuple of (size, mean, standard error)
        The evidence of held-out rows, in nats, with the standard error of its difference to the best; or the error of
        hidden cells, with its standard error.
    votes : tuple of int
        What each split alone would have chosen.
    at_least : bool
        Larger sizes were not tried, though the criterion was still rising: it was already known not to be believed.
    """

    size: int
    pca_size: int
    within: tuple[int, ...]
    tried: tuple[tuple[int, float, float], ...]
    votes: tuple[int, ...]
    at_least: bool = False


@dataclass(frozen=True)
class Choice:
    """How the size was chosen, on training rows alone.

    Attributes
    ----------
    rule : str
        "evidence", "entries", "keep", "max_error" or "as_good_as".
    target : float or None
        What was asked: a share, an error, or PCA's size.
    size : int or None
        The smallest that serves; 0 where the mean row predicts as well as any code, None where no size serves.
    pca_size : int or None
        What the same rule chooses for PCA, on the same rows.
    tried : tuple of (size, mean, standard error)
        See `Criterion`; for a target, error over the error allowed.
    votes : tuple of int
        What each split alone would have chosen, where it has tried enough sizes to say.
    criteria : dict of str to Criterion
        Without a target, "evidence" and "entries"; ``rule`` names the one to believe.
    noise_variance : float or None
        What is left at the size chosen, per column; None unless the evidence chose.
    columns_a_latent : float or None
        How many columns gain by each latent that the evidence asks for beyond what hidden cells do; below 2 hidden
        cells are believed. None where it asks for none beyond, and with a target.
    """

    rule: str
    target: float | None
    size: int | None
    pca_size: int | None
    tried: tuple[tuple[int, float, float], ...]
    votes: tuple[int, ...]
    criteria: dict[str, Criterion] = field(default_factory=dict)
    noise_variance: float | None = None
    columns_a_latent: float | None = None
