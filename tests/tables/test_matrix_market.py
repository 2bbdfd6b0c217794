"""Matrix Market: all forms that SciPy writes, and damaged ones, for which SciPy's reader ends the process."""

import numpy as np
import pytest
from scipy import sparse
from scipy.io import mmwrite

from isthmus import read
from isthmus.tables import DataError

SQUARE = np.random.default_rng(0).normal(size=(9, 9))
FORMS = {
    "sparse": sparse.random(12, 7, 0.3, random_state=1),
    "whole": sparse.coo_matrix(np.random.default_rng(1).integers(0, 5, (9, 6))),
    "array": SQUARE[:, :4],
    "symmetric": sparse.coo_matrix(SQUARE + SQUARE.T),
    "skew-symmetric": sparse.coo_matrix(SQUARE - SQUARE.T),
    "array, symmetric": SQUARE + SQUARE.T,
    "array, skew-symmetric": SQUARE - SQUARE.T,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_format(tmp_path, form):
    matrix = FORMS[form]
    mmwrite(tmp_path / "m.mtx", matrix, comment="made by hand\n% twice")
    np.testing.assert_allclose(read(tmp_path / "m.mtx").values, sparse.coo_matrix(matrix).toarray(), rtol=1e-12)


def test_a_pattern_matrix_holds_ones(tmp_path):
    mmwrite(tmp_path / "m.mtx", FORMS["sparse"], field="pattern")
    np.testing.assert_array_equal(read(tmp_path / "m.mtx").values, FORMS["sparse"].toarray() != 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("matrix coordinate real general\n3 2 2\n0 1 0.5\n3 2 1\n", "outside the matrix"),
        ("matrix coordinate real general\n3 2 2\n1 1 0.5\n9999999 2 1\n", "outside the matrix"),
        ("matrix coordinate real general\n3 2 2\n1.5 1 0.5\n3 2 1\n", "outside the matrix"),
        ("matrix coordinate real general\n3 2 2\nnan 1 0.5\n3 2 1\n", "outside the matrix"),
        ("matrix coordinate real general\n3 2 2\n1e300 1 0.5\n3 2 1\n", "outside the matrix"),
        ("matrix coordinate real general\n3 2 2\n1 1 x\n3 2 1\n", "not readable as Matrix Market"),
        ("matrix coordinate real general\n3 2 5\n1 1 2\n", "1 entries, not 5"),
        ("matrix array real general\n3 2\n1 1 2\n", "3 entries, not 6"),
        ("matrix array real symmetric\n3 2\n1 1 2\n", "of 3 rows and 2 columns"),
        ("matrix coordinate complex general\n1 1 1\n1 1 1 2\n", "complex"),
        ("vector real\n3\n", "first line"),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, said):
    (tmp_path / "m.mtx").write_text(f"%%MatrixMarket {text}")
    with pytest.raises(DataError, match=said):
        read(tmp_path / "m.mtx")
