"""An autoencoder of windows: it encodes, denoises and imputes series, and draws new windows.

The rows are windows, flattened as (channel, time). Their PCA is singular spectrum analysis, at which every model
starts. A network replaces it if it reconstructs held-out *contiguous* blocks better than chance explains: a perceptron
or a one-dimensional convolution, whichever is better there, or the variant that is given. Otherwise the closed form is
kept. ``block_errors_`` has the errors of all.

    model = WindowedAutoencoder(4, window=96).fit(X, times=times)
    codes = model.transform(X)              (n_windows, 4)
    model.inverse_transform(codes)          (n_steps, n_channels), overlapping windows averaged
    model.denoise(X), model.impute(X), model.sample(3)
"""

from __future__ import annotations

import dataclasses
import numbers
import typing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.hyperparameter import check_hyperparameters, hyper
from isthmus.series.bridging import bridged
from isthmus.series.forms import in_form_of
from isthmus.series.held_out import BlockSplit, gain_beyond_chance, split_blocks
from isthmus.series.lengths import MIN_LENGTH, WITHOUT_PERIOD, period_of, stride_of, window_lengths
from isthmus.series.series import Series, joined_series, series_of, with_channels_of
from isthmus.series.ssa import SingularSpectrum
from isthmus.series.windows import MAX_MISSING, Units, WindowGrid, overlap_mean, window_chunks
from isthmus.tables.frames import is_frame

__all__ = ["CLOSED_FORM", "NETWORKS", "WindowedAutoencoder"]

CLOSED_FORM = "singular spectrum analysis"
NETWORKS = ("auto", "none", "perceptron", "convolution")
CONVOLUTIONS = (16, 32)
MAX_ROWS = 20_000  # windows learned from
MAX_GAPS = 0.6  # share of a window that may be filled
GAP_BLOCKS = 16  # parts of a window, each predicted as if it were a gap
STRIDES_IN_WINDOW = 8  # where steps are averaged


