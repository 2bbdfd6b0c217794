"""DataFrames and other containers of rows: results come back in the form of the input."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
import xarray as xr
from PIL import Image
from polars.testing import assert_frame_equal
from pyarrow import parquet

from isthmus.storage.record import from_plain, to_plain
from isthmus.tables import DataError, read
from isthmus.tables.array_forms import array_and_shape, like_array
from isthmus.tables.column import Column
from isthmus.tables.frames import FrameForm, arrow_of, filled_frame, form_of, is_frame, names_of
from isthmus.tables.input_rows import input_rows
from isthmus.tables.layout import TableLayout, layout_of
from isthmus.tables.output_rows import filled_like, rows_like
from isthmus.tables.text_dates import DateForm

N = 40
RNG = np.random.default_rng(0)
STAMPS = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 10**6, N), unit="s")
WORDS = RNG.choice(["a", "b", "c"], N)
HOLES = RNG.random(N) < 0.2


def nullable(cells, dtype):
    return pd.array([None if hole else cell for cell, hole in zip(cells, HOLES, strict=True)], dtype=dtype)


PANDAS = {
    "int8": RNG.integers(-128, 128, N).astype("int8"),
    "uint64": RNG.integers(0, 2**40, N).astype("uint64"),
    "float32": RNG.normal(size=N).astype("float32"),
    "Int64": nullable(RNG.integers(0, 9, N), "Int64"),
    "Float32": nullable(RNG.normal(size=N), "Float32"),
    "bool": RNG.random(N) < 0.5,
    "boolean": nullable(RNG.random(N) < 0.5, "boolean"),
    "object booleans": np.array([True, False] * (N // 2), dtype=object),
    "objects that are numbers": np.array([1, 2.5] * (N // 2), dtype=object),
    "str": pd.Series(WORDS).array,
    "object words": np.array(WORDS.tolist(), dtype=object),
    "string": nullable(WORDS, "string"),
    "category": pd.Categorical(WORDS, categories=["c", "a", "b", "unused"], ordered=True),
    "category of numbers": pd.Categorical(RNG.choice([3, 1, 2], N), categories=[3, 1, 2]),
    "datetime64[ns]": STAMPS.astype("datetime64[ns]"),
    "datetime64[us]": STAMPS.astype("datetime64[us]"),
    "zone": STAMPS.tz_localize("Europe/Berlin", ambiguous=True),
    "timedelta": pd.to_timedelta(RNG.integers(0, 10**6, N), unit="s"),
    "period": pd.period_range("2020-01", periods=N, freq="M"),
    "python dates": np.array([datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in range(N)], dtype=object),
    "pyarrow int": pd.array(RNG.integers(0, 9, N), dtype="int32[pyarrow]"),
    "pyarrow words": pd.array(WORDS, dtype="string[pyarrow]"),
    "sparse": pd.arrays.SparseArray(RNG.integers(0, 3, N).astype(float)),
    "yes and no": np.where(RNG.random(N) < 0.5, "yes", "no"),
    "numbers as words": pd.Series([f"{k}" for k in RNG.integers(0, 99, N)]).array,
}


def through(frame, index=None):
    arrow = arrow_of(frame)
    layout = layout_of(arrow)
    assert from_plain(TableLayout, json.loads(json.dumps(to_plain(layout)))) == layout
    form = form_of(frame)
    assert from_plain(FrameForm, json.loads(json.dumps(to_plain(form)))) == form
    return form.frame(layout.decode(layout.encode(arrow)), layout, index)


@pytest.mark.parametrize("dtype", PANDAS)
def test_every_dtype_of_pandas_round_trips(dtype):
    frame = pd.DataFrame({"first": RNG.normal(size=N), "own": PANDAS[dtype]}, index=np.arange(N) + 1000)
    back = through(frame, frame.index)
    if dtype == "sparse":
        assert back["own"].tolist() == frame["own"].tolist()
        return
    pd.testing.assert_frame_equal(back, frame, check_exact=False, check_freq=False)


POLARS = {
    "Int8": pl.Series(RNG.integers(-128, 128, N), dtype=pl.Int8),
    "UInt64": pl.Series(RNG.integers(0, 2**40, N), dtype=pl.UInt64),
    "Float32": pl.Series(RNG.normal(size=N), dtype=pl.Float32),
    "Boolean": pl.Series(RNG.random(N) < 0.5),
    "String": pl.Series(WORDS.tolist()),
    "Categorical": pl.Series(WORDS.tolist(), dtype=pl.Categorical),
    "Enum": pl.Series(WORDS.tolist(), dtype=pl.Enum(["c", "a", "b", "unused"])),
    "Date": pl.Series(RNG.integers(0, 20000, N), dtype=pl.Int32).cast(pl.Date),
    "Datetime": pl.Series(STAMPS.to_numpy().astype("datetime64[us]")),
    "Datetime ms": pl.Series(STAMPS.to_numpy().astype("datetime64[us]")).cast(pl.Datetime("ms")),
    "zone": pl.Series(STAMPS.to_numpy().astype("datetime64[us]")).cast(pl.Datetime("us", "Europe/Berlin")),
    "Duration": pl.Series(RNG.integers(0, 10**9, N)).cast(pl.Duration("us")),
    "Time": pl.Series([datetime.time(int(k) % 24, int(k)) for k in range(N)]),
}


@pytest.mark.parametrize("dtype", POLARS)
@pytest.mark.parametrize("lazy", [False, True])
def test_every_dtype_of_polars_round_trips(dtype, lazy):
    frame = pl.DataFrame({"first": RNG.normal(size=N), "own": POLARS[dtype]})
    back = through(frame.lazy() if lazy else frame)
    assert isinstance(back, pl.LazyFrame) == lazy
    assert_frame_equal(back.collect() if lazy else back, frame)


ARROW = {
    "int32": pa.array(RNG.integers(0, 9, N), pa.int32()),
    "dictionary": pa.array(WORDS.tolist()).dictionary_encode(),
    "large_string": pa.array(WORDS.tolist(), pa.large_string()),
    "string_view": pa.array(WORDS.tolist(), pa.string_view()),
    "date32": pa.array(RNG.integers(0, 20000, N).astype(np.int32), pa.date32()),
    "timestamp": pa.array(STAMPS.to_numpy().astype("datetime64[ms]")),
    "time32": pa.array(RNG.integers(0, 86400, N).astype(np.int32), pa.time32("s")),
    "duration": pa.array(RNG.integers(0, 10**6, N), pa.duration("ms")),
    "bool": pa.array(RNG.random(N) < 0.5),
}


@pytest.mark.parametrize("dtype", ARROW)
def test_every_type_of_arrow_is_learned_from(dtype):
    table = pa.table({"first": RNG.normal(size=N), "own": ARROW[dtype]})
    back = through(table)
    assert back["own"].to_pylist() == table["own"].to_pylist()


def test_missing_cells_are_nan_and_filled_in_their_own_types():
    columns = {name: PANDAS[name] for name in ("Int64", "boolean", "string", "zone", "category", "numbers as words")}
    frame = pd.DataFrame({name: pd.Series(cells).mask(HOLES) for name, cells in columns.items()}, copy=True)
    frame["Int64"], frame["boolean"] = columns["Int64"], columns["boolean"]
    frame["outside"] = [object() for _ in range(N)]
    learned = frame.drop(columns="outside")
    layout = layout_of(arrow_of(learned))
    encoded = layout.encode(arrow_of(learned))
    begins = [begin for begin, _ in layout.spans()]
    np.testing.assert_array_equal(np.isnan(encoded[:, begins]), np.repeat(HOLES[:, None], 6, 1))
    expected = np.where(np.isnan(encoded), 1.0, encoded)
    filled = filled_frame(learned, layout.decode(expected), layout)
    assert filled.dtypes.equals(learned.dtypes)
    assert not filled.isna().any().any()
    for name in learned:
        assert (filled[name][~HOLES] == learned[name][~HOLES]).all()
    for make in (pl.from_pandas, pa.Table.from_pandas):
        other = make(learned.drop(columns=["category"]))
        own = layout_of(arrow_of(other))
        rows = own.encode(arrow_of(other))
        done = filled_frame(other, own.decode(np.where(np.isnan(rows), 1.0, rows)), own)
        assert (
            done.null_count().sum_horizontal()[0] if make is pl.from_pandas else sum(c.null_count for c in done.columns)
        ) == 0


def test_marks_among_words_that_are_numbers_are_missing_cells():
    frame = pd.DataFrame({"n": ["1", "2", "?", "4"] * 10})
    layout = layout_of(arrow_of(frame))
    assert layout.columns[0].kind == "number"
    encoded = layout.encode(arrow_of(frame))
    assert np.isnan(encoded[2::4]).all()
    filled = filled_frame(frame, layout.decode(np.full((40, 1), 7.0)), layout)
    assert filled["n"].tolist() == ["1", "2", "7", "4"] * 10


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([f"person {row}" for row in range(N)], "column own has 40 different texts in 40 rows"),
        ([[1, 2]] * N, "column own .*holds lists"),
        ([None] * N, "column own has no value at all"),
        ([object()] * N, "column own .object, object such as"),
        (np.array([1 + 2j] * N), "column own .complex128"),
    ],
)
def test_columns_that_cannot_be_learned_from_are_refused_by_name(column, words):
    with pytest.raises(DataError, match=words):
        layout_of(arrow_of(pd.DataFrame({"first": np.arange(N), "own": column})))


def test_all_refused_columns_are_in_one_message():
    frame = pd.DataFrame({"a": [f"p{k}" for k in range(N)], "b": np.arange(N), "c": [f"q{k}" for k in range(N)]})
    with pytest.raises(DataError, match=r"column a has .*; column c has"):
        layout_of(arrow_of(frame))


def test_names_of_several_levels_are_joined():
    frame = pd.DataFrame(
        RNG.normal(size=(N, 3)), columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "")])
    )
    assert names_of(frame) == ["a.x", "a.y", "b"]
    assert arrow_of(frame).column_names == ["a.x", "a.y", "b"]
    with pytest.raises(DataError, match="more than one column is named 'a'"):
        arrow_of(pd.DataFrame(np.eye(2), columns=["a", "a"]))


def test_all_unknown_columns_are_in_one_message():
    layout = layout_of(pa.table({"a": [1.0], "b": [2.0], "c": [3.0]}))
    with pytest.raises(DataError, match="X lacks 'b', 'c' and has 'd', 'e', unknown at fit"):
        layout.require(["a", "d", "e"])


def test_a_table_that_was_read_keeps_its_layout(tmp_path):
    frame = pd.DataFrame({"n": RNG.normal(size=N), "day": ["03/04/2020"] * 20 + ["25/04/2020"] * 20, "word": WORDS})
    frame.to_csv(tmp_path / "f.csv", index=False)
    table = read(tmp_path / "f.csv")
    assert [column.kind for column in table.layout.columns] == ["number", "date", "category"]
    assert input_rows(table).layout == table.layout
    assert input_rows(table.take(np.arange(4))).layout == table.layout  # the layout of all rows, for few rows too


# ---- arrays ------------------------------------------------------------------------------------------------

ROWS = RNG.normal(size=(12, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "held",
    [
        ROWS,
        torch.from_numpy(ROWS),
        torch.from_numpy(ROWS).requires_grad_(),
        torch.utils.data.TensorDataset(torch.from_numpy(ROWS), torch.zeros(12)),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(ROWS)), batch_size=5),
        xr.DataArray(ROWS, dims=("time", "y", "x")),
        list(ROWS[:, None]),
        [Image.fromarray(row) for row in ROWS],
        np.ma.MaskedArray(ROWS, np.zeros(ROWS.shape, bool)),
    ],
    ids=["array", "tensor", "with gradient", "dataset", "loader", "xarray", "list", "pictures", "masked"],
)
def test_every_container_of_rows_becomes_an_array(held):
    assert not is_frame(held)
    np.testing.assert_array_equal(array_and_shape(held)[0], ROWS.reshape(12, -1))


def test_masked_cells_are_missing():
    mask = RNG.random((12, 4)) < 0.3
    values = np.where(mask, 10**6, RNG.integers(0, 9, (12, 4)))
    found = array_and_shape(np.ma.MaskedArray(values, mask))[0]
    np.testing.assert_array_equal(np.isnan(found), mask)
    assert np.nanmax(found) < 9
    back = like_array(np.ma.MaskedArray(values, mask), np.where(mask, 3.2, values))
    assert isinstance(back, np.ma.MaskedArray)
    assert back.dtype == values.dtype
    assert (back[mask] == 3).all()


def test_a_dataset_of_several_variables_is_one_table():
    data = xr.Dataset({"a": ("row", np.arange(5.0)), "b": (("row", "x"), np.ones((5, 2)))})
    np.testing.assert_array_equal(array_and_shape(data)[0], np.column_stack([np.arange(5.0), np.ones((5, 2))]))


def test_results_have_the_form_of_the_input():
    values = ROWS.reshape(12, -1).astype(np.float64)
    tensor = like_array(torch.from_numpy(ROWS).to(torch.float16), values)
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float16, ROWS.shape)
    array = xr.DataArray(ROWS, dims=("time", "y", "x"), coords={"time": np.arange(12)})
    back = like_array(array, values)
    assert back.dims == array.dims
    assert back.coords["time"].equals(array.coords["time"])
    np.testing.assert_array_equal(like_array(ROWS, values), values.reshape(ROWS.shape))
    assert like_array(values, values) is values


def test_pictures_of_different_shapes_are_refused():
    with pytest.raises(DataError, match="a list of pictures of 2 shapes"):
        array_and_shape([np.zeros((2, 2, 3)), np.zeros((3, 3, 3))])[0]


def test_a_list_of_arrays_holds_pictures_unless_they_are_oblong():
    rows = input_rows(list(ROWS))
    assert (rows.values.shape, rows.image_shape) == ((12, 12), (3, 4))
    batches = [RNG.normal(size=(50, 3)), RNG.normal(size=(50, 3))]
    assert len(input_rows(batches).values) == 100
    assert len(input_rows([RNG.normal(size=(50, 3)), RNG.normal(size=(4, 3))]).values) == 54
    with pytest.raises(DataError, match="if they are pictures, resize them"):
        input_rows([RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3))])


def test_last_channels_are_moved_first_and_back():
    pictures = RNG.random((5, 4, 6, 3))
    rows = array_and_shape(pictures, (3, 4, 6))[0]
    np.testing.assert_array_equal(rows.reshape(5, 3, 4, 6), np.moveaxis(pictures, -1, 1))
    np.testing.assert_array_equal(like_array(pictures, rows, (3, 4, 6)), pictures)
    with pytest.raises(DataError, match="pictures of 4×6×3, but image_shape is 8×8"):
        array_and_shape(pictures, (8, 8))[0]


def test_names_that_are_not_strings_are_kept_in_a_reconstruction():
    frame = pd.DataFrame(RNG.normal(size=(9, 3)))
    for columns in (frame.columns, pd.MultiIndex.from_tuples([("a", "u"), ("a", "v"), ("b", "u")])):
        given = frame.set_axis(columns, axis=1)
        answer = rows_like(
            given, given.to_numpy()[:, [2, 0, 1]], None, None, names=np.array(names_of(given))[[2, 0, 1]]
        )
        pd.testing.assert_frame_equal(answer, given)


def test_sparse_columns_are_reconstructed_as_numbers():
    given = pd.DataFrame(np.eye(5)).astype(pd.SparseDtype(float, 0.0))
    assert set(map(str, rows_like(given, np.ones((5, 5)), None, None).dtypes)) == {"float64"}


def test_record_batches_and_dictionary_columns_round_trip():
    words = pa.array([None if hole else word for hole, word in zip(HOLES, WORDS, strict=True)]).dictionary_encode()
    batch = pa.RecordBatch.from_pydict({"x": pa.array(RNG.normal(size=N)), "word": words})
    layout = layout_of(arrow_of(batch))
    numbers = layout.encode(arrow_of(batch))
    full = np.where(np.isnan(numbers), 1.0, numbers)
    for answer in (rows_like(batch, full, layout, None), filled_like(batch, full, layout)):
        assert isinstance(answer, pa.RecordBatch)
        assert answer.schema.types == batch.schema.types
        assert answer.column(1).null_count == 0
    kept = ~HOLES
    assert np.array(filled_like(batch, full, layout).column(1).to_pylist())[kept].tolist() == WORDS[kept].tolist()


def test_a_structured_array_is_refused_with_what_to_pass():
    with pytest.raises(DataError, match=r"X is a structured array; pass pandas.DataFrame\(X\)"):
        input_rows(np.zeros(5, dtype=[("x", float), ("y", int)]))


@pytest.mark.parametrize("dtype", ["timestamp[us]", "timestamp[ns]", "timestamp[us, tz=UTC]", "date32[day]"])
def test_dates_beyond_the_calendar_are_clipped(dtype):
    form = DateForm("%Y-%m-%d") if dtype == "timestamp[us]" else None
    column = Column("day", "date", dtype, form=form)
    cells = column.decode(np.array([[-1e9], [0.0], [1e9]]))
    first, middle, last = cells.to_pylist()
    assert first.year in (1, 1677)
    assert middle.year == 1970
    assert last.year in (2262, 9999)
    assert len(column.written(cells)) == 3


def test_times_of_day_that_were_read_are_filled(tmp_path):
    times = [None if hole else datetime.time(place % 24, 5) for place, hole in enumerate(HOLES)]
    parquet.write_table(
        pa.table({"x": RNG.normal(size=N), "time": pa.array(times, pa.time64("us"))}), tmp_path / "t.parquet"
    )
    table = read(tmp_path / "t.parquet")
    numbers = table.layout.encode(table.cells)
    filled = filled_like(table, np.where(np.isnan(numbers), 0.5, numbers), table.layout)
    found = filled.to_arrow()["time"].to_pylist()
    assert [cell for cell, hole in zip(found, HOLES, strict=True) if hole] == [
        found[int(np.argmax(HOLES))]
    ] * HOLES.sum()
    assert None not in found
