"""Loadings: which columns a latent explains, beside answers known on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from matplotlib.figure import Figure
from sklearn import datasets

from isthmus import Autoencoder, SparseAutoencoder
from isthmus.loadings import Loadings
from isthmus.plots import plot_loadings
from isthmus.tables import open_table
from isthmus.tables.row_shape import RowShape, Signal

QUICK = {"max_iter": 3, "hidden_layer_sizes": (8,), "batch_size": 32, "random_state": 0}
LINEAR = {"hidden_layer_sizes": (), "random_state": 0}


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("scale", [None, "standard"])
def test_of_a_linear_model_they_are_pca_s(scale, whiten):
    X = datasets.load_iris().data
    model = Autoencoder(2, scale=scale, whiten=whiten, **LINEAR).fit(X)
    found = model.loadings(X)
    codes = model.transform(X)
    step = np.sqrt(model.explained_variance_)[:, None] if whiten else 1.0
    spread = model.scaling_.spread if scale else 1.0
    np.testing.assert_allclose(found.slope, model.components_ * step * spread, rtol=1e-4, atol=1e-6)
    correlations = np.corrcoef(codes.T, X.T)[:2, 2:]
    np.testing.assert_allclose(found.standardized, correlations, atol=1e-5)
    np.testing.assert_allclose(found.r2, correlations**2, atol=1e-5)
    assert not found.spread.any()
    assert (found.agreement == 1).all()


def test_the_slope_is_the_derivative_of_the_decoder(kind, table):
    model = kind(3, **QUICK).fit(table)
    found, codes, step = model.loadings(table), model.transform(table).astype(float), 1e-2
    for latent in range(3):
        ahead, behind = codes.copy(), codes.copy()
        width = step * max(codes[:, latent].std(), 0.1)
        ahead[:, latent] += width
        behind[:, latent] -= width
        slopes = (model.inverse_transform(ahead) - model.inverse_transform(behind)) / (2 * width)
        largest = np.abs(slopes).max()
        np.testing.assert_allclose(found.slope[latent], slopes.mean(0), atol=0.02 * largest)
        np.testing.assert_allclose(found.spread[latent], slopes.std(0), atol=0.05 * largest)
    assert ((found.r2 >= 0) & (found.r2 <= 1)).all()
    clear = np.abs(found.slope) > found.spread  # then at most half of the rows can have the other sign (Cantelli)
    assert clear.any()
    assert (found.agreement[clear] >= 0.5).all()


def test_a_column_that_bends_back_along_a_latent_is_found():
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    X = np.c_[3 * z, z**2, rng.normal(size=400)] + 0.01 * rng.normal(size=(400, 3))
    model = Autoencoder(1, hidden_layer_sizes=(32,), max_iter=100, random_state=0).fit(X)
    found = model.loadings(X)
    assert found.r2[0, 0] > 0.95
    assert found.r2[0, 1] > 0.8
    assert np.corrcoef(model.transform(X)[:, 0], X[:, 1])[0, 1] ** 2 < 0.2
    assert found.r2[0, 2] < 0.1


def test_a_frame_says_it_row_by_row():
    data = datasets.load_iris(as_frame=True).data
    found = Autoencoder(2, **LINEAR).fit(data).loadings(data)
    frame = found.to_frame()
    assert list(frame.columns) == ["latent", "column", "slope", "spread", "agreement", "standardized", "r2"]
    assert len(frame) == 8
    assert list(frame["column"][:4]) == list(data.columns)
    assert set(frame["latent"]) == {"autoencoder0", "autoencoder1"}
    row = frame[(frame["latent"] == "autoencoder1") & (frame["column"] == data.columns[2])].iloc[0]
    assert row["slope"] == found.slope[1, 2]


def test_loadings_print_the_columns_that_each_latent_explains_most():
    data = datasets.load_iris(as_frame=True).data
    found = Autoencoder(2, **LINEAR).fit(data).loadings(data)
    _, *lines, rest = repr(found).splitlines()
    assert [line.split()[0] for line in lines] == 3 * ["autoencoder0"] + 3 * ["autoencoder1"]
    for k, first in ((0, lines[0]), (1, lines[3])):
        most = found.r2[k].argmax()
        assert f"{data.columns[most]}  " in first
        assert f"{found.r2[k, most]:.0%}" in first
        assert f"{found.standardized[k, most]:+.2f}" in first
    assert rest == "to_frame() has every column."


def test_rows_of_every_kind_have_loadings(table, tmp_path):
    holes = np.where(np.random.default_rng(0).random(table.shape) < 0.1, np.nan, table)
    assert Autoencoder(2, missing="mask", **QUICK).fit(holes).loadings(holes).slope.shape == (2, 6)
    model = Autoencoder(2, **QUICK).fit(table)
    np.testing.assert_allclose(model.loadings(scipy.sparse.csr_matrix(table)).r2, model.loadings(table).r2, atol=1e-5)
    given = np.random.default_rng(1).normal(size=(len(table), 2))
    assert Autoencoder(2, **QUICK).fit(table, given=given).loadings(table, given=given).slope.shape == (2, 6)
    frame = pd.DataFrame({"a": table[:, 0], "b": table[:, 1], "c": np.where(table[:, 2] > 2, "x", "y")})
    found = Autoencoder(1, **QUICK).fit(frame).loadings(frame)
    assert found.columns[:2] == ("a", "b")
    assert any(name.startswith("c=") for name in found.columns)
    np.save(tmp_path / "rows.npy", np.tile(table, (9, 1)))
    stream = open_table(tmp_path / "rows.npy", held_bytes=1 << 14)
    assert not stream.fits_in_memory
    np.testing.assert_allclose(model.loadings(stream).slope, model.loadings(table).slope, atol=1e-4)


def test_a_dead_latent_and_a_constant_column_explain_nothing():
    X = np.c_[np.random.default_rng(0).normal(size=(60, 2)), np.full((60, 1), 7.0)]
    found = Autoencoder(3, **LINEAR).fit(X).loadings(X)
    assert np.isfinite(found.standardized).all()
    assert not found.r2[2].any()
    assert not found.r2[:, 2].any()


class _Stairs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 6)

    def forward(self, z):
        return self.layer(z.detach()).detach().round() + 0 * self.layer(z.detach())


def test_a_decoder_without_a_derivative_is_refused_in_a_sentence(table):
    model = Autoencoder(2, decoder=_Stairs(), max_iter=1, random_state=0)
    with pytest.warns(RuntimeWarning, match="codes are the encoder's, without polishing"):
        model.fit(table)
    with pytest.raises(ValueError, match="loadings need a derivative of the decoder"):
        model.loadings(table)


# ---- the figure -----------------------------------------------------------------------------------------


def texts(figure: Figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in [*axes.texts, axes.title, *axes.get_yticklabels()]]
    return " ".join([*found, *(text.get_text() for text in (figure._suptitle, figure._supxlabel) if text is not None)])


def test_a_table_s_figure_names_columns_and_says_r2():
    data = datasets.load_iris(as_frame=True).data
    figure = plot_loadings(Autoencoder(2, **LINEAR).fit(data).loadings(data))
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["z1", "z2"]  # as on the explorer page
    said = texts(figure)
    assert "petal length (cm)" in said
    assert "Which columns each latent explains" in said
    assert "1.00" in said


def test_a_figure_of_many_says_which_it_shows():
    p, n = 20, 50
    r2 = np.random.default_rng(0).uniform(size=(p, n)) * 0.5
    r2[3, 7] = 0.99
    names = tuple(f"c{j}" for j in range(n))
    found = Loadings(tuple(f"z{k}" for k in range(p)), names, r2, r2, r2, r2, r2)
    said = texts(plot_loadings(found))
    assert "The 12 of 20 latents that explain most." in said
    assert "The 30 of 50 columns that are explained best." in said
    assert "c7" in said
    assert "0.99" in said


def test_pictures_get_a_picture_for_each_latent(digits):
    X = digits[0][:200]
    found = SparseAutoencoder(5, **QUICK).fit(X).loadings(X)
    figure = plot_loadings(found, (8, 8))
    assert len([axes for axes in figure.axes if axes.images]) == 5


def test_shaped_rows_are_drawn_whole_and_a_cell_that_hardly_varies_does_not_set_the_scale():
    slope = np.zeros((2, 24))
    slope[0, 5], slope[1] = 3.0, 0.1
    standardized = np.full((2, 24), 1e4)
    names = tuple(f"x{place}" for place in range(24))
    found = Loadings(("z1", "z2"), names, slope, slope, slope, standardized, np.full((2, 24), 0.5))
    signal = Signal(8000, 100, 8, 4)
    figure = plot_loadings(found, row_shape=RowShape((4, 6), ("frequency", "time"), signal))
    planes = [axes.images[0] for axes in figure.axes[:2]]
    assert planes[0].get_clim() == (-3.0, 3.0)
    assert np.asarray(planes[0].get_array())[3, 5] == 3.0  # the lowest frequency is at the bottom
    figure = plot_loadings(found, row_shape=RowShape((2, 12), ("channel", "time")))
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]  # two channels, and zero
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), slope[0, :12])
