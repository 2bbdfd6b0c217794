"""Axes of the map and sliders, from codes whose spreads are known."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.explorer.items import fields_of
from isthmus.explorer.places import find_places
from isthmus.tables import read


@pytest.mark.parametrize(("spreads", "order"), [([1, 3, 2], [0, 1, 2]), ([1, 3, 2, 5, 4, 7, 6], [5, 6, 3, 4, 1, 2, 0])])
def test_sliders_are_latents_and_of_many_the_widest_come_first(spreads, order):
    codes = np.random.default_rng(0).standard_normal((500, len(spreads))) * spreads + 10
    places = find_places(codes)
    assert places.sliders.tolist() == order
    np.testing.assert_allclose(places.variances, codes.var(0)[order])
    middle = places.ranges.mean(1)  # in the latents' own units, around their mean of 10
    assert (np.abs(middle - 10) < places.ranges[:, 1] - middle).all()


def test_the_map_has_the_two_principal_axes():
    codes = np.random.default_rng(0).standard_normal((500, 4)) * [0.1, 5, 0.1, 2]
    places = find_places(codes)
    assert places.axes.shape == (2, 4)
    np.testing.assert_allclose(np.abs(places.axes), [[0, 1, 0, 0], [0, 0, 0, 1]], atol=0.05)
    assert places.limits.shape == (2, 2)


def test_a_boolean_column_keeps_the_words_of_its_file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("member,size\n" + "ja,1.5\nnein,2.5\n" * 20)
    member, size = fields_of(read(path).layout)
    assert member["words"] == ["nein", "ja"]
    assert "words" not in size
