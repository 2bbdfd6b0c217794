"""Sound as log-magnitudes by frequency and time, and back: what a model learns from can be heard again.

The short-time Fourier transform S of a clip, with a Hann window of n samples every n/4 (or n/2), gives magnitudes that
change slowly where the samples swing. They are compressed as

    y = log(1 + |S| / ε) / log(1 + 1 / ε)        ε = 10⁻³, |S| = 1 for a full-scale sine

so silence is 0 and a loud tone about 1, and the inverse is exact. The phase is left out, since a shift of a few samples
changes all of it and nothing that is heard; Griffin and Lim's iteration (1984) finds one that fits: transform, keep
the phase, restore the magnitudes, repeat. The highest frequency is left out too, which leaves n/2 rows.
"""

from __future__ import annotations

import numpy as np

from isthmus.tables.row_shape import RowShape, Signal

__all__ = ["griffin_lim", "log_magnitudes", "spectrogram_shape", "spectrogram_signal"]

FLOOR = 1e-3
FRAME_SECONDS = 0.032
LARGE = 20_000  # numbers in a row from which frames overlap by a half, not three quarters
ITERATIONS, MOMENTUM = 60, 0.99  # the fast variant of Perraudin, Balazs and Søndergaard (2013)


def spectrogram_signal(rate: int, length: int) -> Signal:
    """The transform for clips of ``length`` samples: frames of about 32 ms, a power of two."""
    fft = 1 << max(4, round(np.log2(FRAME_SECONDS * rate)))
    fft = min(fft, 1 << max(4, int(np.log2(max(16, length)))))
    hop = fft // 4 if 2 * length <= LARGE else fft // 2
    return Signal(rate, length, fft, hop)


def spectrogram_shape(signal: Signal) -> RowShape:
    """(frequency, time) of one row."""
    frames = 1 + -(-signal.length // signal.hop)
    return RowShape((signal.fft // 2, frames), ("frequency", "time"), signal)


def log_magnitudes(clips: np.ndarray, signal: Signal) -> np.ndarray:
    """Clips of shape (n, length) as rows of shape (n, frequencies · frames), float32."""
    size = np.abs(_transform(clips, signal)) / _unit(signal)
    rows = np.log1p(size / FLOOR) / np.log1p(1 / FLOOR)
    return rows[:, :-1].reshape(len(clips), -1).astype(np.float32)


def griffin_lim(rows: np.ndarray, signal: Signal, *, seed: int = 0) -> np.ndarray:
    """Clips of shape (n, length) whose log-magnitudes are close to ``rows``, float32.

    >>> signal = spectrogram_signal(8000, 2000)
    >>> tone = np.sin(2 * np.pi * 500 * np.arange(2000) / 8000)[None].astype(np.float32)
    >>> again = griffin_lim(log_magnitudes(tone, signal), signal)
    >>> bool(np.abs(log_magnitudes(again, signal) - log_magnitudes(tone, signal)).mean() < 0.02)
    True
    """
    shape = spectrogram_shape(signal).sizes
    log = np.maximum(np.asarray(rows, np.float64).reshape(len(rows), *shape), 0)
    size = FLOOR * np.expm1(np.minimum(log, 1.5) * np.log1p(1 / FLOOR)) * _unit(signal)
    size = np.concatenate([size, np.zeros_like(size[:, :1])], 1)
    phase = np.exp(2j * np.pi * np.random.default_rng(seed).random(size.shape))
    before = np.zeros_like(phase)
    for _ in range(ITERATIONS):
        again = _transform(_inverse(size * phase, signal), signal)
        ahead = again + MOMENTUM * (again - before)
        phase, before = ahead / np.maximum(np.abs(ahead), 1e-12), again
    return _inverse(size * phase, signal).astype(np.float32)


def _window(signal: Signal) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(signal.fft) / signal.fft)


def _unit(signal: Signal) -> float:
    return float(_window(signal).sum() / 2)  # of a full-scale sine


def _padded_length(signal: Signal) -> int:
    frames = spectrogram_shape(signal).sizes[1]
    return (frames - 1) * signal.hop + signal.fft


def _transform(clips: np.ndarray, signal: Signal) -> np.ndarray:
    """Shape (n, fft/2 + 1, frames): frame t is centred at sample t · hop."""
    before = signal.fft // 2
    after = _padded_length(signal) - before - clips.shape[1]
    padded = np.pad(clips, ((0, 0), (before, after)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, signal.fft, axis=1)[:, :: signal.hop]
    return np.fft.rfft(frames * _window(signal), axis=2).transpose(0, 2, 1)


def _inverse(spectra: np.ndarray, signal: Signal) -> np.ndarray:
    """The clips whose transform is nearest in least squares: overlapped frames over the sum of squared windows."""
    window = _window(signal)
    frames = np.fft.irfft(spectra.transpose(0, 2, 1), signal.fft, axis=2) * window
    total = np.zeros((len(spectra), _padded_length(signal)))
    weight = np.zeros(total.shape[1])
    for place in range(frames.shape[1]):
        part = slice(place * signal.hop, place * signal.hop + signal.fft)
        total[:, part] += frames[:, place]
        weight[part] += window**2
    total /= np.maximum(weight, 1e-8)
    return total[:, signal.fft // 2 : signal.fft // 2 + signal.length]
