"""Rows that stay on the disk give the model that rows in memory give."""

from __future__ import annotations

import hashlib
from itertools import chain

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

from conftest import curved_table
from isthmus import Autoencoder, VariationalAutoencoder, open_table
from isthmus.distributed import ALONE, ProcessGroup
from isthmus.rows.rows import DenseRows
from isthmus.rows.scaling import Scaling
from isthmus.rows.streamed import StreamedRows, survey
from isthmus.tables.batches import ArrayStream

SETTINGS = {"hidden_layer_sizes": (16,), "batch_size": 32, "max_iter": 4, "random_state": 0}
HELD = 4 * 6 * 70  # bytes of a third of the rows


def numbered(n_rows: int = 203) -> np.ndarray:
    """Rows that tell their own place."""
    return np.arange(n_rows * 3, dtype=np.float32).reshape(n_rows, 3)


def unscaled(n_columns: int) -> Scaling:
    return Scaling(np.zeros(n_columns), np.ones(n_columns), 1.0)


def streamed_rows(group: ProcessGroup = ALONE) -> StreamedRows:
    stream = ArrayStream(numbered(), segment_rows=20)
    stream.held_bytes = 4 * 3 * 100
    return StreamedRows(stream, unscaled(3), group)


def places(batches) -> list[list[int]]:
    return [(batch.x[:, 0] / 3).long().tolist() for batch in batches]


def weights(model) -> str:
    parts = [part.numpy().tobytes() for part in model.model_.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


# ---- the same model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_a_stream_that_fits_is_the_array(kind):
    X = curved_table(200).astype(np.float32)
    stream = ArrayStream(X, segment_rows=30)
    assert stream.fits_in_memory
    assert weights(kind(2, **SETTINGS).fit(stream)) == weights(kind(2, **SETTINGS).fit(X))


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_the_format_of_the_file_makes_no_difference(kind, tmp_path):
    X = curved_table(200).astype(np.float32)
    columns = {f"x{place}": X[:, place] for place in range(X.shape[1])}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet", row_group_size=30)
    fitted = []
    for stream in (ArrayStream(X, segment_rows=30), open_table(tmp_path / "rows.parquet")):
        assert stream.segments == (30,) * 6 + (20,)
        stream.held_bytes = HELD
        assert not stream.fits_in_memory
        fitted.append(kind(2, **SETTINGS).fit(stream))
    assert weights(fitted[0]) == weights(fitted[1])


def test_a_stream_learns_as_much_as_the_array():
    X = curved_table(400).astype(np.float32)
    stream = ArrayStream(X, segment_rows=30)
    stream.held_bytes = HELD
    settings = SETTINGS | {"max_iter": 30}
    errors = [np.square(Autoencoder(2, **settings).fit(source).reconstruct(X) - X).mean() for source in (stream, X)]
    assert errors[0] == pytest.approx(errors[1], rel=0.25)


def test_codes_of_a_stream_are_those_of_the_array():
    X = curved_table(200).astype(np.float32)
    model = Autoencoder(2, **SETTINGS).fit(X)
    stream = ArrayStream(X, segment_rows=30)
    stream.held_bytes = HELD
    np.testing.assert_allclose(model.transform(stream), model.transform(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_named(bad):
    X = curved_table(200).astype(np.float32)
    X[137, 4] = bad
    stream = ArrayStream(X, segment_rows=30)
    stream.held_bytes = HELD
    with pytest.raises(ValueError, match=r"137.*x4|x4.*137"):
        Autoencoder(2, **SETTINGS).fit(stream)


@pytest.mark.parametrize("missing", [False, True])
def test_a_change_of_any_row_is_known(missing):
    def known(X: np.ndarray) -> tuple[str, np.ndarray]:
        stream = ArrayStream(X, segment_rows=1000)
        found = survey(stream, "this test", 0, None, ALONE, missing=missing)
        return StreamedRows(stream, unscaled(3), surveyed=found).digest(), found.positions

    X = numbered(9000)
    digest, places = known(X)
    assert known(X.copy())[0] == digest
    for row in np.setdiff1d(np.arange(len(X)), places)[[0, 700, -1]]:  # those that were not picked
        changed = X.copy()
        changed[row, 1] += 1
        assert known(changed)[0] != digest


# ---- the order of an epoch -----------------------------------------------------------------------------


def test_an_epoch_visits_every_row_once_and_no_two_are_alike():
    rows = streamed_rows()
    epochs = [list(chain.from_iterable(places(rows.epoch(7, number, 16)))) for number in (1, 2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(203))
    assert epochs[0] != epochs[1]
    assert epochs[0] == list(chain.from_iterable(places(streamed_rows().epoch(7, 1, 16))))
    assert epochs[0] != list(chain.from_iterable(places(rows.epoch(8, 1, 16))))


@pytest.mark.parametrize("first", [0, 1, 5, 6, 12, 13])
def test_an_epoch_can_be_gone_on_with_at_any_batch(first):
    rows = streamed_rows()
    assert places(rows.epoch(7, 1, 16, first=first)) == places(rows.epoch(7, 1, 16))[first:]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_several_processes_have_the_batches_of_one(count):
    alone = places(streamed_rows().epoch(7, 1, 16))
    whole_group = [ProcessGroup(rank, count, 12) for rank in range(count)]
    each = [list(streamed_rows(who).epoch(7, 1, 16, group=who)) for who in whole_group]
    for whole, parts in zip(alone, zip(*each, strict=True), strict=True):
        found = torch.full((len(whole),), -1)
        for part in parts:
            assert part.share is not None
            assert part.n_rows == len(whole)
            assert (found[part.share.positions] == -1).all()
            found[part.share.positions] = (part.x[:, 0] / 3).long()
        assert found.tolist() == whole


@pytest.mark.parametrize("n_rows", [4, 5, 6, 7, 8])
def test_a_last_batch_of_fewer_rows_than_processes_is_shared_out_too(n_rows):
    group = [ProcessGroup(rank, 4, 4) for rank in range(4)]
    each = [list(DenseRows(torch.from_numpy(numbered(n_rows))).epoch(7, 1, 4, group=who)) for who in group]
    assert {len(parts) for parts in each} == {-(-n_rows // 4)}
    found = sorted(chain.from_iterable(chain.from_iterable(places(parts) for parts in each)))
    assert found == list(range(n_rows))
