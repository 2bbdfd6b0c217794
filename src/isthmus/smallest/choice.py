"""The record of a choice: a size and how it was chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Choice", "Criterion"]


@dataclass(frozen=True)
class Criterion:
    """The result of one criterion over the sizes tried, without a target.

    Attributes
    ----------
    size, pca_size : int
        Its choice, and its choice for PCA on the same rows; 0 if no code is best.
    within : tuple of int
        The sizes tried that are within one standard error of the best.
    tried : tuple of (size, mean, standard error)
        The evidence of held-out rows, in nats, with the standard error of its difference to the best; or the error of
        hidden cells, with its standard error.
    votes : tuple of int
        The choice by each split alone.
    at_least : bool
        Larger sizes were not tried although the criterion was still rising, as it would not be used anyway.
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
        The target: a share, an error, or PCA's size.
    size : int or None
        The smallest that suffices; 0 if the mean row predicts as well as any code, None if no size suffices.
    pca_size : int or None
        The choice of the same rule for PCA, on the same rows.
    tried : tuple of (size, mean, standard error)
        See `Criterion`; with a target, the ratio of the error to the error allowed.
    votes : tuple of int
        The choice by each split alone, if it has tried enough sizes.
    criteria : dict of str to Criterion
        Without a target, "evidence" and "entries"; ``rule`` names the one that is used.
    noise_variance : float or None
        Noise per column at the size chosen; None unless the evidence chose.
    columns_a_latent : float or None
        How many columns gain by each latent that the evidence asks for beyond the choice by hidden cells, which are
        trusted below 2. None if it asks for none, and with a target.
    columns_depend : bool or None
        If hidden cells ask for no latent but the evidence does: whether the columns depend on each other, in which case
        the evidence is trusted. Otherwise None.
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
    columns_depend: bool | None = None
