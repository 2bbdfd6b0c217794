"""Class colours: any two differ for every kind of sight, and neighbours on the map differ most."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from isthmus.plots import plot_latent_plane
from isthmus.plots.class_colours import GREY, PALETTE, class_colours, colour_distances

ROOT = Path(__file__).parent.parent
PETROFF = [
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
]  # fmt: skip


def nearest(colours) -> np.ndarray:
    """The least distance of any two, for each of the four kinds of sight."""
    upper = np.triu_indices(len(colours), 1)
    return colour_distances(colours)[:, upper[0], upper[1]].min(1)


def test_the_simulation_gives_the_distances_known_of_petroffs_ten():
    assert nearest(PETROFF).round(1).tolist() == [9.0, 6.1, 8.4, 7.3]


def test_any_two_of_the_ten_differ_in_normal_vision_and_in_each_kind_of_colour_blindness():
    normal, *blind = nearest(PALETTE)
    assert normal >= 16.9
    assert min(blind) >= 10.8


def colours_in(file: str, name: str) -> list[str]:
    line = next(line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if f"const {name} = [" in line)
    return re.findall(r"#[0-9a-f]{6}", line)


def test_figures_page_and_course_have_the_same_ten():
    assert colours_in("explorer/src/colours.js", "PALETTE") == list(PALETTE)
    assert sorted(colours_in("course/_static/widgets/kit.js", "COLOURS")) == sorted(PALETTE)


@pytest.mark.parametrize("pair", [(3, 7), (3, 8), (7, 8), (3, 5), (5, 8), (4, 9)])
def test_digits_that_are_neighbours_on_most_maps_are_far_apart_in_the_course(pair):
    between = colour_distances(colours_in("course/_static/widgets/kit.js", "COLOURS"))[:, *pair]
    assert between[0] >= 17
    assert between.min() >= 13


@pytest.mark.parametrize("count", range(4, 11))
def test_neighbours_get_colours_farther_apart_than_by_order(count):
    """Classes in close pairs, far from one another."""
    centres = np.array([[10.0 * (k // 2), k % 2] for k in range(count)])
    given = class_colours(centres)
    assert sorted(given) == sorted(PALETTE[:count])
    pairs = np.arange(0, count - 1, 2)
    by_place, by_order = (colour_distances(some).min(0)[pairs, pairs + 1].min() for some in (given, PALETTE[:count]))
    assert by_place >= by_order


@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 40])
def test_classes_at_one_place_have_colours_too(count):
    given = class_colours(np.zeros((count, 2)))
    assert len(set(given)) == min(count, 10)


def test_beyond_ten_classes_colours_repeat_far_from_each_other_and_beyond_forty_all_are_grey():
    centres = np.array([[k % 6, k // 6] for k in range(24)], dtype=float)
    given = class_colours(centres)
    near = np.linalg.norm(centres[:, None] - centres[None], axis=-1) < 1.2
    same = np.array([[one == other for other in given] for one in given])
    assert not (near & same & ~np.eye(24, dtype=bool)).any()
    assert set(class_colours(np.zeros((41, 2)))) == {GREY}


def test_the_figure_of_the_codes_uses_them():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 2)) * 10
    labels = np.repeat(np.arange(10), 30)
    codes = centres[labels] + rng.normal(size=(300, 2)) * 0.1
    figure = plot_latent_plane(codes, labels)
    drawn = [collection.get_facecolor()[0][:3] for collection in figure.axes[0].collections]
    used = ["#" + "".join(f"{round(255 * share):02x}" for share in colour) for colour in drawn]
    assert sorted(used) == sorted(PALETTE)
