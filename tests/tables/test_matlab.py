"""MATLAB files: the same arrays as in SciPy, and one sentence for damaged bytes."""

import io
import random

import numpy as np
import pytest
import scipy.sparse
from scipy.io import loadmat, savemat

from isthmus.tables import DataError, read
from isthmus.tables.formats import matlab_level4
from isthmus.tables.formats.matlab_elements import arrays_of

RNG = np.random.default_rng(0)
ARRAYS = {
    "double": RNG.normal(size=(7, 3)),
    "single": RNG.normal(size=(5, 4)).astype(np.float32),
    "byte": RNG.integers(0, 256, (4, 6), dtype=np.uint8),
    "long": RNG.integers(-(2**60), 2**60, (3, 3)),
    "pictures": RNG.integers(0, 256, (8, 8, 3, 20), dtype=np.uint8),
    "complex": RNG.normal(size=(2, 3)) + 1j,
    "logical": RNG.random((3, 3)) < 0.5,
    "words": np.array(["ab", "wörter", "c"]),
    "sparse": scipy.sparse.random(9, 5, 0.3, format="csc", random_state=0),
    "nothing": np.zeros((0, 3)),
}


def saved(arrays, **asked):
    file = io.BytesIO()
    savemat(file, arrays, **asked)
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_equals_that_of_scipy(name, packed):
    data = saved({name: ARRAYS[name]}, do_compression=packed)
    theirs = loadmat(io.BytesIO(data))[name]
    theirs = theirs.toarray() if scipy.sparse.issparse(theirs) else theirs
    ours = arrays_of(data, "it")[name]
    if name == "words":
        assert [word.rstrip() for word in theirs] == ours.tolist()
    else:
        assert ours.dtype == (np.bool_ if name == "logical" else theirs.dtype)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["double", "single", "byte", "complex", "words", "sparse"])
def test_every_array_of_level_4_equals_that_of_scipy(name):
    data = saved({"first": np.ones((2, 2)), name: ARRAYS[name]}, format="4")
    theirs = loadmat(io.BytesIO(data))[name]
    theirs = theirs.toarray() if scipy.sparse.issparse(theirs) else theirs
    ours = matlab_level4.arrays_of(data, "it")[name]
    if name == "words":
        assert [word.rstrip() for word in theirs] == ours.tolist()
    else:
        np.testing.assert_array_equal(ours, theirs)


def test_a_file_of_level_4_is_a_table_or_if_damaged_refused(tmp_path):
    whole, path = saved({"X": ARRAYS["double"]}, format="4"), tmp_path / "x.mat"
    path.write_bytes(whole)
    np.testing.assert_array_equal(read(path).values, ARRAYS["double"])
    generator, refused = random.Random(0), 0
    whole = saved({name: ARRAYS[name] for name in ("double", "words", "sparse")}, format="4")
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(30, len(data))] = generator.choice([0, 1, 5, 127, 128, 255])
        path.write_bytes(data[: generator.choice([len(data), generator.randrange(28, len(data))])])
        try:
            read(path)
        except DataError as error:
            refused += "\n" not in str(error)
    assert refused > 50


def test_fields_of_a_struct_and_cells_of_words_are_found(tmp_path):
    words = np.array(["a", "b", "c"] * 4, dtype=object)[:, None]
    savemat(tmp_path / "s.mat", {"d": {"X": ARRAYS["double"].repeat(2, 0)[:12], "labels": words}})
    table = read(tmp_path / "s.mat")
    np.testing.assert_allclose(table.values, ARRAYS["double"].repeat(2, 0)[:12])
    assert table.labels.tolist() == words[:, 0].tolist()


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_bytes_are_refused_or_read_and_never_crash(tmp_path, packed):
    whole = saved({name: ARRAYS[name] for name in ("double", "words", "sparse")}, do_compression=packed)
    generator, refused = random.Random(0), 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(128, len(data))] = generator.choice([0, 1, 5, 127, 128, 255])
        (tmp_path / "x.mat").write_bytes(data[: generator.choice([len(data), generator.randrange(128, len(data))])])
        try:
            read(tmp_path / "x.mat")
        except DataError as error:
            refused += "\n" not in str(error)
    assert refused > 100


def test_a_sparse_matrix_with_an_index_outside_is_refused():
    data = saved({"S": scipy.sparse.csc_array((np.ones(3), [2, 1, 0], [0, 1, 2, 3]), shape=(3, 3))})
    rows = np.array([2, 1, 0], "<i4").tobytes()
    assert data.count(rows) == 1
    with pytest.raises(ValueError, match="entries outside it"):
        arrays_of(data.replace(rows, np.array([3, 1, 0], "<i4").tobytes()), "it")
