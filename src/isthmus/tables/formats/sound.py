"""Sound: clips of one length and one rate, one row each, as spectrograms or as samples from -1 to 1.

Channels are mixed down to one, and other rates are resampled to the most common one. Clips are padded with silence or
cut to one length; long recordings, and all files if ``window`` is given, are cut into consecutive windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from isthmus.tables.bounds import require_columns
from isthmus.tables.cached_rows import RowCache, rows_stream
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats.file_labels import labels_of
from isthmus.tables.formats.sound_files import SUFFIXES, Clip, clip_at, is_sound, samples_of
from isthmus.tables.formats.unreadable import UnreadableError, name_of, settle_faults, visible_files
from isthmus.tables.pool import in_parallel
from isthmus.tables.request import Request
from isthmus.tables.row_shape import RowShape, Signal
from isthmus.tables.spectrogram import log_magnitudes, spectrogram_shape, spectrogram_signal
from isthmus.tables.stream import TableStream

__all__ = ["SUFFIXES", "matches", "read_sounds", "sounds_in"]

LONG = 4.0  # median seconds above which files are recordings, to be cut into windows
DEFAULT_WINDOW = 1.0
MAX_RATIO = 2.0  # of the longest clip to the median, up to which no clip is cut
COVERED = 0.95  # else the length is this quantile
ROUNDING = 1e-6  # of a length that went through seconds, in samples
TOGETHER = 64  # windows of a file that are read at once
WINDOW_ROUNDING = 0.01  # by which --window may differ from the seconds of the fit
MIN_FILLED = 0.1  # of the last window, which else is left out unless it is the only one


def matches(file: File) -> bool:
    """By its first bytes."""
    return is_sound(file.head)


def sounds_in(folder: Path) -> list[Path]:
    """The sounds of a folder at any depth, without hidden ones."""
    return [path for path in visible_files(folder) if path.suffix.lower() in SUFFIXES]


def read_sounds(paths: Sequence[Path], folder: Path, request: Request) -> TableStream:
    """One row per clip or window; ids are file names, labels come from sub-folders or a table beside the files."""
    where, notes = repr(str(folder)), list[str]()
    clips: list[Clip] = []
    faults: list[tuple[str, str]] = []
    for path, clip in zip(paths, in_parallel(clip_at, paths), strict=True):
        if isinstance(clip, UnreadableError):
            faults.append((name_of(path, folder), str(clip)))
        else:
            clips.append(clip)
    if not clips:
        settle_faults(faults, len(paths), "sound", where, request, notes)
    shape, windowed = _form_of(clips, request, where, notes)
    signal = shape.signal
    assert signal is not None
    require_columns(shape.n_numbers, where)
    counts = [_n_windows(clip, signal) if windowed else 1 for clip in clips]
    cache = RowCache(sum(counts), shape.n_numbers, np.dtype(np.float32), request.held_bytes, request.scratch)
    ids: list[str] = []
    kept: list[str] = []
    broken: set[str] = set()
    pieces = [
        (clip, start, min(TOGETHER, count - start))
        for clip, count in zip(clips, counts, strict=True)
        for start in range(0, count, TOGETHER)
    ]
    for (clip, start, count), rows in zip(
        pieces, in_parallel(lambda piece: _rows_of(*piece, signal), pieces), strict=True
    ):
        name = name_of(clip.path, folder)
        if isinstance(rows, UnreadableError):
            if name not in broken:
                faults.append((name, str(rows)))
            broken.add(name)
            continue
        cache.append(rows)
        ids += [f"{name}[{start + place}]" for place in range(count)] if windowed else [name]
        kept += [name] * count
    settle_faults(sorted(faults), len(paths), "sound", where, request, notes)
    known = labels_of(kept, "sounds", folder, request, notes)
    return rows_stream(
        cache,
        tuple(f"x{place}" for place in range(shape.n_numbers)),
        shape,
        name=folder.resolve().name if folder.is_dir() else folder.stem,
        ids=np.array(ids, np.str_),
        id_name="window" if windowed else "file",
        labels=known.labels,
        label_name=known.name,
        official_test=known.test,
        notes=notes,
        held_bytes=request.held_bytes,
    )


def _form_of(clips: Sequence[Clip], request: Request, where: str, notes: list[str]) -> tuple[RowShape, bool]:
    """The shape of a row, and whether files are cut into windows; as at fit, if there was one."""
    rates = Counter(clip.rate for clip in clips)
    seconds = np.array([clip.seconds for clip in clips])
    known = request.row_shape
    if known is not None and known.signal is None:
        raise DataError(f"{where}: holds sounds, but the model was fitted on {known}; name data of that kind.")
    if known is not None and known.signal is not None:
        shape, signal = known, known.signal
        _require_form(signal, request, where)
        windowed = request.window is not None or float(np.median(seconds)) > max(LONG, MAX_RATIO * signal.seconds)
    else:
        ((rate, _),) = rates.most_common(1)
        windowed = request.window is not None or float(np.median(seconds)) > LONG
        if windowed:
            length = round((request.window or DEFAULT_WINDOW) * rate)
        else:
            median, longest = float(np.median(seconds)), float(seconds.max())
            taken = longest if longest <= MAX_RATIO * median else float(np.quantile(seconds, COVERED))
            length = int(np.ceil(taken * rate - ROUNDING))
        if length < 1:
            raise DataError(f"{where}: --window {request.window} is shorter than a sample; ask for more seconds.")
        signal = Signal(rate, length) if request.waveform else spectrogram_signal(rate, length)
        shape = spectrogram_shape(signal) if signal.is_spectrogram else RowShape((length,), ("time",), signal)
    found = f"{len(clips):,} sound{'s' * (len(clips) > 1)} of {seconds.sum():,.0f} s"
    if windowed:
        notes.append(f"{found}, cut into windows of {signal.seconds:.3g} s (--window asks for others)")
        rests = sum(clip.n_frames - _n_windows(clip, signal) * _span(clip, signal) > 0 for clip in clips)
        if rests:
            notes[-1] += f"; the ends of {rests:,} files, less than a tenth of a window, are left out"
    else:
        short, cut = (
            int((seconds < signal.seconds - 0.5 / signal.rate).sum()),
            int((seconds > signal.seconds + 0.5 / signal.rate).sum()),
        )
        notes.append(
            f"{found}, one row each, of {signal.seconds:.3g} s: {short:,} padded with silence and {cut:,} cut "
            "(--window cuts into windows)"
        )
    others = {rate: count for rate, count in rates.items() if rate != signal.rate}
    if others:
        listed = ", ".join(f"{count:,} of {rate:,} Hz" for rate, count in sorted(others.items())[:4])
        notes.append(f"resampled to {signal.rate:,} Hz: {listed}")
    mixed = sum(clip.n_channels > 1 for clip in clips)
    if mixed:
        notes.append(f"{mixed:,} of several channels, mixed down to one")
    if signal.is_spectrogram:
        notes.append(
            f"read as log-magnitudes of {shape.sizes[0]} frequencies by {shape.sizes[1]} frames "
            "(--waveform reads samples)"
        )
    return shape, windowed


def _require_form(signal: Signal, request: Request, where: str) -> None:
    """Refuse flags that ask for another form than that of the fit."""
    faults = []
    if request.waveform and signal.is_spectrogram:
        faults.append("--waveform, but the model takes log-magnitudes by frequency and time; leave it out")
    if request.window is not None and abs(request.window - signal.seconds) > WINDOW_ROUNDING * signal.seconds:
        faults.append(f"--window {request.window:g}, but the model takes {signal.seconds:.3g} s; ask for that")
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}.")


def _span(clip: Clip, signal: Signal) -> int:
    """Frames of the file that make one row."""
    return signal.length if clip.rate == signal.rate else -(-signal.length * clip.rate // signal.rate)


def _n_windows(clip: Clip, signal: Signal) -> int:
    whole, rest = divmod(clip.n_frames, _span(clip, signal))
    return whole + (rest >= MIN_FILLED * _span(clip, signal) or not whole)


def _rows_of(clip: Clip, start: int, count: int, signal: Signal) -> np.ndarray | UnreadableError:
    """Rows ``begin`` to ``begin + count`` of a clip, shape (count, numbers)."""
    span = _span(clip, signal)
    clips = np.zeros((count, signal.length), np.float32)
    try:
        for row in range(count):
            samples = samples_of(clip, (start + row) * span, span)
            if clip.rate != signal.rate:
                from scipy.signal import resample_poly  # takes a tenth of a second to import, only needed here

                ratio = Fraction(signal.rate, clip.rate)
                samples = resample_poly(samples, ratio.numerator, ratio.denominator).astype(np.float32)
            clips[row, : len(samples)] = samples[: signal.length]
    except UnreadableError as fault:
        return fault
    return log_magnitudes(clips, signal) if signal.is_spectrogram else clips
