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
from isthmus.anomaly.ranks import NormalScores
from isthmus.anomaly.relations import ColumnSurprises
from isthmus.anomaly.scores import SIXTH_ROOT, StandardUnits, residual_variances, roots_of

__all__ = ["MEASURES", "Block", "Gathered", "Scorer", "combined", "gather", "parts_of", "weights_of", "with_columns"]

WEIGHTS = {"relations": 1.0, "density": 1.0, "neighbours": 1.0, "core": 0.5}  # of the surprises in the combined score
OF_SHAPES = {"relations": 0.25, "density": 1.0, "neighbours": 1.0, "core": 0.1}  # of pictures and sounds
MEASURES = ("combined", *WEIGHTS, "mahalanobis", "reconstruction", "latent", "likelihood")
FILLING_ROUNDS = 3
MIN_ROWS = 2


def parts_of(measure: str) -> tuple[str, ...]:
    """The parts of the score that a ``measure`` consists of."""
    return tuple(WEIGHTS) if measure == "combined" else (measure,)


def weights_of(measure: str, *, of_one_unit: bool) -> dict[str, float] | None:
    """The weights of the parts; None where a single one is the score."""
    return dict(OF_SHAPES if of_one_unit else WEIGHTS) if measure == "combined" else None


@dataclass(frozen=True)
class Block:
    """Some rows in standard units.

    Attributes
    ----------
    u, reconstruction : ndarray of shape (n_rows, n_features)
        Rows with their missing cells filled, and their reconstructions.
    hidden : ndarray of bool, shape (n_rows, n_features), or None
        Which cells were missing.
    shares : ndarray of shape (n_rows, n_features), or None
        Those of `StandardUnits.shares` for new rows.
    """

    u: np.ndarray
    reconstruction: np.ndarray
    hidden: np.ndarray | None
    shares: np.ndarray | None = None

    def counted(self, part: np.ndarray) -> np.ndarray:
        """A difference of rows, shape (n_rows, n_features), by the share of each cell that counts."""
        return part if self.shares is None else part * self.shares


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
    cells, residuals, learned, ranked : ShrunkCovariance
        Of all rows, of the autoencoder's residuals, of the rows it learned from, in standard units, and of their
        normal scores.
    ranks : NormalScores
        Of the rows the autoencoder learned from.
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
    new_rows : bool
        Whether the rows scored had no part in the units.
    """

    autoencoder: Any
    units: StandardUnits
    parts: tuple[str, ...]
    cells: ShrunkCovariance | None = None
    residuals: ShrunkCovariance | None = None
    learned: ShrunkCovariance | None = None
    ranked: ShrunkCovariance | None = None
    ranks: NormalScores | None = None
    normal: NormalRows | None = None
    columns: ColumnSurprises | None = None
    variances: np.ndarray | None = None
    decoded: Reference | None = None
    likelihood_base: float = 0.0
    others: tuple[Scorer, ...] = ()
    spans: Spans = ()
    new_rows: bool = False

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
        ranks = NormalScores.of(block.u) if "relations" in parts else None
        return dataclasses.replace(
            bare,
            residuals=ShrunkCovariance.of(residuals),
            learned=ShrunkCovariance.of(block.u) if "relations" in parts else None,
            ranked=None if ranks is None else ShrunkCovariance.of(ranks.of_rows(block.u)),
            ranks=ranks,
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
        return dataclasses.replace(self, normal=NormalRows(u, far.core, far.width, self.normal.nearest))

    @property
    def n_features(self) -> int:
        """Number of encoded columns."""
        return len(self.units.center)

    def block(self, values: np.ndarray) -> Block:
        """From rows of shape (n_rows, n_features) in the user's units, with NaN where a cell is missing."""
        u, hidden = self.filled(values), np.isnan(values)
        joins = self.new_rows and self.normal is not None
        shares = self.units.shares(u, len(self.normal.rows)) if joins and self.normal is not None else None
        return Block(u, self.reconstruct(u), hidden if hidden.any() else None, shares)

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
        search = functools.cache(lambda: self.normal.amounts(block.u, block.shares))  # pyrefly: ignore[missing-attribute]
        of_rows: dict[str, Callable[[], np.ndarray]] = {
            "density": lambda: search()["density"],
            "neighbours": lambda: search()["neighbours"],
            "core": lambda: self.normal.core_amounts(block.u, block.shares),  # pyrefly: ignore[missing-attribute]
        }
        own = [name for name in self.parts if name not in of_rows]
        found = [self._own_amounts(block, own)]
        for scorer in self.others if own else ():
            there = dataclasses.replace(block, reconstruction=scorer.reconstruct(block.u))
            found.append(scorer._own_amounts(there, own))
        amounts = {
            name: of_rows[name]() if name in of_rows else mean_over_folds(name, [one[name] for one in found])
            for name in self.parts
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
            "relations": lambda: self.contradictions(block.counted(r), block.u, block.shares),
            "mahalanobis": lambda: self._conditional(r),
            "reconstruction": lambda: r**2 / self.variances,
            "likelihood": lambda: self._improbability(block),
            "latent": lambda: self.decoded.near.squared_distances(block.reconstruction),  # pyrefly: ignore
            "region": lambda: self.decoded.region.squared_distances(block.reconstruction),  # pyrefly: ignore
        }
        return {name: found[name]() for name in parts}

    def contradictions(self, r: np.ndarray, u: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Squared distance of cells to their expectation given the others, in variances, shape (n_rows, n_features).

        The mean over that of the residuals r, that of the rows u themselves and that of their normal scores; earlier
        versions had not all of them. Residuals are given by the ``shares`` that count.
        """
        found = [self._conditional(r)]
        if self.learned is not None:
            found.append(self.learned.conditional(u if shares is None else u * shares, self.spans)[1])
        if self.ranked is not None and self.ranks is not None:
            found.append(self.ranked.conditional(self.ranks.of_rows(u, shares), self.spans)[1])
        return np.mean(found, axis=0)

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


def mean_over_folds(name: str, amounts: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of a part's amounts by the autoencoder of each fold.

    Of relations it is that of their sixth roots: in a column that is constant among the rows of a single fold any
    departure is a huge amount, which a plain mean would give to every new row.
    """
    if len(amounts) == 1 or name != "relations":
        return np.mean(amounts, axis=0)
    return np.mean([roots_of(one, SIXTH_ROOT) for one in amounts], axis=0) ** (1 / SIXTH_ROOT)


def with_columns(scorers: Sequence[Scorer], held_out: Sequence[np.ndarray]) -> list[Scorer]:
    """The same scorers with `ColumnSurprises` learned from the rows held out from each."""
    if "relations" not in scorers[0].parts:
        return list(scorers)
    found = []
    for scorer, values in zip(scorers, held_out, strict=True):
        for rows in scorer.rows_at_once(len(values)):
            block = scorer.block(values[rows])
            distances = scorer.contradictions(block.counted(block.u - block.reconstruction), block.u, block.shares)
            found.append(distances.astype(np.float32))
    columns = ColumnSurprises.of(np.concatenate(found).astype(np.float64))
    return [dataclasses.replace(scorer, columns=columns) for scorer in scorers]


def combined(scorers: Sequence[Scorer]) -> Scorer:
    """One scorer of new rows, with the autoencoders of all.

    A row hardly changes the common unit of all columns, so new rows are not counted in that.
    """
    return dataclasses.replace(scorers[0], others=tuple(scorers[1:]), new_rows=not scorers[0].units.common)


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


def gather(values: np.ndarray, seed: int, *, trim: bool, spans: Spans = (), common: bool = False) -> Gathered:
    """What scorers learn from rows with NaN; of more than `MAX_ROWS` rows a random sample is kept.

    ``common`` says that the columns have one unit, as pixels have.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(values))[:MAX_ROWS])
    hidden = np.isnan(values)
    filled = values
    if hidden.any():
        known = StandardUnits.of(np.where(hidden, np.nanmean(values, axis=0), values), common=common)
        units = StandardUnits(known.center, known.spread)  # constant columns must not be clipped before they are filled
        u = np.where(hidden, 0.0, units.apply(np.where(hidden, 0.0, values)))
        for _ in range(FILLING_ROUNDS):
            u = ShrunkCovariance.of(u[chosen]).filled(u, hidden)
        filled = np.where(hidden, units.undo(u), values)
    units = StandardUnits.of(filled, common=common)
    u = units.apply(filled[chosen])
    cells = ShrunkCovariance.of(u)
    far, gross = remoteness(u, cells, spans), np.zeros(len(values), dtype=bool)
    gross[chosen] = far.gross & trim
    if gross.any():
        units = StandardUnits.of(filled[~gross], common=common)
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
