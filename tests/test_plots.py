"""Figures say what is true: labels that can be seen, scales that are shared, doubt that is marked."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

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
from isthmus.plots.grid import far_from
from isthmus.plots.pictures import plot_pictures_reconstructed
from isthmus.plots.plane import extent_of
from isthmus.tables import load_bundled

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
            bend = parts.index(name) + 2.0 if name in parts else 1.0 if name == "loss" else 5.0
            row[f"train_{name}"] = 2.0 - epoch**bend / 10
            if validation:
                row[f"validation_{name}"] = 2.1 - epoch**bend / 12
        record.append(row | {"learning_rate": 0.1, "seconds": float(epoch)})
    return record


def test_samples_carry_their_labels():
    figure = plot_samples(DIGITS.values, DIGITS.image_shape, DIGITS.labels)
    assert [axes.get_title() for axes in figure.axes] == [str(label) for label in DIGITS.labels[:12]]
    assert {image.get_clim() for image in pictures(figure)} == {(0.0, 1.0)}


def test_the_labels_of_the_rows_can_be_seen():
    X = DIGITS.values[:5]
    figure = plot_reconstructions(X, X * 0.9, DIGITS.image_shape, DIGITS.labels[:5])
    first = [axes for axes in figure.axes if axes.get_ylabel() in ("original", "reconstructed", "difference")]
    assert len(first) == 3
    assert all(axes.axison and axes.yaxis.label.get_visible() for axes in first)


def test_differences_of_colours_do_not_cancel():
    red, blue = np.zeros((1, 3, 2, 2)), np.zeros((1, 3, 2, 2))
    red[:, 0] = blue[:, 2] = 1
    figure = plot_pictures_reconstructed(red.reshape(1, 12), blue.reshape(1, 12), (3, 2, 2))
    assert np.abs(pictures(figure)[2].get_array()).min() == 1


def test_all_pictures_share_one_range_and_all_differences_a_symmetric_one():
    X = DIGITS.values[:4]
    reconstructed = np.clip(X + 0.3 * RNG.normal(size=X.shape), -0.5, 1.5)
    images = pictures(plot_reconstructions(X, reconstructed, DIGITS.image_shape))
    assert {image.get_clim() for image in images[:8]} == {(0.0, 1.0)}
    reach = np.abs(reconstructed - X).max()
    assert {image.get_clim() for image in images[8:12]} == {(-reach, reach)}
    assert images[8].cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)


def test_ink_is_dark_on_white_and_a_photograph_is_no_negative():
    X = DIGITS.values[:4]
    photograph = 0.4 + 0.5 * RNG.random((3, 16))
    assert {image.get_cmap().name for image in pictures(plot_samples(X, (8, 8)))} == {"Greys"}
    assert {image.get_cmap().name for image in pictures(plot_samples(photograph, (4, 4)))} == {"gray"}
    assert [image.get_cmap().name for image in pictures(plot_reconstructions(X, X * 0.9, (8, 8)))[:8]] == ["Greys"] * 8


def test_a_given_range_holds_for_every_picture():
    X = DIGITS.values[:3]
    images = pictures(plot_samples(X, (8, 8), limits=(-1.0, 2.0)))
    images += pictures(plot_reconstructions(X, X, (8, 8), limits=(-1.0, 2.0)))[:6]
    images += pictures(plot_decode_grid(lambda z: z @ np.ones((2, 4)), RNG.normal(size=(9, 2)), (2, 2), limits=(-1, 2)))
    assert {image.get_clim() for image in images} == {(-1.0, 2.0)}


def test_the_error_under_a_picture_is_its_squared_error():
    X = DIGITS.values[:2]
    figure = plot_reconstructions(X, X + 0.1, DIGITS.image_shape)
    assert texts(figure).count("0.01") == 2


def test_a_table_is_drawn_as_paired_bars_with_its_values():
    figure = plot_reconstructions(WINE.values, WINE.values * 1.1, columns=WINE.columns, labels=WINE.labels)
    shown = texts(figure)
    assert {"alcohol", "proline", "original", "reconstructed"} <= set(shown)
    assert any("1065" in text and "1172" in text.replace("1171", "1172") for text in shown)


def test_of_a_wide_table_the_columns_of_largest_residual_are_shown():
    X = RNG.normal(size=(3, 50))
    reconstructed = X.copy()
    reconstructed[:, 41] += 5
    figure = plot_reconstructions(X, reconstructed)
    shown = texts(figure)
    assert "column 41" in shown
    assert any("30 of 50 columns" in text for text in shown)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "column 41"


def test_bars_of_all_rows_start_at_one_zero_and_share_their_scale():
    X = RNG.normal(size=(3, 5))
    figure = plot_reconstructions(X, X * 1.1)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_every_part_of_the_loss_has_a_panel_with_both_curves():
    figure = plot_history(history(), best_epoch=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "loss, nats per row"
    assert "divergence" in titles
    assert "squared error per feature" in titles
    assert len(figure.axes) == 4
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["training", "validation", "PCA (start)", "chosen"]
    start = next(line for line in figure.axes[0].lines if line.get_label() == "PCA (start)")
    assert set(start.get_ydata()) == {2.1}


def test_a_curve_is_drawn_once_and_the_squared_error_in_the_units_of_the_data():
    record = History()
    for epoch, mse in enumerate((2.0, 1.0, 0.5)):
        both = {f"{split}_{name}": value for split, off in (("train", 0.0), ("validation", 0.1)) for name, value in (
            ("loss", 32 * (mse + off) + 7), ("reconstruction", 32 * (mse + off) + 7), ("mse", mse + off))}  # fmt: skip
        record.append({"epoch": float(epoch), **both})
    figure = plot_history(record, best_epoch=2, unit=3.0)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["squared error per feature"]
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [18.0, 9.0, 4.5])


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


def test_the_extent_is_that_of_the_bulk_of_the_training_codes():
    train = RNG.normal(size=(1000, 2)) * [1, 2]
    axes = plot_latent_plane(train[:50], train_codes=train).axes[0]
    low, high = np.quantile(train, [0.005, 0.995], axis=0)
    margin = 0.08 * (high - low)
    assert [axes.get_xlim()[0], axes.get_ylim()[0]] == pytest.approx((low - margin).tolist())
    assert [axes.get_xlim()[1], axes.get_ylim()[1]] == pytest.approx((high + margin).tolist())


def test_a_class_whose_name_begins_with_an_underscore_is_in_the_legend():
    axes = plot_latent_plane(RNG.normal(size=(10, 2)), ["_hidden", "b"] * 5).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["_hidden  (5)", "b  (5)"]
    colours = [handle.get_color() for handle in axes.get_legend().legend_handles]
    assert [tuple(points.get_facecolor()[0]) for points in axes.collections] == [tuple(colour) for colour in colours]


def test_class_names_go_by_the_label_even_where_a_class_has_no_row():
    names = ["zero", "one", "two"]
    axes = plot_latent_plane(RNG.normal(size=(6, 2)), [0, 2] * 3, names).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["zero  (3)", "two  (3)"]
    axes = plot_latent_plane(RNG.normal(size=(6, 2)), ["a", "b"] * 3, names[:2]).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["zero  (3)", "one  (3)"]


def test_labels_of_several_kinds_and_hundreds_of_labels_can_be_drawn():
    texts(plot_latent_plane(RNG.normal(size=(4, 2)), np.array(["a", None, "a", None], dtype=object)))
    for size in (1, 2):
        figure = plot_latent_plane(RNG.normal(size=(300, size)), RNG.normal(size=300))
        assert any("300 different labels" in text for text in texts(figure))


def test_a_plane_through_wide_codes_says_what_it_shows():
    # Numbers of its own: those of a generator shared by the file depend on which tests ran before in the process.
    codes = np.random.default_rng(0).normal(size=(200, 5)) * [10, 0.1, 5, 0.1, 0.1]
    axes = plot_latent_plane(codes).axes[0]
    assert axes.get_xlabel().startswith("widest direction of the codes (")
    points = axes.collections[0].get_offsets()
    assert np.abs(np.corrcoef(points[:, 0], codes[:, 0])[0, 1]) > 0.99
    assert np.abs(np.corrcoef(points[:, 1], codes[:, 2])[0, 1]) > 0.99


def test_more_than_ten_classes_are_named_and_their_colours_repeat():
    figure = plot_latent_plane(RNG.normal(size=(60, 2)), np.arange(60) % 12)
    colours = {tuple(points.get_facecolor()[0]) for points in figure.axes[0].collections}
    assert len(colours) == 10
    assert {"0", "11"} <= set(texts(figure))
    assert figure.axes[0].get_legend() is None


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("labels", [None, np.array(["a$b$", "x_1"] * 20)])
def test_codes_of_any_size_can_be_drawn(size, labels):
    figure = plot_latent_plane(RNG.normal(size=(40, size)), labels)
    assert texts(figure)


def test_one_row_one_class_and_a_constant_code_can_be_drawn():
    texts(plot_latent_plane(np.zeros((1, 2)), ["only"]))
    texts(plot_latent_plane(np.zeros((5, 2))))
    texts(plot_latent_plane(np.zeros((1, 6))))
    texts(plot_latent_plane(np.zeros((1, 1))))
    texts(plot_decode_grid(lambda z: z, np.zeros((1, 6)), (2, 3)))
    texts(plot_latent_plane(RNG.normal(size=(30, 2)) * [1, 10_000]))
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


@pytest.mark.parametrize("size", [1, 2])
def test_every_cell_is_centred_on_the_code_it_was_decoded_from(size):
    asked = []

    def decode(places):
        asked.append(places)
        return np.ones((len(places), 6))

    n, codes = 7, RNG.normal(size=(100, size)) * ([1, 30] if size == 2 else 1)
    axes = plot_decode_grid(decode, codes, (2, 3), n=n).axes[0]
    left, right, bottom, top = axes.get_images()[0].get_extent()
    middles = left + (np.arange(n) + 0.5) * (right - left) / n
    assert middles == pytest.approx(asked[0][:n, 0])
    if size == 2:
        assert top - (np.arange(n) + 0.5) * (top - bottom) / n == pytest.approx(asked[0][::n, 1])
    # Pixels are square: their height in units of the axis, times the aspect, is their width.
    rows, columns = axes.get_images()[0].get_array().shape
    assert axes.get_aspect() * (top - bottom) / rows == pytest.approx((right - left) / columns)


def test_hatches_lie_on_the_far_cells():
    codes = RNG.uniform(-1, 1, size=(600, 2))
    codes = codes[np.abs(codes).max(1) > 0.6]
    asked = []
    axes = plot_decode_grid(lambda z: asked.append(z) or np.zeros((len(z), 4)), codes, (2, 2), n=9).axes[0]
    middles = [patch.get_center() for patch in axes.patches if patch.get_hatch()]
    assert np.array(middles) == pytest.approx(asked[0][far_from(asked[0], codes)])


def test_a_decoder_that_leaves_zero_to_one_a_little_is_drawn_in_that_range():
    from sklearn.decomposition import PCA

    for size in (2, 6):
        pca = PCA(size, random_state=0).fit(DIGITS.values)
        image = pictures(plot_decode_grid(pca.inverse_transform, pca.transform(DIGITS.values), (8, 8)))[0]
        assert image.get_clim() == (0.0, 1.0)
        assert image.get_cmap().name == "Greys"


def test_negative_numbers_of_a_decoder_are_not_cut_off():
    codes = RNG.uniform(-0.5, 0.5, size=(300, 2))
    low, _ = pictures(plot_decode_grid(lambda z: np.repeat(z[:, :1], 4, 1), codes, (2, 2)))[0].get_clim()
    assert low < -0.4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plot_history(History()), "no rows"),
        (lambda: plot_samples(np.ones((3, 5)), (2, 2)), "have 4 numbers each, got an array of shape"),
        (lambda: plot_samples(np.ones((3, 8)), (2, 2, 2)), "1 or 3 channels"),
        (lambda: plot_latent_plane(np.ones((4, 2)), [1, 2, 1]), "one per row, 4"),
        (lambda: plot_latent_plane(np.ones((3, 2)), [1, 2, 9], ["a"]), "each of the 3 labels, got 1 names"),
        (lambda: plot_reconstructions(np.ones((2, 3)), np.ones((2, 3)), columns=["a"]), "3 columns"),
        (lambda: plot_decode_grid(lambda z: z, np.ones((4, 2)), columns=["a"]), "must name 2 columns"),
        (lambda: plot_decode_grid(lambda z: z, np.ones((4, 2)), n=1), "at least 2, got 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


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
    assert {"generated", "nearest in training"} <= {*texts(figure)}


def test_a_way_is_one_line_a_pair():
    figure = plot_interpolation(DIGITS.values[:10], DIGITS.image_shape, n_pairs=2)
    assert len(pictures(figure)) == 10
    assert [axes.get_title() for axes in figure.axes] == ["0", "0.25", "0.5", "0.75", "1"] + [""] * 5
    with pytest.raises(ValueError, match="10 rows cannot be split into n_pairs=3"):
        plot_interpolation(DIGITS.values[:10], DIGITS.image_shape, n_pairs=3)


def test_bands_about_the_first_codes_hold_nine_of_ten():
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]])
    codes = RNG.normal(size=(50, 2)) * 8
    figure = plot_latent_plane(codes, np.arange(50) % 2, covariances=covariance[None])
    (ellipse,) = figure.axes[0].patches
    drawn = RNG.multivariate_normal(codes[0], covariance, 20_000)
    inside = ellipse.get_path().contains_points(ellipse.get_patch_transform().inverted().transform(drawn))
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
    assert any("nine in ten codes" in text.get_text() for text in figure.texts)
    line = plot_latent_plane(codes[:, :1], np.arange(50) % 2, covariances=covariance[None, :1, :1])
    (bar,) = line.axes[0].collections[2].get_segments()
    np.testing.assert_allclose(bar[:, 0], codes[0, 0] + np.array([-1, 1]) * 1.645 * 2, rtol=1e-6)
    assert not plot_latent_plane(codes).axes[0].patches
