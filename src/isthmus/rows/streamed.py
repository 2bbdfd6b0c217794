"""Out-of-core rows: training on rows that remain on disk.

An epoch reads the stream's segments in a random order: several at a time, one piece of each in turn. Pieces are
collected in a window as large as memory allows. The rows of a window are shuffled, and batches are taken from one
window while the next is being read. The order depends on (seed, epoch) only, so a position in it is determined by these
and the number of batches done.

In distributed training all processes follow the same order. Each reads its own segments and holds their rows; a batch
consists of the same rows for any number of processes, and each process contributes those it has.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isthmus.distributed import ALONE, ProcessGroup
from isthmus.parts.draws import Share
from isthmus.parts.draws import generator as own_generator
from isthmus.rows.rows import BATCH_CELLS, Batch, DenseRows, Rows, seeded_generator
from isthmus.rows.scaling import ColumnStatistics, ColumnSums, Scaling, merged_statistics
from isthmus.rows.validation import MAX_VALIDATION_ROWS, validation_count
from isthmus.tables.ahead import one_ahead
from isthmus.tables.finite import require_finite
from isthmus.tables.input_rows import Widths
from isthmus.tables.stream import TableStream

__all__ = ["StreamedRows", "Survey", "survey"]

PIECE_CELLS = 1 << 19
MAX_HELD_OUT_CELLS = 1 << 24  # of the validation rows
PICKED = 30_011  # a seed different from those of epochs, which count from 0

Piece = tuple[int, int, int, int]  # segment, begin, end, slot


@dataclass(frozen=True)
class Survey:
    """The results of one pass over a stream: each column's statistics, and a sample of rows for evaluation.

    ``picked`` holds the sampled rows in the user's units, float64, and ``positions`` their ascending positions in the
    stream. Any changed row changes ``checksum``; ``gaps`` says whether a cell is missing.
    """

    columns: ColumnStatistics | None
    picked: np.ndarray
    positions: np.ndarray
    dtype: np.dtype
    checksum: int
    gaps: bool = False


def held_out_count(stream: TableStream, fraction: float | None) -> int:
    """The number of validation rows, limited by memory."""
    most = max(1, MAX_HELD_OUT_CELLS // stream.width)
    return min(validation_count(len(stream), fraction), most)


def survey(
    stream: TableStream,
    who: str,
    seed: int,
    fraction: float | None,
    group: ProcessGroup,
    *,
    missing: bool | None,
    weighted: bool = False,
) -> Survey:
    """One pass over a stream, distributed over processes; refuses cells that are not finite.

    If ``missing`` is True a NaN is a missing cell; None detects whether there are any. The statistics of rows with
    missing cells are left to `observed_statistics`.
    """
    n_rows = len(stream)
    wanted = min(held_out_count(stream, fraction) + 2 * MAX_VALIDATION_ROWS, n_rows)
    positions = np.sort(np.random.default_rng([seed, PICKED]).choice(n_rows, wanted, replace=False, shuffle=False))
    picked = np.zeros((wanted, stream.width))
    dtype = np.dtype(np.float32)
    checksum = torch.zeros(1, dtype=torch.int64)  # a sum, so it does not depend on which process reads which piece

    gaps = torch.zeros(1, dtype=torch.int64)
    slots = [ColumnSums(stream.width, weighted=weighted) for _ in range(group.slots)]
    for first, piece, slot in _own_pieces(stream, group):
        values = stream.values(*piece)
        dtype = np.result_type(dtype, values.dtype)
        require_finite(values, list(stream.encoded_names), who, missing=missing is not False, first=first)
        gaps[0] |= bool(np.isnan(values).any())
        low, high = np.searchsorted(positions, [first, first + len(values)])
        picked[low:high] = values[positions[low:high] - first]
        checksum.add_(zlib.crc32(np.ascontiguousarray(values).data, first % 2**32))
        if not missing and not gaps:
            slots[slot].add(values)
    found_gaps = bool(group.all_reduce_(gaps))
    columns = None
    if not (missing or found_gaps):
        columns = merged_statistics(_over_processes([sums.statistics() for sums in slots], group))
    group.all_reduce_(torch.from_numpy(picked))
    return Survey(columns, picked, positions, dtype, int(group.all_reduce_(checksum)), found_gaps)


class StreamedRows(Rows):
    """A stream's rows in the model's units; a ``sample`` of them is in memory."""

    def __init__(
        self,
        stream: TableStream,
        scaling: Scaling,
        group: ProcessGroup = ALONE,
        *,
        sample: Rows | None = None,
        surveyed: Survey | None = None,
        widths: Widths | None = None,
        masked: bool = False,
    ):
        self.stream = stream
        self.scaling = scaling
        self.group = group
        self.sample = sample
        self.surveyed = surveyed
        self.widths = widths or Widths(stream.width)
        self.masked = masked

    random_access = False

    def __len__(self) -> int:
        return len(self.stream)

    def raw_batches(self, size: int | None = None) -> Iterator[Tensor]:
        size = size or self.batch_rows
        return (self._scaled(self.stream.values(*piece)) for piece in self.stream.pieces(size))

    @property
    def is_sharded(self) -> bool:  # pyrefly: ignore[bad-override]
        """In distributed training each process reads its own segments."""
        return self.group.is_distributed

    def own_records(self) -> Iterator[Batch]:
        """Yield this process's rows; together the processes yield all rows."""
        pieces = (piece for _, piece, _ in _own_pieces(self.stream, self.group))
        return (self.batch_of(self._scaled(self.stream.values(*piece))) for piece in pieces)

    def take(self, indices: Tensor) -> Tensor:
        order = np.argsort(indices.numpy(), kind="stable")
        rows = self._scaled(self.stream.take(indices.numpy()[order]).values)
        return rows[torch.from_numpy(np.argsort(order, kind="stable"))]

    def some(self, count: int) -> Rows:
        return super().some(count) if self.sample is None else self.sample.some(count)

    def split(self, n_held_out: int) -> tuple[Rows, Rows | None]:
        survey = self.surveyed
        if survey is None:
            raise RuntimeError("StreamedRows: only a stream that was surveyed can be split.")
        n_held_out = min(n_held_out, max(1, MAX_HELD_OUT_CELLS // self.widths.total), len(survey.positions))
        shuffled = torch.randperm(len(survey.positions), generator=own_generator())
        held_out, others = shuffled[:n_held_out].sort().values.numpy(), shuffled[n_held_out:].sort().values.numpy()
        picked = self._scaled(survey.picked)
        sample = DenseRows(picked[others], self.widths) if len(others) else None
        remainder = self.stream.without(survey.positions[held_out])
        training = StreamedRows(
            remainder, self.scaling, self.group, sample=sample, widths=self.widths, masked=self.masked
        )
        return training, DenseRows(picked[held_out], self.widths) if n_held_out else None

    def digest(self) -> str:
        digest = hashlib.sha256(f"{len(self)} {self.widths.total}".encode())
        if self.surveyed is not None:
            digest.update(np.ascontiguousarray(self.surveyed.picked).tobytes())
            digest.update(str(self.surveyed.checksum).encode())
        return digest.hexdigest()

    # ---- one epoch -------------------------------------------------------------------------------------

    def epoch(
        self, seed: int, number: int, size: int, *, first: int = 0, group: ProcessGroup = ALONE
    ) -> Iterator[Batch]:
        # Every process iterates over every window, including pieces that it doesn't read, so all form the same
        # batches. ``order`` lists a window's shuffled rows by their index in this process's memory, -1 for those of
        # other processes; ``parts`` collects the current batch, which may span windows.
        windows, begin = [], 0
        for index, window in enumerate(self._windows(seeded_generator(seed, number))):
            n_rows = sum(end - start for _, start, end, _ in window)
            if begin + n_rows > first * size:
                windows.append((window, seeded_generator(seed, number, index), max(0, first * size - begin)))
            begin += n_rows
        parts: list[tuple[Tensor, ...]] = []
        filled = 0
        for rows, slots, order in one_ahead(self._read(*window) for window in windows):
            at = 0
            while at < len(order):
                count = min(size - filled, len(order) - at)
                chosen = order[at : at + count]
                if group.slots == 1:
                    parts.append((rows.index_select(0, chosen),))
                else:
                    own = (chosen >= 0).nonzero()[:, 0]
                    chosen = chosen[own]
                    parts.append((rows.index_select(0, chosen), own + filled, slots[chosen]))
                filled, at = filled + count, at + count
                if filled == size:
                    yield self._batch(parts, filled)
                    parts, filled = [], 0
        if filled:
            yield self._batch(parts, filled)

    def _batch(self, parts: list[tuple[Tensor, ...]], n_rows: int) -> Batch:
        x, *shared = [tensors[0] if len(tensors) == 1 else torch.cat(tensors) for tensors in zip(*parts, strict=True)]
        return self.batch_of(x, Share(shared[0], n_rows), shared[1]) if shared else self.batch_of(x)

    def _windows(self, generator: torch.Generator) -> Iterator[list[Piece]]:
        """The pieces of an epoch in order, grouped in windows; two windows fit in memory."""
        most = max(1, self.stream.held_bytes // 2 // (4 * self.widths.total))
        window, held = [], 0
        for piece in self._pieces(generator):
            n_rows = piece[2] - piece[1]
            if window and held + n_rows > most:
                yield window
                window, held = [], 0
            window.append(piece)
            held += n_rows
        if window:
            yield window

    def _pieces(self, generator: torch.Generator) -> Iterator[Piece]:
        """The pieces of an epoch in order: several segments at a time, one piece of each in turn.

        Segments of a stream without random access are read one by one.
        """
        # ``open_at_once`` segments are open at a time, in a random order; when one is exhausted the next replaces it.
        # So a window mixes rows of many segments, although each is read in order. A piece's slot is the number of its
        # segment, so a process reads whole segments; with fewer segments than slots it is the number of the piece.
        sizes, n_segments = self.stream.segments, len(self.stream.segments)
        seekable = self.stream.seekable
        order = torch.randperm(n_segments, generator=generator).tolist() if seekable else range(n_segments)
        rows = max(1, min(PIECE_CELLS // self.widths.total, self.stream.held_bytes // (32 * self.widths.total)))
        by_segment = n_segments >= self.group.slots
        counter = itertools.count()

        def cut(index: int, segment: int) -> Iterator[Piece]:
            for begin in range(0, sizes[segment], rows):
                turn = index if by_segment else next(counter)
                yield segment, begin, min(begin + rows, sizes[segment]), turn % self.group.slots

        waiting = iter([cut(index, segment) for index, segment in enumerate(order)])
        opened = list(itertools.islice(waiting, self.stream.open_at_once if seekable else 1))
        while opened:
            still = []
            for pieces in opened:
                piece = next(pieces, None)
                while piece is None and (following := next(waiting, None)) is not None:
                    pieces, piece = following, next(following, None)
                if piece is not None:
                    still.append(pieces)
                    yield piece
            opened = still

    def _read(self, window: list[Piece], generator: torch.Generator, skipped: int) -> tuple[Tensor, Tensor, Tensor]:
        """A window's own rows, their slots, and its shuffled order as indices into them, -1 for rows of others."""
        own = [piece[3] in self.group.own_slots for piece in window]
        sizes = [end - begin for _, begin, end, _ in window]
        rows = torch.empty(sum(itertools.compress(sizes, own)), self.widths.total)
        slots = torch.empty(len(rows), dtype=torch.uint8)
        found = torch.full((sum(sizes),), -1)
        held = begin_in_window = 0
        for (segment, begin, end, slot), size, is_own in zip(window, sizes, own, strict=True):
            if is_own:
                scaled = self._scaled(self.stream.values(segment, begin, end))
                if not bool(torch.isfinite(scaled.sum())) and self._is_invalid(scaled):
                    raise ValueError(
                        f"{self.stream.name or 'the stream'}: has NaN or infinity that was not there before; "
                        "do not change the data during training."
                    )
                rows[held : held + size] = scaled
                slots[held : held + size] = slot
                found[begin_in_window : begin_in_window + size] = torch.arange(held, held + size)
                held += size
            begin_in_window += size
        return rows, slots, found[torch.randperm(len(found), generator=generator)[skipped:]]

    def _is_invalid(self, rows: Tensor) -> bool:
        return bool(rows.isinf().any()) or (not self.masked and bool(rows.isnan().any()))

    def _scaled(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(self.scaling.apply(values))


def _own_pieces(stream: TableStream, group: ProcessGroup) -> Iterator[tuple[int, tuple[int, int, int], int]]:
    """The pieces of this process in the order of the stream: each piece's first row, the piece, and its slot."""
    by_segment = len(stream.segments) >= group.slots
    first = 0
    for turn, (segment, begin, end) in enumerate(stream.pieces(max(1, BATCH_CELLS // stream.width))):
        slot = (segment if by_segment else turn) % group.slots
        if slot in group.own_slots:
            yield first, (segment, begin, end), slot
        first += end - begin


def _over_processes(slots: list[ColumnStatistics], group: ProcessGroup) -> list[ColumnStatistics]:
    """The statistics of every slot that has rows, from all processes, in order of slots."""
    own = np.stack([_stacked(slot) for slot in slots])
    found = group.all_reduce_(torch.from_numpy(own)).numpy()
    return [
        ColumnStatistics(*part[:4], whole=part[4] > 0, n_rows=int(part[5, 0]), weight=float(part[6, 0]))
        for part in found
        if part[5, 0] > 0
    ]


def _stacked(slot: ColumnStatistics) -> np.ndarray:
    figures = (slot.mean, slot.variance, slot.low, slot.high, slot.whole, slot.n_rows, slot.weight)
    return np.stack([np.broadcast_to(np.asarray(figure, dtype=np.float64), slot.mean.shape) for figure in figures])