@dataclass(eq=False, repr=False)
class WindowedAutoencoder(TransformerMixin, BaseEstimator):
    """An autoencoder whose rows are windows of a series.

    Attributes
    ----------
    autoencoder_ : BaseAutoencoder
        The model that was kept: a linear one is singular spectrum analysis.
    kind_ : str
        "singular spectrum analysis", "perceptron", "convolution", or the class that was given.
    block_errors_ : dict
        By kind, the mean squared error of each held-out block in standard units, always including singular spectrum
        analysis. The lists are empty if the series is too short to hold blocks out.
    spectrum_ : SingularSpectrum
        The closed form in full.
    filling_ : SingularSpectrum
        The closed form that fills gaps: as many components as predict sixteenths of a window best, more than a code
        needs.
    units_ : Units
        Mean and standard deviation of the channels.
    length_, stride_, n_components_ : int
        Steps in a window, steps between two, latent dimensions.
    channels_ : tuple of str
        Names of the channels.

    Examples
    --------
    >>> t = np.arange(800)
    >>> X = np.sin(2 * np.pi * t / 25) + 0.1 * np.random.default_rng(0).normal(size=800)
    >>> model = WindowedAutoencoder(window=50, network="none", random_state=0).fit(X)
    >>> model.n_components_, model.transform(X).shape
    (2, (70, 2))
    """

    n_components: int | None = hyper(
        None, "latent dimensions; None: as in singular spectrum analysis", at_least=1, positional=True
    )
    window: int | str = hyper("auto", "steps in a window; auto: the period, at least 32", choices=("auto",), at_least=2)
    stride: int | None = hyper(
        None, "steps between two windows; None: the largest prime number up to a quarter of a window", at_least=1
    )
    network: str = hyper("auto", "network beside the closed form; auto tries both", choices=NETWORKS)
    # One of isthmus's estimators to use instead of those networks.
    autoencoder: Any = dataclasses.field(default=None, kw_only=True)
    random_state: Any = dataclasses.field(default=None, kw_only=True)

    # ---- fitting ---------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, times: Any = None) -> typing.Self:
        """Fit to a series, or a list of series (of several machines), each of shape (n_steps, n_channels).

        Parameters
        ----------
        X
            Array, DataFrame or `Series`; or a list of such, of two dimensions, with the same channels.
        times
            A stamp per step, as `SeriesOutlierDetector.fit` takes it.
        """
        check_hyperparameters(self)
        who = type(self).__name__
        if _are_several(X):
            series = joined_series([series_of(one, who=who) for one in X], who)
        else:
            series = series_of(X, times, who=who)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.channels_, self.has_names_, self.n_features_in_ = series.channels, series.has_names, series.n_channels
        self.units_ = Units.of(series)
        if np.isinf(self.units_.spread).all():
            raise ValueError(f"{who}: every value of the series is missing.")
        self.length_ = self._length(series)
        self.stride_ = self.stride or stride_of(self.length_)
        grid = WindowGrid.of(series.segments, self.length_, self.stride_)
        split = split_blocks(grid)
        rows, present = self._rows(series, grid, _thinned(split.training))
        if not len(rows):
            raise ValueError(
                f"{who}: no window of {self.length_} steps has less than {MAX_MISSING:.0%} of its values missing; "
                "choose a shorter window."
            )
        self.spectrum_ = SingularSpectrum.of(rows, present, self._size())
        self.n_components_ = self.spectrum_.n_components
        self.filling_ = SingularSpectrum.of(rows, present, blocks=GAP_BLOCKS)
        filled = rows if present is None else np.where(present, rows, self._expected_in_gaps(rows, present))
        self._choose(filled.reshape(len(rows), -1), self._blocks(series, grid, split), seed)
        return self

    def _size(self) -> int | None:
        """The size asked for, of the windows' code or by the autoencoder given; None lets the spectrum choose."""
        given = None if self.autoencoder is None else self.autoencoder.n_components
        if given is None or given == self.n_components:
            return self.n_components
        if not isinstance(given, numbers.Integral) or self.n_components is not None:
            raise ValueError(
                f"{type(self).__name__}: the autoencoder has n_components={given!r}, and the windows "
                f"{self.n_components!r}; set one of them to a whole number, and the other to None."
            )
        return int(given)

    def _length(self, series: Series) -> int:
        who = type(self).__name__
        if self.window != "auto":
            return window_lengths(series, self.units_, self.window, who)[0]
        longest = window_lengths(series, self.units_, "auto", who)[-1]
        return min(longest, max(period_of(series, self.units_) or WITHOUT_PERIOD, MIN_LENGTH))

    def _rows(self, series: Series, grid: WindowGrid, places: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Windows in standard units without those that are mostly missing, and which cells are present."""
        rows, masks = [np.empty((0, series.n_channels, grid.length))], []
        for _, part, present in window_chunks(series, self.units_, grid, places):
            mask = np.ones(part.shape, bool) if present is None else present
            full = 1 - mask.mean((1, 2)) <= MAX_MISSING
            rows.append(part[full])
            masks.append(mask[full])
        present = np.concatenate(masks) if masks else np.ones(rows[0].shape, bool)
        return np.concatenate(rows), None if present.all() else present

    def _expected_in_gaps(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        return self.filling_.decode(self.filling_.encode(rows, present))

    def _blocks(self, series: Series, grid: WindowGrid, split: BlockSplit) -> list[np.ndarray]:
        """Held-out windows without missing cells, flattened, a block each; those without any are left out."""
        found = []
        for places in split.blocks:
            rows, present = self._rows(series, grid, places)
            whole = rows if present is None else rows[present.all((1, 2))]
            found += [whole.reshape(len(whole), -1)] if len(whole) else []
        return found

    def _choose(self, rows: np.ndarray, blocks: list[np.ndarray], seed: int) -> None:
        """Fit the candidates, and keep one that does better than the closed form on held-out blocks."""
        fitted = {CLOSED_FORM: self._closed_form(seed).fit(rows)}
        networks = self._networks(seed) if len(blocks) > 1 or self.autoencoder is not None else {}
        fitted |= {name: network.fit(rows) for name, network in networks.items()}
        errors = {name: _errors(model, blocks) for name, model in fitted.items()}
        best = min(networks, key=lambda name: np.mean(errors[name]) if errors[name] else 0.0, default=CLOSED_FORM)
        better = gain_beyond_chance(np.array(errors[CLOSED_FORM]), np.array(errors[best]))
        chosen = best if better or (self.autoencoder is not None and not blocks) else CLOSED_FORM
        self.block_errors_, self.kind_, self.autoencoder_ = errors, chosen, fitted[chosen]

    def _closed_form(self, seed: int) -> Any:
        from isthmus.variants.vanilla import Autoencoder

        return Autoencoder(self.n_components_, hidden_layer_sizes=(), max_iter=0, random_state=seed)

    def _networks(self, seed: int) -> dict[str, Any]:
        from isthmus.inner_fit import unfitted_copy
        from isthmus.variants.vanilla import Autoencoder

        if self.autoencoder is not None:
            given = unfitted_copy(self.autoencoder, type(self).__name__, seed)
            if given.n_components is None:
                given.set_params(n_components=self.n_components_)
            return {type(given).__name__: given}
        shape = (len(self.channels_), 1, self.length_)
        both = {
            "perceptron": lambda: Autoencoder(self.n_components_, random_state=seed),
            "convolution": lambda: Autoencoder(
                self.n_components_, image_shape=shape, channels=CONVOLUTIONS, random_state=seed
            ),
        }
        wanted = {"auto": tuple(both), "none": ()}.get(self.network, (self.network,))
        return {
            name: both[name]() for name in wanted if name != "convolution" or self.length_ >= 2 ** len(CONVOLUTIONS)
        }

    # ---- using -----------------------------------------------------------------------------------------

    def transform(self, X: Any, *, times: Any = None) -> np.ndarray:
        """Codes of the windows of a series at every ``stride_`` steps, shape (n_windows, n_components).

        `windows_of` gives their starts. A window with missing cells is encoded from its other cells.
        """
        series, grid = self.windows_of(X, times=times)
        codes = [np.empty((0, self.n_components_), np.float32)]
        for rows, _ in self.filled_windows(series, grid):
            codes.append(self.autoencoder_.transform(rows.reshape(len(rows), -1)))
        return np.concatenate(codes)

    def windows_of(self, X: Any, *, times: Any = None, stride: int | None = None) -> tuple[Series, WindowGrid]:
        """The series on its grid, and the starts of its windows."""
        check_is_fitted(self, "autoencoder_")
        who = type(self).__name__
        series = series_of(X, times, who=who)
        like = Series(np.empty((0, len(self.channels_))), series.grid, self.channels_, (), self.has_names_)
        series = with_channels_of(series, like, who)
        grid = WindowGrid.of(series.segments, self.length_, stride or self.stride_)
        if not len(grid):
            longest = int((series.segments[:, 1] - series.segments[:, 0]).max())
            raise ValueError(
                f"{who}: the windows have {self.length_} steps, and the series has {longest} in a row; pass a longer "
                "one, or fit with a shorter window."
            )
        return series, grid

    def inverse_transform(self, codes: Any, *, n_steps: int | None = None) -> np.ndarray:
        """The series of codes, shape (n_steps, n_channels), in the units of the data: decoded windows, averaged.

        Parameters
        ----------
        codes
            Of the windows of one segment, as `transform` gives them.
        n_steps
            Steps of the series, if its last window is not at a multiple of the stride.
        """
        check_is_fitted(self, "autoencoder_")
        codes = np.asarray(codes)
        if codes.ndim != 2 or not len(codes):
            raise ValueError(f"{type(self).__name__}: codes must have shape (n_windows, {self.n_components_}).")
        n_steps = (len(codes) - 1) * self.stride_ + self.length_ if n_steps is None else n_steps
        grid = WindowGrid.of(np.array([[0, n_steps]]), self.length_, self.stride_)
        if len(grid) != len(codes):
            raise ValueError(
                f"{type(self).__name__}: {n_steps} steps have {len(grid)} windows of {self.length_} at a stride of "
                f"{self.stride_}, and there are {len(codes)} codes."
            )
        rows = self.autoencoder_.inverse_transform(codes).astype(np.float64).reshape(len(codes), -1, self.length_)
        return self.units_.undo(overlap_mean(rows, grid.starts, n_steps))

    def denoise(self, X: Any, *, times: Any = None) -> Any:
        """Every reading as the mean of the reconstructions of the windows that cover it, NaN where none does.

        Shape (n_steps, n_channels), or (n_steps,) as X. A pandas DataFrame or Series keeps its index and names.
        """
        series, found = self.reconstruct_steps(X, times=times)
        return in_form_of(X, series.of_readings(found), self.channels_)

    def impute(self, X: Any, *, times: Any = None) -> Any:
        """The series with its missing values filled in, in the form of `denoise`; known values are unchanged.

        What the model expects is corrected by the residuals beside the gap (`isthmus.series.bridging`). A gap longer
        than three fifths of a window stays NaN. Missing *steps* are filled by `impute_steps`.
        """
        series, found = self.reconstruct_steps(X, times=times)
        return in_form_of(X, series.completed(self._completed(series, found)), self.channels_)

    def impute_steps(self, X: Any, *, times: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Stamps and values of every step of the grid, with missing values and missing steps filled in."""
        series, found = self.reconstruct_steps(X, times=times)
        return series.grid.stamps, self._completed(series, found)

    @staticmethod
    def _completed(series: Series, found: np.ndarray) -> np.ndarray:
        return bridged(series.part(0, len(series)), found, series.segments)

    def sample(self, n_windows: int = 1) -> np.ndarray:
        """Windows drawn from the model, shape (n_windows, length, n_channels), in the units of the data."""
        check_is_fitted(self, "autoencoder_")
        rows = np.asarray(self.autoencoder_.sample(n_windows), np.float64).reshape(n_windows, -1, self.length_)
        return self.units_.undo(rows.transpose(0, 2, 1))

    def score_samples(self, X: Any, *, times: Any = None) -> np.ndarray:
        """Log density of each window in standard units, in nats, shape (n_windows,)."""
        series, grid = self.windows_of(X, times=times)
        found = [np.empty(0)]
        for rows, _ in self.filled_windows(series, grid):
            found.append(self.autoencoder_.score_samples(rows.reshape(len(rows), -1)))
        return np.concatenate(found)

    def reconstruct_steps(self, X: Any, *, times: Any = None) -> tuple[Series, np.ndarray]:
        """The series on its grid, and the mean reconstruction of each step, shape (n_steps, n_channels)."""
        series, grid = self.windows_of(X, times=times, stride=max(1, self.length_ // STRIDES_IN_WINDOW))
        rows = np.empty((len(grid), series.n_channels, self.length_))
        # Steps near a window's edge have neighbours on one side only, and weigh less.
        lags = np.arange(self.length_)
        taper = np.minimum(lags + 1, self.length_ - lags) / self.length_
        weights = np.empty(rows.shape)
        start = 0
        for part, full in self.filled_windows(series, grid):
            stop = start + len(part)
            back = self.autoencoder_.reconstruct(part.reshape(len(part), -1))
            rows[start:stop] = np.asarray(back, np.float64).reshape(part.shape)
            weights[start:stop] = (full[:, None] * taper**2)[:, None]
            start = stop
        return series, self.units_.undo(overlap_mean(rows, grid.starts, len(series), weights))

    def filled_windows(self, series: Series, grid: WindowGrid) -> typing.Iterator[tuple[np.ndarray, np.ndarray]]:
        """Windows in standard units, shape (k, n_channels, length), missing cells filled; and which are full enough."""
        for _, rows, present in window_chunks(series, self.units_, grid):
            full = np.ones(len(rows), bool)
            rows = np.array(rows)
            if present is not None:
                full = 1 - present.mean((1, 2)) <= MAX_GAPS
                holes = ~present.all((1, 2))
                rows[holes] = self._impute_windows(rows[holes], present[holes])
            yield rows, full

    def _impute_windows(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        if self.kind_ == CLOSED_FORM:
            return np.where(present, rows, self._expected_in_gaps(rows, present))
        gaps = np.where(present, rows, np.nan).reshape(len(rows), -1)
        some = ~np.isnan(gaps).all(1)
        gaps[some] = self.autoencoder_.impute(gaps[some])
        return np.nan_to_num(gaps).reshape(rows.shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyrefly: ignore[missing-attribute]
        tags.input_tags.allow_nan = True
        return tags


def _are_several(X: Any) -> bool:
    """Whether X is a list of series, not of steps."""
    return isinstance(X, (list, tuple)) and bool(X) and all(isinstance(one, Series) or _has_steps(one) for one in X)


def _has_steps(one: Any) -> bool:
    return getattr(one, "ndim", 0) == 2 or is_frame(one)


def _thinned(places: np.ndarray) -> np.ndarray:
    if len(places) <= MAX_ROWS:
        return places
    return places[np.linspace(0, len(places) - 1, MAX_ROWS).round().astype(np.int64)]


def _errors(model: Any, blocks: list[np.ndarray]) -> list[float]:
    return [float(((np.asarray(model.reconstruct(rows), np.float64) - rows) ** 2).mean()) for rows in blocks]
