"""From rows to the amount of every part of the score: an autoencoder, the units of the columns, and normal rows.

A scorer knows nothing of thresholds. There is one per fold (`isthmus.anomaly.calibration`), and together they score new
rows: parts that depend on an autoencoder are averaged over the folds. An autoencoder fitted to all rows would not do:
how well it fits its own rows differs from fit to fit, and so would the amounts.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.anomaly.contributions import attribute_to_columns
from isthmus.anomaly.core import remoteness
from isthmus.anomaly.covariance import ShrunkCovariance, Spans
from isthmus.anomaly.latent import Reference
from isthmus.anomaly.neighbours import MAX_ROWS, NormalRows, row_blocks
from isthmus.anomaly.relations import ColumnSurprises
from isthmus.anomaly.scores import StandardUnits, residual_variances

__all__ = ["MEASURES", "WEIGHTS", "Block", "Gathered", "Scorer", "combined", "gather", "parts_of", "with_columns"]

WEIGHTS = {"relations": 0.5, "density": 0.5, "neighbours": 0.5, "core": 0.3}  # of the surprises in the combined score
MEASURES = ("combined", *WEIGHTS, "mahalanobis", "reconstruction", "latent", "likelihood")
FILLING_ROUNDS = 3
MIN_ROWS = 2


def parts_of(measure: str) -> tuple[str, ...]:
    """The parts of the score that a ``measure`` consists of."""
    return tuple(WEIGHTS) if measure == "combined" else (measure,)


@dataclass(frozen=True)
class Block:
    """Some rows in standard units.

    Attributes
    ----------
    u, reconstruction : ndarray of shape (n_rows, n_features)
        Rows with their missing cells filled, and their reconstructions.
    hidden : ndarray of bool, shape (n_rows, n_features), or None
        Which cells were missing.
    """

    u: np.ndarray
    reconstruction: np.ndarray
    hidden: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Scorer:
    """Computes the amounts of the parts of the score; what none of them needs is None.

    Attributes
    ----------
    autoencoder : BaseAutoencoder
        Fitted to rows in the user's units.
    units : StandardUnits
    parts : tuple of str
        The parts of the score.
    cells, residuals, learned : ShrunkCovariance
        Of all rows, of the autoencoder's residuals, and of the rows it learned from, in standard units.
    normal : NormalRows
    columns : ColumnSurprises
        How far cells of each column usually are from their expectation given the others.
    variances : ndarray of shape (n_features,)
        Of the residuals, shrunk.
    decoded : Reference
        Reconstructions of normal rows.
    likelihood_base : float
        Median over normal rows of -log p(x) minus the squared residuals in nats.
    others : tuple of Scorer
        Those of the other folds, with the same normal rows; parts that depend on the autoencoder are averaged.
    spans : sequence of (start, stop)
        The encoded columns of each category and boolean.
    """

    autoencoder: Any
    units: StandardUnits
    parts: tuple[str, ...]
    cells: ShrunkCovariance | None = None
    residuals: ShrunkCovariance | None = None
    learned: ShrunkCovariance | None = None
    normal: NormalRows | None = None
    columns: ColumnSurprises | None = None
    variances: np.ndarray | None = None
    decoded: Reference | None = None
    likelihood_base: float = 0.0
    others: tuple[Scorer, ...] = ()
    spans: Spans = ()

    @classmethod
    def fit(
        cls, gathered: Gathered, rows: np.ndarray, fit_autoencoder: Callable[[np.ndarray], Any], parts: tuple[str, ...]
    ) -> Scorer:
        """With an autoencoder fitted to the rows of these indices, except those too far out.

        The normal rows come from all folds: a row among them is left out when it is scored itself.
        """
        learned = rows[~gathered.gross[rows]]
        values = gathered.filled[learned if len(learned) >= MIN_ROWS else rows]
        return cls.around(fit_autoencoder(values), values, gathered, parts)

    @classmethod
    def around(cls, autoencoder: Any, values: np.ndarray, gathered: Gathered, parts: tuple[str, ...]) -> Scorer:
        """With an autoencoder already fitted to ``values``."""
        bare = cls(
            autoencoder, gathered.units, parts, cells=gathered.cells, normal=gathered.normal, spans=gathered.spans
        )
        block = bare.block(values if len(values) <= MAX_ROWS else values[:: -(-len(values) // MAX_ROWS)])
        residuals = block.u - block.reconstruction
        return dataclasses.replace(
            bare,
            residuals=ShrunkCovariance.of(residuals),
            learned=ShrunkCovariance.of(block.u) if "relations" in parts else None,
            variances=residual_variances(residuals),
            decoded=Reference(block.reconstruction.astype(np.float32)) if "latent" in parts else None,
            likelihood_base=float(np.median(bare._likelihood_rest(block))) if "likelihood" in parts else 0.0,
        )

    def with_rows(self, values: np.ndarray, rng: np.random.Generator) -> Scorer:
        """The same with more normal rows, at most a random sample of `MAX_ROWS`."""
        if self.normal is None:
            return self
        u = np.concatenate([self.normal.rows, self.block(values).u.astype(np.float32)])
        u = u[np.sort(rng.permutation(len(u))[:MAX_ROWS])]
        far = remoteness(u.astype(np.float64), ShrunkCovariance.of(u.astype(np.float64)), self.spans)
        return dataclasses.replace(self, normal=NormalRows(u, far.core, far.width))

    @property
    def n_features(self) -> int:
        """Number of encoded columns."""
        return len(self.units.center)

    def block(self, values: np.ndarray) -> Block:
        """From rows of shape (n_rows, n_features) in the user's units, with NaN where a cell is missing."""
        u, hidden = self.filled(values), np.isnan(values)
        return Block(u, self.reconstruct(u), hidden if hidden.any() else None)

    def filled(self, values: np.ndarray) -> np.ndarray:
        """Rows in standard units, missing cells filled as in the normal rows."""
        return _filled(values, np.isnan(values), self.units, self.cells)

    def reconstruct(self, u: np.ndarray) -> np.ndarray:
        """Reconstructions of rows, both in standard units."""
        steps = self.autoencoder.polish_steps  # as set, not as chosen by the fit
        fitted = dataclasses.replace(self.autoencoder.fitted_, polish=steps)
        return self.units.apply(np.nan_to_num(fitted.reconstruct(self.units.undo(u))))

    def amounts(self, block: Block) -> dict[str, np.ndarray]:
        """Every part of the score by column, each of shape (n_rows, n_features)."""
        search = functools.cache(lambda: self.normal.amounts(block.u))  # pyrefly: ignore[missing-attribute]
        of_rows: dict[str, Callable[[], np.ndarray]] = {
            "density": lambda: search()["density"],
            "neighbours": lambda: search()["neighbours"],
            "core": lambda: self.normal.core_amounts(block.u),  # pyrefly: ignore[missing-attribute]
        }
        own = [name for name in self.parts if name not in of_rows]
        reconstructed = self._own_amounts(block, own)
        for scorer in self.others if own else ():
            there = scorer._own_amounts(dataclasses.replace(block, reconstruction=scorer.reconstruct(block.u)), own)
            reconstructed = {name: part + there[name] for name, part in reconstructed.items()}
        count = 1 + len(self.others)
        amounts = {
            name: reconstructed[name] / count if name in reconstructed else of_rows[name]() for name in self.parts
        }
        if block.hidden is not None:
            observed = np.maximum((~block.hidden).sum(1, keepdims=True), 1)
            larger = {name: 1.0 if name == "relations" else self.n_features / observed for name in amounts}
            amounts = {name: np.where(block.hidden, 0.0, part) * larger[name] for name, part in amounts.items()}
        if self.columns is not None and self.normal is not None and "relations" in amounts:
            amounts["relations"] = self.columns.amounts(
                amounts["relations"], self.normal.rarity(block.u), self.normal.beyond(block.u)
            )
        return amounts

    def _own_amounts(self, block: Block, parts: Sequence[str]) -> dict[str, np.ndarray]:
        """The amounts of parts that depend on the autoencoder, for this one."""
        r = block.u - block.reconstruction
        found: dict[str, Callable[[], np.ndarray]] = {
            "relations": lambda: self.contradictions(r, block.u),
            "mahalanobis": lambda: self._conditional(r),
            "reconstruction": lambda: r**2 / self.variances,
            "likelihood": lambda: self._improbability(block),
            "latent": lambda: self.decoded.near.squared_distances(block.reconstruction),  # pyrefly: ignore
            "region": lambda: self.decoded.region.squared_distances(block.reconstruction),  # pyrefly: ignore
        }
        return {name: found[name]() for name in parts}

    def contradictions(self, r: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Squared distance of cells to their expectation given the others, in variances, shape (n_rows, n_features).

        The mean over that of the residuals r and that of the rows u themselves.
        """
        found = self._conditional(r)
        return found if self.learned is None else (found + self.learned.conditional(u, self.spans)[1]) / 2

    def _conditional(self, r: np.ndarray) -> np.ndarray:
        assert self.residuals is not None  # storage refuses a part without what it is computed from
        return self.residuals.conditional(r, self.spans)[1]

    def _improbability(self, block: Block) -> np.ndarray:
        """-log p(x) by column: squared residuals, an equal share of the base, and the rest in proportion to û²."""
        rest = self._likelihood_rest(block)
        equal = np.full(len(block.u), self.likelihood_base)
        return (
            self._half_squares(block)
            + attribute_to_columns(equal, np.zeros(block.u.shape))
            + attribute_to_columns(rest - self.likelihood_base, block.reconstruction**2)
        )

    def _likelihood_rest(self, block: Block) -> np.ndarray:
        density = self.autoencoder.score_samples(self.units.undo(block.u)).astype(np.float64)
        return -np.nan_to_num(density, nan=-1e30, neginf=-1e30) - self._half_squares(block).sum(1)

    def _half_squares(self, block: Block) -> np.ndarray:
        """Squared residuals in nats, (x_j - x̂_j)² / 2σ², with σ² in the autoencoder's units."""
        model = self.autoencoder
        spread = self.units.spread / model.scaling_.spread * model.scaling_.unit
        return ((block.u - block.reconstruction) * spread) ** 2 / (2 * model.noise_variance_)

    def rows_at_once(self, n_rows: int) -> Any:
        """Slices of rows whose distances to the normal rows take a few dozen megabytes."""
        width = self.n_features if self.normal is None else max(self.n_features, len(self.normal.rows))
        return row_blocks(n_rows, width)


def with_columns(scorers: Sequence[Scorer], held_out: Sequence[np.ndarray]) -> list[Scorer]:
    """The same scorers with `ColumnSurprises` learned from the rows held out from each."""
    if "relations" not in scorers[0].parts:
        return list(scorers)
    found = []
    for scorer, values in zip(scorers, held_out, strict=True):
        for rows in scorer.rows_at_once(len(values)):
            block = scorer.block(values[rows])
            distances = scorer.contradictions(block.u - block.reconstruction, block.u)
            found.append(distances.astype(np.float32))
    columns = ColumnSurprises.of(np.concatenate(found).astype(np.float64))
    return [dataclasses.replace(scorer, columns=columns) for scorer in scorers]


def combined(scorers: Sequence[Scorer]) -> Scorer:
    """One scorer with the autoencoders of all."""
    return dataclasses.replace(scorers[0], others=tuple(scorers[1:]))


@dataclass(frozen=True)
class Gathered:
    """What the scorers of all folds share of the training rows.

    Attributes
    ----------
    filled : ndarray of shape (n_rows, n_features)
        In the user's units, with missing cells at their expectation given the rest of the row.
    units : StandardUnits
    cells : ShrunkCovariance
        Of rows in standard units.
    normal : NormalRows
    gross : ndarray of bool, shape (n_rows,)
        Rows that no autoencoder learns from.
    spans : sequence of (start, stop)
        The encoded columns of each category and boolean.
    """

    filled: np.ndarray
    units: StandardUnits
    cells: ShrunkCovariance
    normal: NormalRows
    gross: np.ndarray
    spans: Spans = ()


def gather(values: np.ndarray, seed: int, *, trim: bool, spans: Spans = ()) -> Gathered:
    """What scorers learn from rows with NaN; of more than `MAX_ROWS` rows a random sample is kept."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(values))[:MAX_ROWS])
    hidden = np.isnan(values)
    filled = values
    if hidden.any():
        known = StandardUnits.of(np.where(hidden, np.nanmean(values, axis=0), values))
        units = StandardUnits(known.center, known.spread)  # constant columns must not be clipped before they are filled
        u = np.where(hidden, 0.0, units.apply(np.where(hidden, 0.0, values)))
        for _ in range(FILLING_ROUNDS):
            u = ShrunkCovariance.of(u[chosen]).filled(u, hidden)
        filled = np.where(hidden, units.undo(u), values)
    units = StandardUnits.of(filled)
    u = units.apply(filled[chosen])
    cells = ShrunkCovariance.of(u)
    far, gross = remoteness(u, cells, spans), np.zeros(len(values), dtype=bool)
    gross[chosen] = far.gross & trim
    if gross.any():
        units = StandardUnits.of(filled[~gross])
        u = units.apply(filled[chosen])
        cells = ShrunkCovariance.of(u[~gross[chosen]])
        far = remoteness(u, cells, spans)
    if hidden.any():  # the rows kept are filled as rows are when they are scored, so each is known to be itself
        u = _filled(values[chosen], hidden[chosen], units, cells)
        far = remoteness(u, cells, spans)
    return Gathered(filled, units, cells, NormalRows(u.astype(np.float32), far.core, far.width), gross, spans)


def _filled(values: np.ndarray, hidden: np.ndarray, units: StandardUnits, cells: ShrunkCovariance | None) -> np.ndarray:
    """Rows in standard units; missing cells at their expectation given the rest of the row, or at the center."""
    u = units.apply(np.where(hidden, units.center, values))
    return u if cells is None or not hidden.any() else np.where(hidden, cells.filled(u, hidden), u)
