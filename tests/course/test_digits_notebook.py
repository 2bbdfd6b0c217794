"""The digits notebook as it is typed: its printed lines, and its five figures, all present, labelled and right."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

SOURCE = Path(__file__).parent.parent.parent / "course" / "digits_notebook.py"
AFTER_THE_FIGURES = "# What can be said of it"


@pytest.fixture(scope="module")
def typed() -> Iterator[dict[str, Any]]:
    """What the page has defined, drawn and printed once its five figures stand; the seeds after them are not run."""
    import matplotlib.pyplot as plt

    page, _, rest = SOURCE.read_text(encoding="utf-8").partition(AFTER_THE_FIGURES)
    assert rest
    names: dict[str, Any] = {"__name__": "digits_notebook"}
    printed = io.StringIO()
    with (
        mpl.rc_context({"backend": "Agg"}),
        torch.random.fork_rng(),
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
    ):
        plt.close("all")
        patch.setattr(plt, "show", lambda: None)
        exec(compile(page, str(SOURCE), "exec"), names)
        figures = [plt.figure(number) for number in plt.get_fignums()]
        yield {**names, "figures": figures, "printed": printed.getvalue()}
        plt.close("all")


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def test_the_lines_it_prints(typed):
    printed = typed["printed"]
    for line in (
        f"Using device: {typed['device']}",
        "Training samples: 1437",
        "Test samples: 360",
        "Input dimension: 64 (8 × 8 pixels)",
        "Pixel range: [0.00, 1.00]",
        "Total parameters: 5,346",
        "Final train loss: {:.4f}".format(typed["history"][-1, 0]),
        "Final test loss: {:.4f}".format(typed["history"][-1, 1]),
    ):
        assert line in printed.splitlines()
    lines = re.findall(r"epoch +(\d+)/100: train on the way ([\d.]+), train after it ([\d.]+), test ([\d.]+)", printed)
    assert [int(epoch) for epoch, *_ in lines] == [20, 40, 60, 80, 100]
    on_the_way, after, test = np.array([errors for _, *errors in lines], dtype=float).T
    assert (np.diff(test) < 0).all()
    assert 0.039 < test[-1] < 0.057
    assert (after <= on_the_way).all(), "weights only got better within an epoch"
    assert after[-1] == pytest.approx(typed["history"][-1, 0], abs=5e-5)


def test_there_are_five_figures(typed):
    assert len(typed["figures"]) == 5
    names = [figure.get_suptitle() or figure.axes[0].get_title() for figure in typed["figures"]]
    assert names == [
        "Twelve of the digits",
        "Training",
        "Test pictures reconstructed from two numbers",
        "Codes by autoencoder",
        "What the decoder draws at each place",
    ]


def test_figure_1_shows_each_picture_under_its_label(typed):
    figure = typed["figures"][0]
    assert titles(figure) == [f"a {kind}" for kind in typed["kinds"][:12]]
    for axes, row in zip(figure.axes, typed["X"], strict=False):
        assert (np.asarray(axes.images[0].get_array()).ravel() == row).all()


def test_figure_2_has_both_curves_and_the_baselines(typed):
    axes = typed["figures"][1].axes[0]
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "mean squared error of a pixel"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "training pictures", "test pictures", "the mean picture, test", "PCA with 2 numbers, test",
    ]  # fmt: skip
    train, test, mean, pca = (np.asarray(line.get_ydata()) for line in axes.lines)
    assert (train == typed["history"][:, 0]).all()
    assert (test == typed["history"][:, 1]).all()
    assert (float(mean[0]), float(pca[0])) == pytest.approx((0.0741, 0.0531), abs=5e-5)


def test_figure_3_says_which_row_is_which(typed):
    figure = typed["figures"][2]
    heads = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in heads] == ["Original", "Reconstructed", "by PCA"]
    assert all(axes.axison for axes in heads), "axis('off') hides the label with the axis"
    assert titles(figure)[:8] == [f"a {kind}" for kind in typed["y_test"][:8]]
    rows = (typed["X_test"], typed["reconstructed"], typed["pca_reconstructed"])
    for axes, row in zip(figure.axes, np.concatenate([row[:8] for row in rows]), strict=True):
        assert np.asarray(axes.images[0].get_array()).ravel() == pytest.approx(row)
        assert axes.images[0].get_clim() == (0, 1)


def test_figure_4_has_one_scale_and_a_colour_bar_centred_on_its_ticks(typed):
    ours, theirs, bar = typed["figures"][3].axes
    for axes, codes in ((ours, typed["codes"]), (theirs, typed["pca"].transform(typed["X_test"]))):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("$z_1$", "$z_2$")
        assert axes.get_aspect() == 1
        assert np.asarray(axes.collections[0].get_offsets()) == pytest.approx(codes)
        assert axes.collections[0].get_clim() == (-0.5, 9.5)
    assert theirs.get_title() == "Codes by PCA"
    assert bar.get_ylabel() == "digit"
    assert [text.get_text() for text in bar.get_yticklabels()] == list("0123456789")


def test_figure_5_is_what_the_decoder_draws_and_frames_where_no_code_is(typed):
    axes = typed["figures"][4].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$z_1$", "$z_2$")
    mosaic = np.asarray(axes.images[0].get_array())
    place = typed["places"].reshape(10, 10, 2)[2, 7]
    with torch.no_grad():
        drawn = typed["model"].decoder(typed["tensor"](place)).cpu().numpy()
    assert mosaic[21:29, 71:79].ravel() == pytest.approx(drawn, abs=1e-6)
    up, across = axes.get_yticklabels(), axes.get_xticklabels()
    assert float(across[7].get_text()) == pytest.approx(place[0], abs=0.051)
    assert float(up[7].get_text()) == pytest.approx(place[1], abs=0.051)
    framed = {(int(patch.get_x()), 9 - int(patch.get_y())) for patch in axes.patches}
    assert framed == {(at % 10, at // 10) for at in np.flatnonzero(typed["beyond"])}
    assert 0 < len(framed) < 60
