"""Figures say what is true: labels that can be seen, scales that are shared, doubt that is marked."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from isthmus.data import load_bundled
from isthmus.history import History
from isthmus.plots import (
    plot_decode_grid,
    plot_error_by_feature,
    plot_generated,
    plot_history,
    plot_interpolation,
    plot_latent_plane,
    plot_reconstructions,
    plot_samples,
    save_figure,
)
from isthmus.plots.pictures import plot_pictures_rebuilt
from isthmus.plots.plane import extent_of, far_from

RNG = np.random.default_rng(0)
DIGITS = load_bundled("digits")
WINE = load_bundled("wine")


def texts(figure) -> list[str]:
    """Every visible text of a figure, after it was laid out."""
    import matplotlib.text

    figure.draw_without_rendering()
    found = figure.findobj(lambda part: isinstance(part, matplotlib.text.Text) and part.get_visible())
    return [part.get_text() for part in found if part.get_text()]


def pictures(figure) -> list:
    return [image for axes in figure.axes for image in axes.get_images()]


def history(n=5, validation=True, parts=("reconstruction", "divergence")) -> History:
    record = History()
    for epoch in range(n):
        row = {"epoch": float(epoch)}
        for name in ("loss", *parts, "mse"):
            row[f"train_{name}"] = 2.0 - epoch / 10
            if validation:
                row[f"validation_{name}"] = 2.1 - epoch / 12
        record.append(row | {"learning_rate": 0.1, "seconds": float(epoch)})
    return record


def test_samples_carry_their_labels():
    figure = plot_samples(DIGITS.values, DIGITS.image_shape, DIGITS.labels)
    assert [axes.get_title() for axes in figure.axes] == [str(label) for label in DIGITS.labels[:12]]
    assert {image.get_clim() for image in pictures(figure)} == {(0.0, 1.0)}


def test_the_labels_of_the_rows_can_be_seen():
    X = DIGITS.values[:5]
    figure = plot_reconstructions(X, X * 0.9, DIGITS.image_shape, DIGITS.labels[:5])
    first = [axes for axes in figure.axes if axes.get_ylabel() in ("original", "rebuilt", "difference")]
    assert len(first) == 3
    assert all(axes.axison and axes.yaxis.label.get_visible() for axes in first)


def test_differences_of_colours_do_not_cancel():
    red, blue = np.zeros((1, 3, 2, 2)), np.zeros((1, 3, 2, 2))
    red[:, 0] = blue[:, 2] = 1
    figure = plot_pictures_rebuilt(red.reshape(1, 12), blue.reshape(1, 12), (3, 2, 2))
    assert np.abs(pictures(figure)[2].get_array()).min() == 1


def test_all_pictures_share_one_range_and_all_differences_a_symmetric_one():
    X = DIGITS.values[:4]
    rebuilt = np.clip(X + 0.3 * RNG.normal(size=X.shape), -0.5, 1.5)
    images = pictures(plot_reconstructions(X, rebuilt, DIGITS.image_shape))
    assert {image.get_clim() for image in images[:8]} == {(0.0, 1.0)}
    reach = np.abs(rebuilt - X).max()
    assert {image.get_clim() for image in images[8:12]} == {(-reach, reach)}
    assert images[8].cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)


def test_the_error_under_a_picture_is_its_squared_error():
    X = DIGITS.values[:2]
    figure = plot_reconstructions(X, X + 0.1, DIGITS.image_shape)
    assert texts(figure).count("0.64") == 2


def test_a_table_is_drawn_as_paired_bars_with_its_values():
    figure = plot_reconstructions(WINE.values, WINE.values * 1.1, columns=WINE.columns, labels=WINE.labels)
    shown = texts(figure)
    assert {"alcohol", "proline", "original", "rebuilt"} <= set(shown)
    assert any("1065" in text and "1172" in text.replace("1171", "1172") for text in shown)


def test_of_a_wide_table_the_columns_of_largest_residual_are_shown():
    X = RNG.normal(size=(3, 50))
    rebuilt = X.copy()
    rebuilt[:, 41] += 5
    figure = plot_reconstructions(X, rebuilt)
    shown = texts(figure)
    assert "column 41" in shown
    assert any("30 of 50 columns" in text for text in shown)


def test_every_part_of_the_loss_has_a_panel_with_both_curves():
    figure = plot_history(history(), best_epoch=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "loss"
    assert "divergence" in titles
    assert "squared error per feature" in titles
    assert len(figure.axes) == 4
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["training", "validation", "PCA (start)", "kept"]
    start = next(line for line in figure.axes[0].lines if line.get_label() == "PCA (start)")
    assert set(start.get_ydata()) == {2.1}


@pytest.mark.parametrize("record", [history(1), history(4, validation=False), history(3, parts=())])
def test_short_and_bare_histories_can_be_drawn(record):
    figure = plot_history(record, start_label=None)
    assert "PCA (start)" not in texts(figure)


def test_the_plane_has_equal_axes_all_classes_and_an_extent_by_quantiles():
    codes = RNG.normal(size=(500, 2))
    codes[0] = [100, 100]
    labels = np.arange(500) % 10
    figure = plot_latent_plane(codes, labels)
    axes = figure.axes[0]
    assert axes.get_aspect() == 1.0
    assert axes.get_xlim()[1] < 10
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [f"{digit}  (50)" for digit in range(10)]
    assert any("lie outside the frame" in text for text in texts(figure))
    colours = {tuple(points.get_facecolor()[0]) for points in axes.collections}
    assert len(colours) == 10


def test_more_than_ten_classes_are_told_apart_by_name_not_by_colour():
    figure = plot_latent_plane(RNG.normal(size=(60, 2)), np.arange(60) % 12)
    colours = {tuple(points.get_facecolor()[0]) for points in figure.axes[0].collections}
    assert len(colours) == 1
    assert {"0", "11"} <= set(texts(figure))


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("labels", [None, np.array(["a$b$", "x_1"] * 20)])
def test_codes_of_any_size_can_be_drawn(size, labels):
    figure = plot_latent_plane(RNG.normal(size=(40, size)), labels)
    assert texts(figure)


def test_one_row_one_class_and_a_constant_code_can_be_drawn():
    texts(plot_latent_plane(np.zeros((1, 2)), ["only"]))
    texts(plot_latent_plane(np.zeros((5, 2))))
    texts(plot_reconstructions(np.ones((1, 3)), np.ones((1, 3))))
    texts(plot_error_by_feature(np.zeros(3), np.zeros(3)))
    texts(plot_samples(np.zeros((1, 4)), (2, 2)))


def test_far_cells_are_those_beyond_nearly_all_distances_between_training_codes():
    codes = RNG.uniform(-1, 1, size=(400, 2))
    places = np.array([codes[7] + [0.01, 0.0], [9.0, 0.0]])
    assert far_from(places, codes).tolist() == [False, True]
    assert far_from(places * [1, 1000], codes * [1, 1000]).tolist() == [False, True]


def test_the_grid_decodes_where_it_says_and_hatches_what_is_far():
    codes = RNG.uniform(-1, 1, size=(600, 2))
    codes = codes[np.abs(codes).max(1) > 0.6]
    asked = []

    def decode(places):
        asked.append(places)
        return np.repeat(places[:, :1], 4, axis=1)

    figure = plot_decode_grid(decode, codes, (2, 2), n=9)
    low, high = extent_of(codes)
    assert asked[0][0] == pytest.approx([low[0], high[1]])
    assert asked[0][-1] == pytest.approx([high[0], low[1]])
    far = far_from(asked[0], codes)
    assert far.any()
    assert not far.all()
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == far.sum()
    assert any(f"{far.sum()} of 81 cells" in text for text in texts(figure))
    image = pictures(figure)[0].get_array()
    assert image.shape == (18, 18)
    assert image[0, 0] == pytest.approx(low[0])
    assert image[0, -1] == pytest.approx(high[0])


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("shape", [None, (2, 2), (3, 2, 2)])
def test_grids_of_every_kind(size, shape):
    n_features = 4 if shape is None else int(np.prod(shape))
    weights = RNG.normal(size=(size, n_features))
    figure = plot_decode_grid(lambda z: z @ weights, RNG.normal(size=(50, size)), shape, n=5)
    assert texts(figure)


def test_error_maps_share_a_scale():
    figure = plot_error_by_feature(np.full(4, 0.1), np.array([0.1, 0.2, 0.3, 0.4]), image_shape=(2, 2))
    assert {image.get_clim() for image in pictures(figure)[:2]} == {(0.0, 0.4)}


def test_figures_are_saved_whole_or_not_at_all(tmp_path):
    figure = plot_error_by_feature([1.0, 2.0], [2.0, 3.0], ["a", "b"])
    assert save_figure(figure, tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in save_figure(figure, tmp_path / "error.svg").read_bytes()
    with pytest.raises(ValueError, match="nothing"):
        save_figure(figure, tmp_path / "error.nothing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["error.png", "error.svg"]


def test_importing_the_figures_imports_no_matplotlib_and_drawing_no_global_state():
    code = (
        "import sys, isthmus.plots as p; assert 'matplotlib' not in sys.modules;"
        "p.plot_samples([[0.0, 1.0, 0.5, 0.2]], (2, 2)); assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- generated rows ------------------------------------------------------------------------------------


def test_a_copy_stands_above_its_original():
    figure = plot_generated(DIGITS.values[5:8], DIGITS.values[:20], DIGITS.image_shape)
    shown = pictures(figure)
    assert len(shown) == 6
    for above, below in zip(shown[:3], shown[3:], strict=True):
        np.testing.assert_array_equal(above.get_array(), below.get_array())
    assert {"generated", "nearest learned"} <= {*texts(figure)}


def test_a_way_is_one_line_a_pair():
    figure = plot_interpolation(DIGITS.values[:10], DIGITS.image_shape, n_pairs=2)
    assert len(pictures(figure)) == 10
    assert [axes.get_title() for axes in figure.axes] == ["0", "0.25", "0.5", "0.75", "1"] + [""] * 5
    with pytest.raises(ValueError, match="10 rows cannot be parted into n_pairs=3"):
        plot_interpolation(DIGITS.values[:10], DIGITS.image_shape, n_pairs=3)
