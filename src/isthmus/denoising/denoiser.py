"""The denoiser: an estimator that removes noise from rows.

The best restoration under squared error is E[x|x̃]. The best linear one is known in closed form (the Wiener filter;
`isthmus.parts.restoration`); a denoising autoencoder starts there and adds the nonlinear part. The code is as wide as
the rows: no bottleneck is needed, as the noise itself keeps the model from copying its input.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from isthmus.denoising.blind import (
    combined,
    hidden_predictions,
    mixing_share,
    n_groups,
    own_share,
    wiener_filter,
)
from isthmus.denoising.levels import estimate_noise_level
from isthmus.denoising.noise import require_kind
from isthmus.denoising.rows import deviations, unit_scale, validate_rows
from isthmus.input_validation import flat_rows
from isthmus.tables.array_forms import like_array
from isthmus.tables.table import Table
from isthmus.training.plan import automatic_batch_size
from isthmus.variants.denoising import DenoisingAutoencoder

__all__ = ["Denoiser"]

WIDEST_CODE = 256
STEPS, FEWER_STEPS = 3000, 1500  # fewer for few columns, which are learned quickly, and for many, where steps are slow
FEW_COLUMNS, MANY_COLUMNS = 16, 256
DECAY_ROWS = 130  # weight decay is 1 up to this many rows, and proportionally less for more
HIGHEST_RATE, RATE_FEATURES = 5e-3, 128  # a wide code is noisy at high rates
MAX_VALIDATION_ROWS, MIN_ROWS_TO_SPLIT = 4096, 100  # of the noisy rows, held out to evaluate a blind model
# With this many rows per column, and new noise in every epoch, there is nothing to overfit, while validation on few
# cells would choose an epoch by chance.
MANY_ROWS = 100
HIGHEST_SHARE, HIGHEST_DEVIATIONS = 0.6, 2.0  # the highest noise in training if the level is unknown


class Denoiser(TransformerMixin, BaseEstimator):
    """Restores noisy rows: an estimate of E[x | x̃] that starts at the best linear one.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper"}
        Noise added to every cell; cells set to 0; cells set to the data's smallest or largest value.
    level : float or None
        Standard deviation in the data's units, or with ``scale="standard"`` in those of each column; or the share of
        corrupted cells. None: estimated, see `fit`.
    clean : bool
        Whether the rows given to `fit` are clean. Without clean rows training uses a blind spot (Noise2Self,
        arXiv:1901.11365): noise must then be independent between cells, and cells must be predictable from others.
    image_shape : tuple or None
        (height, width) or (channels, height, width) if a row is a picture: helps to estimate the level.
    scale : {"auto", "standard"} or None
        None: the noise has the same standard deviation in all columns, as in pictures and spectra. ``"standard"``: in
        each column the same share of its own, as in tables with several units. ``"auto"`` is "standard" for a table of
        `isthmus.read` whose columns have different units, unless the level of Gaussian noise is given.
    autoencoder : DenoisingAutoencoder or None
        The model to train, unfitted; its corruption is set here. None chooses from the data's shape.
    random_state : int, generator or None

    Attributes
    ----------
    autoencoder_ : DenoisingAutoencoder
        The fitted model.
    scale_ : ndarray of shape (n_features,)
        What each column was divided by: its standard deviation, or 1.
    noise_level_ : float or None
        The level trained for: given or estimated. None if it was not given and `fit` saw only clean rows; then the
        model is trained for all levels up to a high one.

    Examples
    --------
    >>> from isthmus import Denoiser
    >>> rng = np.random.default_rng(0)
    >>> clean = np.sin(rng.uniform(0, 6, (400, 1)) + np.arange(8))
    >>> noisy = clean + 0.3 * rng.standard_normal(clean.shape)
    >>> denoiser = Denoiser("gaussian", level=0.3, random_state=0).fit(clean[:200])
    >>> better = np.mean((denoiser.denoise(noisy[200:]) - clean[200:]) ** 2)
    >>> bool(better < 0.5 * np.mean((noisy[200:] - clean[200:]) ** 2))
    True
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        corruption: str = "gaussian",
        level: float | None = None,
        *,
        clean: bool = True,
        image_shape: tuple[int, ...] | None = None,
        scale: str | None = "auto",
        autoencoder: DenoisingAutoencoder | None = None,
        random_state: Any = None,
    ):
        self.corruption = corruption
        self.level = level
        self.clean = clean
        self.image_shape = image_shape
        self.scale = scale
        self.autoencoder = autoencoder
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to rows X of shape (n_samples, n_features), or to pictures, such as (n_samples, height, width).

        Parameters
        ----------
        X
            With ``clean=True`` clean rows: noise is added in training, and the clean row is the target. With
            ``clean=False`` noisy rows. NaN marks a lost cell for ``corruption="masking"``.
        y
            Clean rows, shape (n_samples, n_features), if X are their noisy versions: the level is estimated from both,
            and the model is trained on the clean rows. A one-dimensional y is ignored.
        """
        self._check()
        who, scale = type(self).__name__, self._chosen_scale(X)
        X, shape = flat_rows(who, X, self.image_shape)
        y, _ = flat_rows(who, y, shape)
        paired = y is not None and np.asarray(y).ndim == 2
        noisy_rows = paired or not self.clean
        noisy = rows = validate_rows(self, X, reset=True, missing=noisy_rows and self.corruption == "masking")
        if paired:
            rows = validate_rows(self, y, reset=False, missing=False)
        self.scale_ = np.ones(rows.shape[1]) if scale is None else deviations(rows)
        noisy, rows = self._scaled(noisy), self._scaled(rows)
        level = self.level
        if level is None and noisy_rows:
            level = self._estimate(noisy, rows if paired else None, shape)
        self.noise_level_ = None if level is None else float(level)
        self.blind_ = not paired and not self.clean
        self._low, self._high = _extremes(rows, same_unit=scale is None and self._same_unit())
        if self.blind_:
            self._fit_blind(rows)
        else:
            self.autoencoder_ = self._model(rows, **self._corruption_settings(rows)).fit(rows)
        return self

    def denoise(self, X: Any) -> Any:
        """Remove the noise from rows X of shape (n_samples, n_features); returns X's shape and number format.

        Cells that can't be corrupted are unchanged: for masking those that are neither 0 nor NaN (if there are NaN,
        only those are lost), for salt and pepper those between the extremes.
        """
        check_is_fitted(self, "autoencoder_")
        flat, shape = flat_rows(type(self).__name__, X, self.image_shape)
        rows = validate_rows(self, flat, reset=False, missing=self.corruption == "masking")
        return like_array(X, self._denoised(rows).astype(rows.dtype), shape)

    def _denoised(self, rows: np.ndarray) -> np.ndarray:
        scaled = self._scaled(rows)
        restored = self._restored(scaled)
        if self.corruption != "gaussian" or not self.blind_:
            restored = restored.clip(self._low, self._high)
        restored = restored * self.scale_
        return restored if self.corruption == "gaussian" else np.where(self._may_be_corrupted(scaled), restored, rows)

    def transform(self, X: Any) -> Any:
        """`denoise`, under scikit-learn's name."""
        return self.denoise(X)

    def score_field(self, X: Any) -> Any:
        """(r(x) - x) / σ², the gradient of the log density of noisy rows; shape (n_samples, n_features).

        For the true E[x|x̃] it is exact by Tweedie's formula, and for small σ it is the score of the data (Alain &
        Bengio, arXiv:1211.4246).
        """
        check_is_fitted(self, "autoencoder_")
        if self.corruption != "gaussian" or not self.noise_level_:
            raise ValueError(
                f"Denoiser: score_field needs corruption='gaussian' and a level above 0, got "
                f"corruption={self.corruption!r} and level={self.noise_level_}."
            )
        flat, shape = flat_rows(type(self).__name__, X, self.image_shape)
        rows = self._scaled(validate_rows(self, flat, reset=False, missing=False))
        field = (self._restored(rows) - rows) / self.noise_level_**2 / self.scale_
        return like_array(X, field.astype(rows.dtype), shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyrefly: ignore[missing-attribute]
        tags.input_tags.allow_nan = self.corruption == "masking" and not self.clean
        return tags

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the output columns, which are those of the input."""
        check_is_fitted(self, "autoencoder_")
        names = getattr(self, "feature_names_in_", input_features)
        return np.array([f"x{j}" for j in range(self.n_features_in_)] if names is None else names, dtype=object)

    # ---- inside ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        require_kind(self.corruption, "Denoiser")
        most = math.inf if self.corruption == "gaussian" else 1.0
        number = isinstance(self.level, (int, float, np.number)) and not isinstance(self.level, bool)
        if self.level is not None and not (number and 0 <= self.level < most and math.isfinite(self.level)):
            below = "" if most > 1 else " and below 1"
            raise ValueError(f"Denoiser: level must be None or at least 0{below}, got {self.level!r}.")
        if self.scale not in ("auto", "standard", None):
            raise ValueError(f"Denoiser: scale must be 'auto', 'standard' or None, got {self.scale!r}.")
        if self.autoencoder is not None and not isinstance(self.autoencoder, DenoisingAutoencoder):
            raise ValueError(
                f"Denoiser: autoencoder must be a DenoisingAutoencoder or None, got {type(self.autoencoder).__name__}."
            )

    def _chosen_scale(self, X: Any) -> str | None:
        if self.scale != "auto":
            return self.scale
        in_units = self.corruption == "gaussian" and self.level is not None
        return None if in_units or not isinstance(X, Table) else unit_scale(X)

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return (rows / self.scale_).astype(rows.dtype)

    def _same_unit(self) -> bool:
        return self.autoencoder is None or self.autoencoder.scale in (None, "auto")

    def _estimate(self, noisy: np.ndarray, clean: np.ndarray | None, shape: tuple[int, ...] | None) -> float:
        level = estimate_noise_level(noisy, self.corruption, clean=clean, image_shape=shape)
        return level if self.corruption == "gaussian" else min(level, 0.99)

    def _corruption_settings(self, rows: np.ndarray) -> dict[str, Any]:
        level, varies = self.noise_level_, self.noise_level_ is None
        if level is None:
            deviation = float(np.sqrt(rows.var(0, dtype=np.float64).mean()))
            level = HIGHEST_DEVIATIONS * deviation if self.corruption == "gaussian" else HIGHEST_SHARE
        return {"corruption": self.corruption, "corruption_level": level, "corruption_varies": varies}

    def _model(self, rows: np.ndarray, **corruption: Any) -> DenoisingAutoencoder:
        n_rows, n_features = rows.shape
        if self.autoencoder is not None:
            model = clone(self.autoencoder)
        else:
            steps_per_epoch = max(1, n_rows // automatic_batch_size(n_rows))
            steps = STEPS if FEW_COLUMNS < n_features <= MANY_COLUMNS else FEWER_STEPS
            model = DenoisingAutoencoder(
                n_components=min(n_features, WIDEST_CODE),
                max_iter=min(200, max(5, round(steps / steps_per_epoch))),
                weight_decay=min(1.0, DECAY_ROWS / n_rows),
                learning_rate=HIGHEST_RATE * min(1.0, RATE_FEATURES / n_features),
                early_stopping=False,
                validation_fraction=0 if not self.blind_ and n_rows >= MANY_ROWS * n_features else None,
            )
        return model.set_params(restoring=True, random_state=self.random_state, **corruption)

    def _fit_blind(self, rows: np.ndarray) -> None:
        if rows.shape[1] < 2:
            raise ValueError(
                "Denoiser: without clean rows at least 2 columns are needed, as cells are predicted from others, got "
                "n_features=1."
            )
        lost = np.isnan(rows)
        means = np.nanmean(np.where(lost.all(0), 0, rows), axis=0, dtype=np.float64)
        rows = np.where(lost, means, rows).astype(rows.dtype)
        share = 1 / n_groups(rows.shape[1])
        model = self._model(rows, corruption="blind_spot", corruption_level=share)
        # A model's errors on its training rows are too small, so some rows are held out to estimate them.
        order = np.random.default_rng(0).permutation(len(rows))
        splits = self.corruption == "gaussian" and len(rows) >= MIN_ROWS_TO_SPLIT
        n_validation = min(MAX_VALIDATION_ROWS, len(rows) // 10) if splits else 0
        self.autoencoder_ = model.fit(rows[np.sort(order[n_validation:])])
        self._fill = self.autoencoder_.scaling_.center
        self.known_lost_ = bool(lost.any())
        self._hidden_variance, self.blind_share_ = np.zeros(rows.shape[1]), 1.0
        if self.corruption != "gaussian":
            return
        validation = rows[order[: n_validation or MAX_VALIDATION_ROWS]]
        predicted = self._hidden(validation)
        self._hidden_variance = ((validation - predicted) ** 2).mean(0)
        noise = (self.noise_level_ or 0.0) ** 2
        share = own_share(self._hidden_variance, noise)
        if self._same_unit():  # the filter assumes that
            blind = combined(validation, predicted, share), float(share.sum())
            self.blind_share_ = mixing_share(validation, blind, self._wiener(validation), noise)

    def _wiener(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        principal, scaling = self.autoencoder_.principal_, self.autoencoder_.scaling_
        n_directions = len(principal.directions)
        rest = principal.noise_variance(n_directions) if n_directions < principal.rank else 0.0
        noise = ((self.noise_level_ or 0.0) / scaling.unit) ** 2
        filtered, trace = wiener_filter(
            (rows - scaling.center) / scaling.unit,
            np.zeros(rows.shape[1]),
            principal.directions.numpy(),
            principal.variances.numpy(),
            rest,
            noise,
        )
        return scaling.center + scaling.unit * filtered, trace

    def _hidden(self, rows: np.ndarray) -> np.ndarray:
        seed = self.autoencoder_.fitted_.seed
        return hidden_predictions(rows, self._fill, self.autoencoder_.reconstruct, seed)

    def _may_be_corrupted(self, rows: np.ndarray) -> np.ndarray:
        if self.corruption == "salt_and_pepper":
            return (rows <= self._low) | (rows >= self._high)
        missing = np.isnan(rows)
        return missing if missing.any() else rows == 0

    def _restored(self, rows: np.ndarray) -> np.ndarray:
        """The model's restoration of every cell, corrupted or not."""
        missing = np.isnan(rows)
        if not self.blind_:
            return self.autoencoder_.reconstruct(np.where(missing, 0, rows).astype(rows.dtype))
        rows = np.where(missing, self._fill, rows).astype(rows.dtype)
        predicted = self._hidden(rows)
        level = self.noise_level_ or 0.0
        if self.corruption == "gaussian":
            blind = combined(rows, predicted, own_share(self._hidden_variance, level**2))
            other = self._wiener(rows)[0] if self.blind_share_ < 1 else 0.0
            return self.blind_share_ * blind + (1 - self.blind_share_) * other
        if self.corruption == "masking" and self.known_lost_:
            return predicted
        replaced = 0.0 if self.corruption == "masking" else (self._low + self._high) / 2
        return (predicted - level * replaced) / (1 - level)


def _extremes(rows: np.ndarray, *, same_unit: bool) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value, of all columns if they have the same unit, else of each; shape (n_features,)."""
    n_features, axis = rows.shape[1], None if same_unit else 0
    low, high = np.nanmin(rows, axis=axis), np.nanmax(rows, axis=axis)
    return np.broadcast_to(low, n_features).astype(float), np.broadcast_to(high, n_features).astype(float)
