"""The anomaly detector for series: episodes of anomalous steps, and the channels that explain them.

    detector = SeriesOutlierDetector(episodes="2 per week").fit(X, times)
    detector.episodes_, detector.scores_, detector.update(new)

Nothing is trained. Windows of three lengths are compared with the other windows of the same series (by default: the
detector is transductive), of a clean past, or of another series; see `isthmus.series.neighbours` for the parts of the
score, `isthmus.series.scoring` for how they become one per step, `isthmus.series.episodes` for alarms and thresholds.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from isthmus.hyperparameter import check_hyperparameters, hyper
from isthmus.series.detection import Reason, SeriesDetection, conformal_ranks, described, highest, shortest_stretch
from isthmus.series.episodes import ROUNDING, Rate, Tracker, episodes_above, outlying_threshold, static_threshold
from isthmus.series.lengths import require_stride, window_lengths
from isthmus.series.neighbours import QUARTILES_OF_NORMAL, WEIGHTS
from isthmus.series.scoring import Scored, learn
from isthmus.series.series import Series, series_of, with_channels_of
from isthmus.series.stamps import length_text, stamp_text
from isthmus.series.stream import followed, stream_state
from isthmus.series.windows import STEPS_AT_ONCE, Units

__all__ = ["DEFAULT_EPISODES", "SeriesOutlierDetector"]

DEFAULT_EPISODES = 2.0  # at most, per thousand steps, where no rate is stated
MAX_RANKED = 100_000  # scores kept for ranks
OTHER_STEP = 1.25  # ratio from which steps are of another length
UNCLEAN = 1e-6  # a past with a score that normal windows exceed with this probability is not clean


@dataclass(eq=False, repr=False)
class SeriesOutlierDetector(OutlierMixin, BaseEstimator):
    """Anomaly detection in a series of one or more channels, in closed form.

    `fit` learns from the series and scores it; `detect` scores another; `update` continues a stream. Without
    ``train`` or ``until`` every step is scored by the rest of its own series.

    Attributes
    ----------
    detection_ : SeriesDetection
        Scores, thresholds, ranks, episodes and explanations of the series given to `fit`; None after loading.
    threshold_ : float
        The score at which the past had as many episodes as stated. Without ``episodes`` a threshold that doesn't move
        is where half an episode would be expected by chance, but not below that for 2 episodes per 1,000 steps, or for
        one in a series of less than 500 steps.
    rate_ : Rate or None
        The stated rate of false episodes; if none is stated, 2 per 1,000 steps for a tracked threshold, else None.
    stream_threshold_ : float
        The same for `update`, whose scores use no later steps.
    windows_ : tuple of int
        Lengths of the windows, in steps.
    model_ : SeriesModel
        Units, reference windows and the singular spectrum.
    reference_scores_ : ndarray
        Scores of the steps learned from, ascending; at most 100,000 of them.
    channels_ : tuple of str
        Names of the channels.
    stream_ : StreamState
        The state that `update` continues from.

    Examples
    --------
    >>> t = np.arange(600)
    >>> X = np.sin(2 * np.pi * t / 40)
    >>> X[300:320] = 0.9
    >>> detector = SeriesOutlierDetector(episodes="1 per 600 steps").fit(X)
    >>> [(episode.first, episode.last) for episode in detector.episodes_]
    [(226, 397)]
    """

    window: int | str = hyper(
        "auto",
        "steps in a window; auto compares windows of the period, 96 and 192 steps",
        choices=("auto",),
        at_least=2,
    )
    # A clean series to learn from, and the moment (a stamp, or a step) up to which the series itself is clean.
    train: Any = dataclasses.field(default=None, kw_only=True)
    until: Any = dataclasses.field(default=None, kw_only=True)
    episodes: float | str | None = dataclasses.field(default=None, kw_only=True)
    threshold: str = hyper(
        "static", "whether the threshold of later steps stays or follows the level of the scores",
        choices=("static", "tracked"),
    )  # fmt: skip
    stride: int | None = hyper(
        None, "steps between two windows that are computed; None: an eighth of each length", at_least=1
    )
    random_state: Any = dataclasses.field(default=None, kw_only=True)

    # ---- learning --------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, times: Any = None, train_times: Any = None) -> typing.Self:
        """Learn from a series X of shape (n_steps,) or (n_steps, n_channels), and score it; y is ignored.

        Parameters
        ----------
        X
            Array, DataFrame (its DatetimeIndex gives the times) or `Series`; NaN where a value is missing.
        times
            A stamp per step: dates or numbers, in any order.
        train_times
            The same for ``train``.
        """
        check_hyperparameters(self)
        who = type(self).__name__
        most = Rate.of(DEFAULT_EPISODES if self.episodes is None else self.episodes, f"{who}: episodes")
        if self.train is not None and self.until is not None:
            raise ValueError(f"{who}: train and until both name what is clean; give one of them.")
        series = series_of(X, times, who=who)
        known = series if self.train is None else series_of(self.train, train_times, who=f"{who}: train")
        if self.train is not None:
            series = with_channels_of(series, known, who)
        self.channels_, self.has_names_, self.n_features_in_ = known.channels, known.has_names, known.n_channels
        until = None if self.until is None else self._until(series)
        part = known if until is None else known.before(until)
        self.step_seconds_ = known.grid.step if known.grid.is_dated else None
        self.rate_ = None if self.episodes is None and self.threshold == "static" else most
        per_step = self._per_step(most)
        notes = [*series.notes, *_silent_channels(part)]
        units = Units.of(part, series)
        whose = who if until is None else f"{who}: before until={self.until}"
        self.windows_ = window_lengths(part, units, self.window, whose)
        try:
            require_stride(self.stride, self.windows_[0])
            self.model_, scored = learn(known, self.windows_, units, until, self.stride)
        except ValueError as error:
            raise ValueError(f"{who}: {error}") from error
        learned = scored.scores[: len(part)]
        self.reference_scores_ = _some_ascending(learned)
        trailing = scored.trailing[: len(part)]
        self.threshold_, self.stream_threshold_ = (self._threshold(one, per_step) for one in (learned, trailing))
        if self.rate_ is not None and self.threshold == "static":
            notes += _about_rate(self.rate_, per_step, int(np.isfinite(learned).sum()))
        self.gain_, self.stream_gain_ = _robust_spread(learned), _robust_spread(trailing)
        if self.train is not None or until is not None:
            notes += self._about_past(learned, part)
        if self.train is not None:
            notes += self._about_step(series)
            self.model_ = self.model_.elsewhere()
            scored = self.model_.score(series)
        self.detection_: SeriesDetection | None = self._detection(series, scored, notes)
        tracker = Tracker(self.stream_threshold_, self.tracked_rate_, self.stream_gain_, self.quiet_)
        self.stream_ = stream_state(series, scored, self.model_, tracker)
        return self

    def _until(self, series: Series) -> int:
        who = type(self).__name__
        try:
            step = series.step_at(self.until)
        except ValueError as error:
            raise ValueError(f"{who}: until: {error}") from error
        if not 0 < step <= len(series):
            raise ValueError(f"{who}: until={self.until!r} leaves no step to learn from; the series starts later.")
        return step

    def _per_step(self, rate: Rate) -> float:
        try:
            return rate.per_step(self.step_seconds_)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error

    def _threshold(self, scores: np.ndarray, per_step: float) -> float:
        if self.rate_ is not None:
            return static_threshold(scores, per_step, self.quiet_)
        lowest = static_threshold(scores, per_step, self.quiet_, at_least=1)
        return max(lowest, outlying_threshold(scores, self.windows_[len(self.windows_) // 2]))

    def _about_past(self, learned: np.ndarray, part: Series) -> list[str]:
        """A note if the past that was called clean has steps with far higher scores than the rest."""
        if not np.isfinite(learned).any():
            return []
        from scipy.stats import gamma

        peak = int(np.nanargmax(learned))
        if learned[peak] <= gamma.isf(UNCLEAN, WEIGHTS.sum()):
            return []
        where = stamp_text(part.grid.stamps[peak])
        return [
            f"the past to learn from has steps unlike the rest of it, most of all at {where}; if they are anomalies, "
            "others like them will count as normal."
        ]

    def _about_step(self, series: Series) -> list[str]:
        """A note if the steps of a series are longer or shorter than those learned from."""
        known, step = self.step_seconds_, series.grid.step
        if (
            known is None
            or not series.grid.is_dated
            or len(series) < 2
            or abs(np.log(step / known)) < np.log(OTHER_STEP)
        ):
            return []
        return [
            f"a step is {length_text(step)} here, and was {length_text(known)} in what was learned from: windows are "
            "compared by steps, so resample one of the two."
        ]

    # ---- using -----------------------------------------------------------------------------------------

    def detect(self, X: Any, *, times: Any = None) -> SeriesDetection:
        """Score another series with what was learned."""
        check_is_fitted(self, "model_")
        who = type(self).__name__
        series = series_of(X, times, who=who)
        like = Series(np.empty((0, len(self.channels_))), series.grid, self.channels_, (), self.has_names_)
        series = with_channels_of(series, like, who)
        longest = int((series.segments[:, 1] - series.segments[:, 0]).max())
        if longest < self.windows_[0]:
            raise ValueError(
                f"{who}: the windows have {self.windows_[0]} steps, and the series has {longest} in a row; pass a "
                "longer one."
            )
        return self._detection(series, self.model_.score(series), [*series.notes, *self._about_step(series)])

    def fit_detect(self, X: Any, y: Any = None, **given: Any) -> SeriesDetection:
        """`fit`, then the detection of the same series; the parameters are those of `fit`."""
        return self.fit(X, y, **given).found_at_fit()

    def fit_predict(self, X: Any, y: Any = None, **given: Any) -> np.ndarray:
        """`fit`, then -1 for readings in an episode and 1 for others, shape (n_readings,)."""
        detection = self.fit_detect(X, y, **given)
        return np.where(detection.of_readings(detection.alarms), -1, 1)

    def predict(self, X: Any, *, times: Any = None) -> np.ndarray:
        """-1 for readings in an episode and 1 for others, shape (n_readings,)."""
        detection = self.detect(X, times=times)
        return np.where(detection.of_readings(detection.alarms), -1, 1)

    def score_samples(self, X: Any, *, times: Any = None) -> np.ndarray:
        """Minus the anomaly score of each reading, shape (n_readings,); NaN where no window covers it."""
        detection = self.detect(X, times=times)
        return -detection.of_readings(detection.scores)

    def update(self, X: Any, *, times: Any = None) -> SeriesDetection:
        """Continue the series given to `fit` (or with an earlier update): score the steps that came in since.

        A step is scored by the windows that end at it, or less than a stride before it: what comes later
        can't change it. Pieces of any size give the same scores and thresholds as one, and the same alarms but for
        steps that dip below the threshold at the end of a piece: whether the episode goes on isn't known then. Of an
        episode that began earlier, the part in the new steps is given; one that is still open ends at its latest step
        above the threshold. Updates never change the reference windows; with
        ``threshold="tracked"`` the threshold follows the scores.

        Parameters
        ----------
        X
            New steps, shape (n_steps,) or (n_steps, n_channels); a single step of several channels as shape (1, d).
        times
            Their stamps, later than all before: by default those of a pandas index of dates; without one, steps are
            assumed to follow without a gap.
        """
        check_is_fitted(self, "model_")
        return followed(self, X, times)

    @property
    def episodes_(self) -> tuple[Any, ...]:
        """The episodes of the series given to `fit`."""
        return self.found_at_fit().episodes

    @property
    def scores_(self) -> np.ndarray:
        """The score of each reading given to `fit`, in the order they were given."""
        found = self.found_at_fit()
        return found.of_readings(found.scores)

    @property
    def quiet_(self) -> int:
        """Steps below the threshold that end an episode: the shortest window."""
        return int(self.windows_[0])

    def found_at_fit(self) -> SeriesDetection:
        """The detection of the series given to `fit`; a `ValueError` after loading."""
        check_is_fitted(self, "model_")
        if self.detection_ is None:
            raise ValueError(f"{type(self).__name__}: what was found in the series of the fit isn't saved; use detect.")
        return self.detection_

    # ---- inside ----------------------------------------------------------------------------------------

    @property
    def tracked_rate_(self) -> float:
        """Episodes per step that a tracked threshold aims at; 0 for a static one."""
        return self._per_step(self.rate_) if self.rate_ is not None and self.threshold == "tracked" else 0.0

    def _detection(self, series: Series, scored: Scored, notes: list[str]) -> SeriesDetection:
        scores = scored.scores
        if self.threshold == "tracked":
            tracker = Tracker(self.threshold_, self.tracked_rate_, self.gain_, self.quiet_)
            thresholds, spans = tracker.follow(scores, 0)
        else:
            thresholds = np.full(len(scores), self.threshold_)
            spans = episodes_above(scores, self.threshold_, self.quiet_)
        unscored = int(np.isnan(series.of_readings(scores)).sum())
        if unscored:
            notes.append(
                f"{unscored:,} {'step has' if unscored == 1 else 'steps have'} no score: their segment is shorter than "
                f"a window of {self.windows_[0]} steps, or too much is missing there."
            )
        reasons = [self._reason(series, scored, highest(scores, *span)) for span in spans]
        episodes = described(spans, scores, series.grid.stamps, self.channels_, reasons)
        ranks = conformal_ranks(scores, self.reference_scores_)
        return SeriesDetection(series, scores, thresholds, ranks, episodes, tuple(notes), self.model_, scored)

    def _reason(self, series: Series, scored: Scored, peak: int) -> Reason:
        cells = self.model_.contribution_map(scored, peak)
        first, last = shortest_stretch(cells.sum(0))
        before = cells.shape[1] // 2
        return Reason(
            contributions=cells.sum(1),
            values=series.part(peak, peak + 1)[0],
            expected=self.model_.expected(series, peak, peak + 1)[0],
            focus=(peak + first - before, peak + last - before),
        )


def _silent_channels(series: Series) -> list[str]:
    """Notes on empty channels and on a constant series; a `ValueError` if all values are missing."""
    low, high = np.full(series.n_channels, np.inf), np.full(series.n_channels, -np.inf)
    for start in range(0, len(series), STEPS_AT_ONCE):
        part = series.part(start, start + STEPS_AT_ONCE)
        low = np.minimum(low, np.where(np.isnan(part), np.inf, part).min(0))
        high = np.maximum(high, np.where(np.isnan(part), -np.inf, part).max(0))
    if (low > high).all():
        raise ValueError("SeriesOutlierDetector: every value of the series to learn from is missing.")
    empty = [name for name, one in zip(series.channels, low > high, strict=True) if one]
    notes = [f"all values are missing in {', '.join(empty)}, which tells nothing."] if empty else []
    if (low >= high).all():
        notes.append("every channel to learn from is constant: any change is an anomaly.")
    return notes


def _about_rate(rate: Rate, per_step: float, n_steps: int) -> list[str]:
    """A note if the steps learned from are too few for a single episode at the stated rate."""
    if per_step * n_steps >= 1 - ROUNDING:
        return []
    return [
        f"{rate.said} is less than one episode in the {n_steps:,} steps to learn from, so none of them is above the "
        f"threshold; 1 per {n_steps:,} steps is the lowest rate that allows one."
    ]


def _some_ascending(scores: np.ndarray) -> np.ndarray:
    known = np.sort(scores[np.isfinite(scores)])
    if len(known) <= MAX_RANKED:
        return known
    return known[np.linspace(0, len(known) - 1, MAX_RANKED).round().astype(np.int64)]


def _robust_spread(scores: np.ndarray) -> float:
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 0.0
    low, high = np.percentile(known, [25, 75])
    return float((high - low) / QUARTILES_OF_NORMAL)
