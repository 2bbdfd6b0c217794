"""Matrix Market: all forms that SciPy writes, and damaged ones, for which SciPy's reader ends the process."""

import gzip

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


CELLS, GENES = 30, 12
COUNTS = np.random.default_rng(3).poisson(1.0, (CELLS, GENES))


def ten_x(folder, files, counts=COUNTS, symbols=tuple(f"G{j}" for j in range(GENES))):
    """A folder as CellRanger writes it, with these files of it."""
    texts = {
        "barcodes": "".join(f"CELL{i}-1\n" for i in range(len(counts))),
        "genes": "".join(f"ENSG{j}\t{name}\n" for j, name in enumerate(symbols)),
        "features": "".join(f"ENSG{j}\t{name}\tGene Expression\n" for j, name in enumerate(symbols)),
    }
    for file in files:
        opened = gzip.open if file.endswith(".gz") else open
        with opened(folder / file, "wb") as out:
            if ".mtx" in file:
                mmwrite(out, sparse.coo_matrix(counts.T))
            else:
                out.write(texts[file.rpartition("_")[2].partition(".")[0]].encode())
    return folder


@pytest.mark.parametrize(
    "files",
    [
        ["matrix.mtx.gz"],
        ["matrix.mtx.gz", "features.tsv.gz"],
        ["matrix.mtx", "barcodes.tsv", "genes.tsv"],
        ["matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"],
        ["GSM1_matrix.mtx.gz", "GSM1_barcodes.tsv.gz", "GSM1_features.tsv.gz"],
    ],
)
def test_cells_of_10x_genomics_are_rows(tmp_path, files):
    table = read(ten_x(tmp_path, files))
    np.testing.assert_array_equal(table.values, COUNTS)
    assert any("genes × cells" in note for note in table.description.notes)
    named = any("features" in file or "genes" in file for file in files)
    assert table.columns[1] == ("G1" if named else "x1")
    assert (table.ids is not None) == any("barcodes" in file for file in files)


def test_as_many_cells_as_genes(tmp_path):
    square = COUNTS[:GENES]
    np.testing.assert_array_equal(
        read(ten_x(tmp_path, ["matrix.mtx", "barcodes.tsv", "genes.tsv"], square)).values, square
    )


def test_genes_that_share_a_symbol_have_their_ids(tmp_path):
    symbols = ["TBCE", *(f"G{j}" for j in range(1, GENES - 1)), "TBCE"]
    table = read(ten_x(tmp_path, ["matrix.mtx", "barcodes.tsv", "genes.tsv"], symbols=symbols))
    assert (table.columns[0], table.columns[1], table.columns[-1]) == ("ENSG0", "G1", "ENSG11")


def test_names_of_another_matrix_are_refused(tmp_path):
    ten_x(tmp_path, ["matrix.mtx", "genes.tsv"], COUNTS[:, :9])
    ten_x(tmp_path, ["barcodes.tsv"], COUNTS[:20])
    with pytest.raises(DataError, match=r"9 × 30, but .* name 12 genes and 20 cells"):
        read(tmp_path)


def test_several_matrices_in_a_folder_are_refused(tmp_path):
    ten_x(tmp_path, ["A_matrix.mtx", "B_matrix.mtx"])
    with pytest.raises(DataError, match="a folder of several matrices"):
        read(tmp_path)
