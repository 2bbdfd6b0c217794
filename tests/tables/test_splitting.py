"""The test rows are those that scikit-learn draws, with and without labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from isthmus.tables.splitting import split_rows


@pytest.mark.parametrize("n_rows", [2, 7, 100, 1437])
@pytest.mark.parametrize("test_size", [0.01, 0.2, 0.5])
def test_rows_without_labels(n_rows, test_size):
    for seed in (0, 42):
        expected = train_test_split(np.arange(n_rows), test_size=test_size, random_state=seed)
        for found, wanted in zip(split_rows(n_rows, test_size=test_size, seed=seed), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_class_of_one_row_is_not_stratified():
    labels = np.array([*"aaaaabbbbc"])
    plain = split_rows(10, test_size=0.3, seed=1)
    for found, wanted in zip(split_rows(10, test_size=0.3, seed=1, labels=labels), plain, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_every_class_keeps_its_share():
    labels = np.repeat([0, 1], [80, 20])
    _, test = split_rows(100, test_size=0.2, seed=3, labels=labels)
    assert np.bincount(labels[test]).tolist() == [16, 4]
