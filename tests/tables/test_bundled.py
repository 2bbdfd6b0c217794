"""The bundled data sets equal those of scikit-learn and Debian, and are split as scikit-learn splits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split

from isthmus.tables import BUNDLED, DataError, Table, bundled, load_bundled, read, split_rows, split_table

FROM_SKLEARN = ["iris", "wine", "breast_cancer", "diabetes", "linnerud"]
needs_fashion = pytest.mark.skipif(not bundled.FASHION_FOLDER.is_dir(), reason="dataset-fashion-mnist is absent")


def check_digits(table: Table) -> None:
    bunch = datasets.load_digits()
    np.testing.assert_array_equal(table.values, bunch.data / 16)
    np.testing.assert_array_equal(table.labels, bunch.target)
    assert table.columns == tuple(bunch.feature_names)
    assert table.image_shape == (8, 8)


def test_digits():
    check_digits(load_bundled("digits"))


def test_a_folder_of_the_same_name_is_pointed_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not read("iris").description.notes
    (tmp_path / "iris").mkdir()
    assert read("iris").description.notes == (
        "this is the bundled data set; ./iris is the file or folder of that name",
    )


def test_digits_where_scikit_learn_has_moved_its_file(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda _: None)
    check_digits(load_bundled("digits"))


def test_digits_import_no_scikit_learn():
    code = "import sys, isthmus.tables as data; data.read('digits'); print({'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_importing_tables_is_light():
    heavy = {"sklearn", "torch", "pyarrow", "PIL", "pandas"}
    code = f"import sys, isthmus.tables; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", FROM_SKLEARN)
def test_sets_of_scikit_learn(name):
    table = load_bundled(name)
    bunch = getattr(datasets, f"load_{name}")()
    np.testing.assert_array_equal(table.values, bunch.data)
    assert table.columns == tuple(bunch.feature_names)
    if name in ("iris", "wine", "breast_cancer"):
        np.testing.assert_array_equal(table.labels, bunch.target_names[bunch.target])
    else:
        assert table.labels is None


def test_every_name_is_described_and_readable():
    assert set(BUNDLED) == {"digits", "fashion-mnist", *FROM_SKLEARN}
    for name in set(BUNDLED) - {"fashion-mnist"}:
        assert f"{len(read(name)):,}" in BUNDLED[name]


def test_columns_of_a_bundled_set():
    table = read("iris", columns=["petal width (cm)", "sepal length (cm)"])
    assert table.columns == ("petal width (cm)", "sepal length (cm)")
    assert table.labels[0] == "setosa"
    assert read("digits", drop=["pixel_0_0"]).image_shape is None
    with pytest.raises(DataError, match="'iris': no column 'petal'"):
        read("iris", drop=["petal"])


def test_unknown_name():
    with pytest.raises(DataError, match=r"'irys': no such bundled data set \(did you mean 'iris'\?\)"):
        load_bundled("irys")


@needs_fashion
def test_fashion_mnist():
    table = load_bundled("fashion-mnist")
    assert (table.values.shape, table.values.dtype, table.image_shape) == (
        (70_000, 784),
        np.float32,
        (28, 28),
    )
    assert table.values.min() == 0
    assert table.values.max() == 1
    assert table.labels[0] == "Ankle boot"
    assert set(np.unique(table.labels, return_counts=True)[1]) == {7_000}
    train, test = split_table(table, 0.2, 42)
    assert (train[0], train[-1], test[0], test[-1]) == (0, 59_999, 60_000, 69_999)


def test_fashion_mnist_absent(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "FASHION_FOLDER", tmp_path / "absent")
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        load_bundled("fashion-mnist")


# splitting


def test_the_tutorials_split_of_the_digits():
    table = load_bundled("digits")
    expected = train_test_split(np.arange(1797), test_size=0.2, random_state=42, stratify=table.labels)
    for rows, answer in zip(split_table(table, 0.2, 42), expected, strict=True):
        np.testing.assert_array_equal(rows, answer)


@pytest.mark.parametrize(
    "labels",
    [None, np.array([0] * 9 + [1]), np.arange(10) // 2, np.linspace(0, 1, 10)],
    ids=["none", "one of a class", "more classes than test rows", "all different"],
)
def test_labels_that_cannot_be_stratified(labels):
    train, test = split_rows(10, test_size=0.2, seed=3, labels=labels)
    expected = train_test_split(np.arange(10), test_size=0.2, random_state=3)
    np.testing.assert_array_equal(train, expected[0])
    np.testing.assert_array_equal(test, expected[1])


def test_words_as_labels_are_stratified():
    labels = np.array(["a", "b"] * 10)
    _, test = split_rows(20, test_size=0.2, seed=0, labels=labels)
    assert sorted(labels[test]) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_share_out_of_bounds(share):
    with pytest.raises(DataError, match="must be above 0 and below 1"):
        split_rows(10, test_size=share, seed=0)


@pytest.mark.parametrize(("n_rows", "share"), [(0, 0.5), (1, 0.2), (2, 0.9)])
def test_too_few_rows(n_rows, share):
    with pytest.raises(DataError, match=f"^{n_rows} rows? cannot be split"):
        split_rows(n_rows, test_size=share, seed=0)


def test_labels_of_another_length():
    with pytest.raises(DataError, match="one for each of the 10 rows, got 9"):
        split_rows(10, test_size=0.2, seed=0, labels=np.zeros(9))
