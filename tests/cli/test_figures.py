"""The figures of a run: all or none, and never in the way of a fit."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import isthmus
from cli.conftest import QUICK, call, sentence, tree

FIGURES = {"loadings", "history", "reconstructions", "latent_plane", "decode_grid", "error_by_feature"}
ROLES = ("--ids", "name", "--labels", "kind")
SIGNATURE = b"\x89PNG"


@pytest.fixture
def stand_in(monkeypatch) -> ModuleType:
    """A module of plots that writes the first bytes of a picture; gives what it was called with."""
    plots = ModuleType("isthmus.plots")
    plots.asked = {}

    def drawing(name):
        def draw(*values, **words):
            plots.asked[name] = (values, words)
            return name

        return draw

    for name in {*FIGURES, "samples"}:
        setattr(plots, f"plot_{name}", drawing(name))
    plots.save_figure = lambda figure, path: Path(path).write_bytes(SIGNATURE + figure.encode())
    monkeypatch.setitem(sys.modules, "isthmus.plots", plots)
    monkeypatch.setattr(isthmus, "plots", plots, raising=False)
    return plots


def _fit(folder, run, *tokens):
    return call("fit", folder / "own.csv", *ROLES, "-o", run, *QUICK[:2], *tokens)


def test_fit_draws_the_held_out_rows(stand_in, folder, tmp_path):
    called = _fit(folder, tmp_path / "run", "--json")
    assert called.code == 0
    assert {path.stem for path in (tmp_path / "run" / "figures").iterdir()} == FIGURES
    assert sorted(json.loads(called.out)["figures"]) == sorted(f"{name}.png" for name in FIGURES)
    assert len(stand_in.asked["latent_plane"][0][0]) == 12
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [ValueError("no ink"), ImportError("none", name="matplotlib.pyplot")])
def test_a_fit_is_not_lost_for_a_figure(stand_in, folder, tmp_path, error):
    def fail(*_, **__):
        raise error

    stand_in.plot_history = fail
    called = _fit(folder, tmp_path / "run")
    assert called.code == 0
    assert "note: no figures" in called.err
    assert (tmp_path / "run" / "model").is_dir()
    assert not (tmp_path / "run" / "figures").exists()


def test_without_matplotlib_it_says_what_to_install(folder, tmp_path, table_run, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    called = _fit(folder, tmp_path / "run")
    assert called.code == 0
    assert "no figures" in called.err
    assert call("plot", table_run, "-o", tmp_path / "figures").code == 1


def test_plot_writes_all_or_refuses(stand_in, table_run, folder, tmp_path):
    out = tmp_path / "new" / "figures"
    called = call("plot", table_run, "-o", out)
    assert called.code == 0
    assert "6 figures are in" in called.err
    before = tree(out)
    assert "holds figures; pass --overwrite" in sentence(call("plot", table_run, "-o", out))
    assert call("plot", table_run, folder / "own.npz", "-o", out, "--overwrite").code == 0
    assert len(stand_in.asked["latent_plane"][0][0]) == 60
    stand_in.plot_decode_grid = lambda *_, **__: 1 / 0
    assert call("plot", table_run, "-o", out, "--overwrite").code == 1
    assert tree(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["figures"]
    (tmp_path / "file").write_text("x")
    assert "is a file" in sentence(call("plot", table_run, "-o", tmp_path / "file"))


def test_pictures_are_drawn_as_pictures(stand_in, picture_run, tmp_path):
    assert call("plot", picture_run, "-o", tmp_path / "figures").code == 0
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {*FIGURES, "samples"}
    assert stand_in.asked["reconstructions"][0][2] == (4, 5)


def test_without_the_training_rows_there_is_no_grid(stand_in, table_run, folder, tmp_path):
    shutil.copytree(table_run / "model", tmp_path / "model")
    called = call("plot", tmp_path / "model", folder / "own.csv", *ROLES, "-o", tmp_path / "figures")
    assert called.code == 0, called.err
    assert "no grid of decodes" in called.err
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == FIGURES - {"decode_grid"}


def test_pca_beside_the_model_is_the_evaluations_pca(stand_in, table_run):
    call("plot", table_run, "-o", table_run.parent / "pca-figures")
    model, pca = stand_in.asked["error_by_feature"][0]
    data = json.loads((table_run / "evaluation.json").read_text())["evaluation"]["data"]
    assert model.mean() == pytest.approx(data["model"]["mse"], rel=1e-4)
    assert pca.mean() == pytest.approx(data["pca"]["mse"], rel=1e-4)


def test_the_real_figures_are_pictures(table_run, picture_run, tmp_path):
    for run, figures in ((table_run, FIGURES), (picture_run, {*FIGURES, "samples"})):
        out = tmp_path / run.name
        called = call("plot", run, "-o", out)
        assert called.code == 0, called.err
        assert {path.stem for path in out.iterdir()} == figures
        assert all(data.startswith(SIGNATURE) for data in tree(out).values())
