"""The stored form of a `SeriesOutlierDetector`: settings, thresholds, and the state of its stream.

Its tensors are the units of the channels, reference windows of each length with their typical amounts, the singular
spectrum, the reference scores, and the tail of the stream. The detections in the series of the fit are not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.series.detector import SeriesOutlierDetector
from isthmus.series.episodes import Rate, Tracker
from isthmus.series.lengths import require_stride
from isthmus.series.neighbours import MAX_REFERENCES, MIN_SPREAD, PARTS, Reference, Surprises
from isthmus.series.scoring import SeriesModel, WindowModel, stride_of
from isthmus.series.ssa import SingularSpectrum
from isthmus.series.stream import StreamState
from isthmus.series.windows import Units
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import Setting, fact, record
from isthmus.storage.settings import hyperparameters_of, unfitted
from isthmus.storage.tensor_file import StoredTensors, TensorKind, tensors_from

__all__ = ["SeriesDetectorKind", "SeriesRecord"]

LARGEST = 1e100
MAX_STEPS = 2.0**52  # exact in float64
LATEST = 2.0**62  # of a time stamp, such as microseconds since 1970
LONGEST = 1e5  # steps in a window


@record
class SeriesRecord:
    """All of a series detector but its tensors."""

    settings: dict[str, Setting]
    until: str | float | None = fact(at_least=-LARGEST, at_most=LARGEST)
    channels: tuple[str, ...] = fact(lengths=(1, 100_000))
    has_names: bool = fact()
    episodes: float | None = fact(above=0, at_most=1e9)  # None where no rate was stated, and per means nothing
    per: float = fact(at_least=1e-9, at_most=1e18)
    in_seconds: bool = fact()
    step_seconds: float | None = fact(at_least=1e-9, at_most=1e18)
    threshold: float = fact(at_least=-LARGEST, at_most=LARGEST)
    stream_threshold: float = fact(at_least=-LARGEST, at_most=LARGEST)
    gain: float = fact(at_least=0, at_most=LARGEST)
    stream_gain: float = fact(at_least=0, at_most=LARGEST)
    n_steps: int = fact(at_least=0, at_most=MAX_STEPS)
    segment: int = fact(at_least=0, at_most=MAX_STEPS)
    stamp: float = fact(at_least=-LATEST, at_most=LATEST)
    step: float = fact(above=0, at_most=LATEST)
    is_dated: bool = fact()
    tracked_rate: float = fact(at_least=0, at_most=1e9)
    now: float = fact(at_least=-LARGEST, at_most=LARGEST)
    open_at: float | None = fact(at_least=-LARGEST, at_most=LARGEST)
    open_since: int = fact(at_least=-1, at_most=MAX_STEPS)
    last_above: int = fact(at_least=-1, at_most=MAX_STEPS)
    errors: dict[str, float] = fact(at_least=0, at_most=LARGEST)

    def __post_init__(self) -> None:
        if self.segment > self.n_steps:
            raise ValueError(f"segment must be at most n_steps, {self.n_steps}, got {self.segment}")
        is_open = self.open_since >= 0
        in_order = -1 <= self.open_since <= self.last_above < self.n_steps
        if is_open != (self.open_at is not None) or is_open != (self.last_above >= 0) or not in_order:
            raise ValueError("the episode that is open must have a threshold, a first and a last step, or none of them")
        if self.in_seconds and self.step_seconds is None:
            raise ValueError("a rate per length of time needs step_seconds")
        if not all(key.isdigit() and len(key) < 6 for key in self.errors):
            raise ValueError("the keys of errors must be numbers of components")


class SeriesDetectorKind(Kind):
    """`SeriesOutlierDetector`."""

    format = "isthmus series detector"
    record = SeriesRecord

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, SeriesOutlierDetector)

    def take_apart(self, estimator: Any) -> Parts:
        model, stream, tracker = estimator.model_, estimator.stream_, estimator.stream_.tracker
        until = estimator.until
        rate = estimator.rate_ or Rate(0.0)
        settings = {**hyperparameters_of(estimator), "episodes": _plain(estimator.episodes)}
        record = SeriesRecord(
            settings=settings,
            until=until if until is None or isinstance(until, (int, float)) else str(until),
            channels=estimator.channels_,
            has_names=estimator.has_names_,
            episodes=rate.episodes or None,
            per=rate.per,
            in_seconds=rate.in_seconds,
            step_seconds=estimator.step_seconds_,
            threshold=estimator.threshold_,
            stream_threshold=estimator.stream_threshold_,
            gain=estimator.gain_,
            stream_gain=estimator.stream_gain_,
            n_steps=stream.n_steps,
            segment=stream.segment,
            stamp=stream.stamp,
            step=float(stream.step),
            is_dated=stream.is_dated,
            tracked_rate=tracker.rate,
            now=tracker.threshold,
            open_at=None if tracker.open_since < 0 else tracker.open_at,
            open_since=tracker.open_since,
            last_above=tracker.last_above,
            errors={str(size): error for size, error in model.spectrum.block_errors.items()},
        )
        arrays = {
            "center": model.units.center,
            "spread": model.units.spread,
            "deviation": model.deviation,
            "reference_scores": estimator.reference_scores_,
            "spectrum.mean": model.spectrum.mean,
            "spectrum.components": model.spectrum.components,
            "spectrum.eigenvalues": model.spectrum.eigenvalues,
            "tail": stream.tail,
            "held": stream.held,
        }
        for place, window in enumerate(model.windows):
            reference, surprises = window.reference, window.surprises
            arrays |= {
                f"{place}.rows": reference.rows,
                f"{place}.starts": reference.starts.astype(np.int64),
                f"{place}.typical": window.typical,
                f"{place}.surprise_center": surprises.center,
                f"{place}.surprise_spread": surprises.spread,
            }
            if reference.present is not None:
                arrays[f"{place}.present"] = reference.present
        return Parts(record, tensors_from(arrays))

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> SeriesOutlierDetector:
        settings = dict(record.settings)
        episodes = settings.pop("episodes", None)
        if episodes is not None:
            Rate.of(episodes if isinstance(episodes, (int, float)) else str(episodes))
        detector = unfitted(SeriesOutlierDetector, settings, episodes=episodes, until=record.until)
        arrays, n_windows = _arrays(tensors, len(record.channels))
        units = Units(arrays["center"], arrays["spread"])
        windows = tuple(_window(arrays, place, detector.stride) for place in range(n_windows))
        require_stride(detector.stride, windows[0].length)
        spectrum = SingularSpectrum(
            arrays["spectrum.mean"],
            arrays["spectrum.components"],
            arrays["spectrum.eigenvalues"],
            {int(size): error for size, error in record.errors.items()},
        )
        detector.model_ = SeriesModel(units, windows, spectrum, arrays["deviation"])
        detector.windows_ = tuple(window.length for window in windows)
        vars(detector).update({"n_features_in_": len(record.channels)})
        detector.channels_, detector.has_names_ = record.channels, record.has_names
        stated = record.episodes is not None
        detector.rate_ = Rate(record.episodes, record.per, record.in_seconds) if stated else None
        detector.step_seconds_ = record.step_seconds
        detector.threshold_, detector.stream_threshold_ = record.threshold, record.stream_threshold
        detector.gain_, detector.stream_gain_ = record.gain, record.stream_gain
        detector.reference_scores_ = arrays["reference_scores"]
        detector.detection_ = None
        tracker = Tracker(
            record.now, record.tracked_rate, record.stream_gain, detector.quiet_,
            np.nan if record.open_at is None else record.open_at, record.open_since, record.last_above,
        )  # fmt: skip
        detector.stream_ = StreamState(
            arrays["tail"], record.n_steps, record.segment, record.stamp, record.step, record.is_dated,
            arrays["held"], tracker,
        )  # fmt: skip
        if len(arrays["tail"]) > record.n_steps - record.segment:
            raise ValueError("the tail must not be longer than the present segment")
        return detector


def _plain(episodes: Any) -> float | str | None:
    return episodes if episodes is None or isinstance(episodes, str) else float(episodes)


def _window(arrays: Mapping[str, np.ndarray], place: int, stride: int | None) -> WindowModel:
    reference = Reference(arrays[f"{place}.rows"], arrays.get(f"{place}.present"), arrays[f"{place}.starts"])
    surprises = Surprises(arrays[f"{place}.surprise_center"], arrays[f"{place}.surprise_spread"])
    return WindowModel(reference, surprises, arrays[f"{place}.typical"], stride_of(reference.length, stride))


def _arrays(tensors: StoredTensors, n_channels: int) -> tuple[dict[str, np.ndarray], int]:
    """The arrays, if they are those of a detector of ``n_channels`` channels, and its number of window lengths."""
    shapes = {name: kind.shape for name, kind in tensors.kinds.items()}
    n_windows = sum(name.endswith(".rows") for name in shapes)

    def size(name: str, axis: int, dimensions: int) -> int:
        shape = shapes.get(name, ())
        if len(shape) != dimensions or shape[axis] < 1:
            raise ValueError(f"{name} must have {dimensions} dimensions, none of them empty")
        return shape[axis]

    if n_windows < 1:
        raise ValueError("it must have windows")
    length = size("spectrum.mean", 1, 2)
    n_cells = n_channels * length
    n_components = size("spectrum.components", 0, 2)
    if n_components > n_cells:
        raise ValueError("it has more components than cells")
    n_tail = shapes.get("tail", (0,))[0]
    expected = {name: TensorKind("F64", (n_channels,)) for name in ("center", "spread", "deviation")}
    expected |= {
        "reference_scores": TensorKind("F64", (size("reference_scores", 0, 1),)),
        "spectrum.mean": TensorKind("F64", (n_channels, length)),
        "spectrum.components": TensorKind("F64", (n_components, n_cells)),
        "spectrum.eigenvalues": TensorKind("F64", (n_cells,)),
        "tail": TensorKind("F64", (n_tail, n_channels)),
        "held": TensorKind("F64", (n_windows,)),
    }
    lengths = []
    for place in range(n_windows):
        n_rows, steps = size(f"{place}.rows", 0, 3), size(f"{place}.rows", 2, 3)
        if n_rows > MAX_REFERENCES or steps > LONGEST:
            raise ValueError(f"it must have from 1 to {MAX_REFERENCES:,} reference windows of each length")
        shape = (n_rows, n_channels, steps)
        expected |= {
            f"{place}.rows": TensorKind("F64", shape),
            f"{place}.starts": TensorKind("I64", (n_rows,)),
            f"{place}.typical": TensorKind("F64", (len(PARTS), n_channels)),
            f"{place}.surprise_center": TensorKind("F64", (len(PARTS),)),
            f"{place}.surprise_spread": TensorKind("F64", (len(PARTS),)),
        }
        if f"{place}.present" in shapes:
            expected[f"{place}.present"] = TensorKind("BOOL", shape)
        lengths.append(steps)
    if lengths != sorted({*lengths}) or n_tail > 2 * lengths[-1]:
        raise ValueError("lengths of windows must ascend, and the tail be no longer than two of the longest")
    arrays = {name: part.numpy() for name, part in tensors.read(expected).items()}
    _require_usable(arrays, n_windows)
    return arrays, n_windows


def _require_usable(arrays: Mapping[str, np.ndarray], n_windows: int) -> None:
    for name, part in arrays.items():
        if part.dtype != np.float64:
            continue
        some = part[~np.isinf(part)] if name == "spread" else part  # infinite for a channel without values
        some = part[np.isfinite(part)] if name in ("tail", "held") else some
        if not np.isfinite(some).all() or (len(some) and np.abs(some).max() > LARGEST):
            raise ValueError(f"{name} holds NaN, infinity or a number beyond {LARGEST:g}")
    if arrays["spread"].min() <= 1 / LARGEST:
        raise ValueError("spread must be above 0")
    if (np.diff(arrays["reference_scores"]) < 0).any():
        raise ValueError("reference_scores must ascend")
    eigenvalues = arrays["spectrum.eigenvalues"]
    if eigenvalues.min() < 0 or (np.diff(eigenvalues) > 0).any():
        raise ValueError("spectrum.eigenvalues must be at least 0 and descend")
    for place in range(n_windows):
        if arrays[f"{place}.surprise_spread"].min() < MIN_SPREAD:
            raise ValueError(f"{place}.surprise_spread must be at least {MIN_SPREAD}")
        starts = arrays[f"{place}.starts"]
        if (np.diff(starts) < 0).any() or np.abs(starts).max() > 2**62:
            raise ValueError(f"{place}.starts must ascend")
