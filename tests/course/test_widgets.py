"""The arithmetic of the pictures that move is Python's, and each stands untouched as its page is built."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus import Autoencoder, SparseAutoencoder, VariationalAutoencoder
from isthmus.closed_form import (
    elbo_of_two_measurements,
    principal_axis_slope,
    project,
    regression_slope,
    split_noise,
    standard_divergence,
    two_measurements,
)
from isthmus.evaluation import explain_loss
from isthmus.tables import load_bundled
from isthmus_course.moving import decoder_state, encoder_state, linear_state

ROOT = Path(__file__).parent.parent.parent
WIDGETS = ROOT / "course" / "_static" / "widgets"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="the widgets' arithmetic is run by node")


def drawn(kind: str, **state) -> dict:
    """A widget's numbers and picture at a state, by the same program that builds the pages."""
    program = ROOT / "docs" / "_extensions" / "draw_widget.cjs"
    text = json.dumps(state, default=lambda value: np.asarray(value).tolist())
    done = subprocess.run(["node", program, WIDGETS, kind], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", range(8))
def test_the_line_is_projected_as_python_does(seed):
    point, direction, noise = np.random.default_rng(seed).normal(size=(3, 2)) * 3
    numbers = drawn("line", point=point, direction=direction, truth=point - noise, noise=True)["numbers"]
    ours, split = project(point, direction), split_noise(noise, direction)
    for name in ("weights", "code", "reconstruction", "residual", "errors", "squared_error", "mean_squared_error"):
        assert numbers[name] == pytest.approx(np.asarray(getattr(ours, name)), rel=1e-12, abs=1e-12), name
    assert (numbers["tangent"], numbers["normal"]) == pytest.approx((split.tangent, split.normal))


def test_the_lines_sum_is_written_out():
    html = drawn("line", point=[2.0, 2.4], direction=[1.0, 0.9], truth=[2.0, 1.8], noise=True)["html"]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))
    for part in ("(2.00 + 2.16) / 1.81", "(2.298, 2.069)", "0.089 + 0.110 = 0.199", "0.401", "0.446"):
        assert part in text
    below = drawn("line", point=[-1.0, 0.0], direction=[1.0, 0.9], truth=[0.0, 0.0], noise=False)["html"]
    assert "(−1.00 − (−0.552))²" in re.sub(r"<[^>]*>", "", below)


@pytest.mark.parametrize(
    "settings", [{}, {"hidden_layer_sizes": ()}, {"hidden_layer_sizes": (7,), "scale": "standard"}]
)
def test_a_decoder_in_the_page_is_the_models(settings):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 64)) + 0.3 * rng.normal(size=(200, 64)) + 4
    model = Autoencoder(2, max_iter=5, random_state=0, **settings).fit(X)
    codes = model.transform(X[:20])
    state = {
        "codes": codes,
        "labels": [0] * 20,
        "pictures": ["0" * 64] * 20,
        "extent": [codes.min(0), codes.max(0)],
        "spread": codes.std(0),
        "limit": 1.0,
        "decoder": decoder_state(model),
    }
    for at in (0, 7):
        numbers = drawn("map", code=codes[at], **state)["numbers"]
        assert numbers["reconstructed"] == pytest.approx(model.inverse_transform(codes[at : at + 1])[0], abs=1e-4)
        assert numbers["nearest"] == at
        apart = np.sort(np.linalg.norm((codes - codes[at]) / codes.std(0), axis=1))[:5]
        assert numbers["distance"] == pytest.approx(apart.mean(), rel=1e-5)


def test_a_decoder_that_a_page_cannot_run_is_refused():
    with pytest.raises(ValueError, match="SiLU"):
        decoder_state(Autoencoder(2, activation="relu"))


@pytest.mark.parametrize("k", [0, 1])
def test_a_clouds_draws_and_price_are_the_models(k):
    rng = np.random.default_rng(k)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 64)) + 0.3 * rng.normal(size=(200, 64))
    fits = [VariationalAutoencoder(2, variance=v, max_iter=5, random_state=0).fit(X) for v in (0.1, "learned")]
    noise = rng.normal(size=(8, 2))
    state = {
        "models": [
            {
                "variance": model.noise_variance_, "error": 0.05, "nats": 3.0, "kl": [1.0, 2.0],
                "codes": model.transform(X[:9]), "mean": [0.1, 0.2], "width": [0.3, 0.4],
                "decoder": decoder_state(model),
            }
            for model in fits
        ],
        "labels": [3] * 9, "picture": X[0], "noise": noise, "pca": 0.05, "learned": 1, "k": k,
    }  # fmt: skip
    mean, width = rng.normal(size=2), rng.uniform(0.1, 1, 2)
    own = drawn("cloud", **state, mean=None, width=None)["numbers"]
    assert (own["code"], own["spread"]) == ([0.1, 0.2], [0.3, 0.4])
    numbers = drawn("cloud", **state, mean=mean, width=width)["numbers"]
    codes = mean + width * noise
    drawings = fits[k].inverse_transform(codes)
    assert np.array(numbers["draws"]) == pytest.approx(codes)
    assert np.array(numbers["drawings"]) == pytest.approx(drawings, abs=1e-4)
    assert numbers["error"] == pytest.approx(((drawings - X[0]) ** 2).sum(1).mean(), rel=1e-4)
    assert numbers["divergence"] == pytest.approx(standard_divergence(mean, width**2))
    error, divergence = numbers["error"], numbers["divergence"]
    assert numbers["total"] == pytest.approx(error / (2 * fits[k].noise_variance_) + divergence)


def test_an_encoder_that_a_page_cannot_run_is_refused():
    with pytest.raises(ValueError, match="point"):
        encoder_state(VariationalAutoencoder(2))


def test_the_desk_judges_a_picture_as_python_does():
    X = load_bundled("digits").values[:400]
    fits = {
        "pca": Autoencoder(8, hidden_layer_sizes=()).fit(X),
        "model": Autoencoder(8, hidden_layer_sizes=(16,), max_iter=10, polish=0, random_state=0).fit(X),
    }
    words = ["".join("0123456789abcdefg"[grey] for grey in (16 * row).round().astype(int)) for row in X[:8]]
    state = {
        name: {
            "encoder": encoder_state(model), "decoder": decoder_state(model), "codes": model.transform(X),
            "spread": model.transform(X).std(0), "errors": np.linspace(0, 4, 101), "distances": np.linspace(0, 2, 101),
        }
        for name, model in fits.items()
    } | {"pool": [["the mean" if at == 0 else f"{at}", word] for at, word in enumerate(words)]}  # fmt: skip
    at_desk = {"row": words[3], "cursor": [3.5, 3.5], "ink": 1, "pen": True, "by": "error"}
    numbers = drawn("desk", **state, **at_desk, pasted="")["numbers"]
    for name, model in fits.items():
        codes = model.transform(X)
        lost = ((X - model.reconstruct(X)) ** 2).sum(1)
        apart = np.sort(np.linalg.norm((codes - codes[3]) / codes.std(0), axis=1))[:5].mean()
        assert numbers[name]["error"] == pytest.approx(lost[3], rel=1e-4)
        assert numbers[name]["distance"] == pytest.approx(apart, rel=1e-4)
        assert numbers[name]["above"]["error"] == np.mean(np.linspace(0, 4, 101) < lost[3])
    order = np.argsort(-((X - fits["model"].reconstruct(X)) ** 2).sum(1)[:8])
    assert numbers["ranked"] == ["the mean" if at == 0 else f"{at}" for at in order]
    pasted = " ".join(str(int(16 * value)) for value in X[5])
    assert drawn("desk", **state, **at_desk, pasted=pasted)["numbers"]["row"] == pytest.approx(X[5])
    html = drawn("desk", **state, **at_desk, pasted="1 2 3")
    assert html["numbers"]["row"] == pytest.approx(X[3])
    assert "These are not 64 numbers" in html["html"]


def test_a_feature_is_turned_up_along_its_small_picture():
    X = load_bundled("digits").values[:300]
    model = SparseAutoencoder(80, hidden_layer_sizes=(), max_iter=5, random_state=0).fit(X)
    code = model.transform(X[:1])[0]
    unit = int(code.argmax())
    base, one = model.inverse_transform(np.stack([0 * code, np.eye(80)[unit]]))
    card = {
        "unit": unit, "name": 3, "column": one - base, "share": 0.1, "kinds": [0, 0, 1, 3, 0, 0, 0, 0, 0, 0],
        "strong": 1.0, "strongest": [["0" * 64, 3, code[unit]]], "any": [["g" * 64, 2, 0.1]],
        "reconstructed": model.reconstruct(X[:1])[0],
    }  # fmt: skip
    dead = card | {"name": None, "kinds": [0] * 10, "strong": None, "strongest": [], "any": [], "reconstructed": None}
    for times in (0.0, 1.0, 2.5):
        numbers = drawn("feature", cards=[card], k=0, times=times, any=False)["numbers"]
        turned = code.copy()
        turned[unit] *= times
        assert np.array(numbers["turned"]) == pytest.approx(model.inverse_transform(turned[None])[0], abs=1e-5)
    assert numbers["right"] == 0.75
    assert "75 in 100" in drawn("feature", cards=[card], k=0, times=1, any=True)["html"]
    assert "It is on for no picture" in drawn("feature", cards=[card, dead], k=1, times=1, any=False)["html"]


@pytest.mark.parametrize("k", [0, 3, 8])
def test_a_row_of_the_spectrum_is_reconstructed_as_pca_does(k):
    rng = np.random.default_rng(k)
    worlds = []
    for _ in range(2):
        X = rng.integers(0, 17, size=(40, 64)) / 16
        pca = PCA().fit(X)
        kept = np.append(0, np.cumsum(pca.explained_variance_ratio_))
        rows = ["".join("0123456789abcdefg"[int(16 * x)] for x in row) for row in X[:2]]
        codes, decoder = pca.transform(X[:2]), linear_state(pca.components_, pca.mean_)
        worlds.append({"rows": rows, "codes": codes, "kept": kept, "decoder": decoder})
    numbers = drawn("spectrum", k=k, shuffled=True, row=1, worlds=worlds)["numbers"]
    reconstructed = pca.mean_ + codes[1, :k] @ pca.components_[:k]
    assert numbers["reconstructed"] == pytest.approx(reconstructed, abs=1e-5)
    assert numbers["mean_squared_error"] == pytest.approx(np.mean((X[1] - reconstructed) ** 2), abs=1e-5)
    assert (numbers["kept"], numbers["other"]) == (kept[k], worlds[0]["kept"][k])
    assert numbers["needed"] == (kept < 0.9).sum()


@pytest.mark.parametrize("k", [0, 1, 9])
def test_a_watched_training_is_measured_as_python_does(k):
    rng = np.random.default_rng(k)
    originals, straight = rng.uniform(size=(2, 3, 64))
    pages = [
        {"epoch": 4 * at, "train": 0.04, "test": 0.06 - 0.01 * at, "codes": rng.normal(size=(5, 2)),
         "reconstructed": rng.uniform(size=(3, 64))}
        for at in range(3)
    ]  # fmt: skip
    state = {
        "runs": [{"name": "one", "pages": pages}, {"name": "other", "pages": pages[:2]}], "originals": originals,
        "kinds": [4, 5, 6], "labels": range(5), "pca": {"error": 0.05, "reconstructed": straight}, "mean": 0.08,
    }  # fmt: skip
    for run, most in enumerate((2, 1)):
        drawing = drawn("bend", **state, run=run, k=k)
        numbers, page = drawing["numbers"], pages[min(k, most)]
        assert numbers["epoch"] == page["epoch"]
        assert np.array(numbers["residuals"]) == pytest.approx(originals - page["reconstructed"])
        assert numbers["errors"] == pytest.approx(((originals - page["reconstructed"]) ** 2).mean(1))
        assert numbers["explained"] == pytest.approx(1 - page["test"] / 0.08)
        assert numbers["explained_by_pca"] == pytest.approx(1 - 0.05 / 0.08)
        assert ("over PCA" in drawing["html"]) == (k == 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_over_sizes_is_read_as_python_reads_it(seed):
    rng = np.random.default_rng(seed)
    pca = np.sort(rng.uniform(size=13))[::-1]
    originals, sizes = rng.uniform(size=(2, 64)), (1, 2, 5, 9)
    pages = [
        {"size": p, "low": 0.5 * pca[p], "mean": 0.6 * pca[p], "high": 0.7 * pca[p], "code": rng.normal(size=(2, p)),
         "reconstructed": rng.uniform(size=(2, 64)), "pca": rng.uniform(size=(2, 64))}
        for p in sizes
    ]  # fmt: skip
    k, digit, allowed = int(rng.integers(4)), int(rng.integers(2)), int(rng.integers(20, 60))
    state = {"pages": pages, "pca": pca, "originals": originals, "kinds": [7, 1]}
    drawing = drawn("sweep", **state, k=k, digit=digit, allowed=allowed)
    numbers, page, limit = drawing["numbers"], pages[k], allowed / 100 * pca[0]
    assert numbers["size"] == sizes[k]
    assert (numbers["lost"], numbers["lost_by_pca"]) == (page["mean"] / pca[0], pca[sizes[k]] / pca[0])
    assert numbers["error"] == pytest.approx(np.mean((originals[digit] - page["reconstructed"][digit]) ** 2))
    assert numbers["error_by_pca"] == pytest.approx(np.mean((originals[digit] - page["pca"][digit]) ** 2))
    assert numbers["needed"] == next((p for p in sizes if 0.6 * pca[p] <= limit), None)
    assert numbers["needed_by_pca"] == next((p for p in range(13) if pca[p] <= limit), -1)
    assert numbers["equal"] == next((p for p in range(13) if pca[p] <= page["mean"]), -1)
    nowhere = drawn("sweep", **(state | {"pca": [1, *np.full(12, 0.9)]}), k=3, digit=0, allowed=5)["html"]
    assert "more than are drawn" in nowhere


@pytest.mark.parametrize("seed", range(3))
def test_the_valleys_lines_are_pythons_and_the_walk_ends_in_one(seed):
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(50, 3))
    draws -= draws.mean(0)
    noise = rng.uniform(0.1, 0.8, 2)
    X = draws[:, :1] * [1, 0.9] + noise * draws[:, 1:]
    covariance = X.T @ X / len(X)
    state = {"draws": draws, "noise1": noise[0], "noise2": noise[1], "angle": rng.uniform(-90, 270), "gauge": 1}
    at_first, after = (drawn("valley", steps=steps, **state)["numbers"] for steps in (0, 400))
    assert at_first["regression_slope"] == pytest.approx(regression_slope(covariance))
    assert at_first["best_slope"] == pytest.approx(principal_axis_slope(covariance))
    u = np.array(at_first["direction"])
    assert at_first["value"] == pytest.approx(np.mean(np.sum((X - X @ np.outer(u, u)) ** 2, axis=1)))
    assert np.outer(at_first["decoder"], at_first["encoder"]) == pytest.approx(np.outer(u, u))
    assert after["value"] == pytest.approx(np.linalg.eigvalsh(covariance)[0]) == after["least"]
    turned = state | {"angle": state["angle"] + 1e-4}
    rise = drawn("valley", steps=0, **turned)["numbers"]["value"] - at_first["value"]
    assert rise / np.deg2rad(1e-4) == pytest.approx(at_first["slope"], abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_losses_and_their_slopes_are_pythons(seed):
    x, reconstructed, sigma = np.random.default_rng(seed).uniform(0.1, 0.9, 3)
    state = {"sigma": sigma, "mean": 0.05, "n": 64}
    numbers = drawn("losses", x=x, reconstructed=reconstructed, **state)["numbers"]
    names = {"squared": "squared_error", "gaussian": "gaussian", "entropy": "cross_entropy"}

    def read(logit: float, at: float = 0.0):
        return explain_loss([x], [1 / (1 + np.exp(-logit)) + at], sigma**2)

    logit, step = np.log(reconstructed / (1 - reconstructed)), 1e-6
    for ours, theirs in names.items():
        assert numbers["values"][ours] == pytest.approx(getattr(read(logit), theirs))
        rise = getattr(read(logit, step), theirs) - getattr(read(logit, -step), theirs)
        assert numbers["slopes"][ours] == pytest.approx(rise / (2 * step), abs=1e-6)
        rise = getattr(read(logit + step), theirs) - getattr(read(logit - step), theirs)
        assert numbers["before_sigmoid"][ours] == pytest.approx(rise / (2 * step), abs=1e-6)
    assert numbers["floors"]["entropy"] == pytest.approx(read(logit).cross_entropy_floor)
    row = explain_loss(np.full(64, np.sqrt(0.05)), np.zeros(64), 0.05)
    assert numbers["units"]["sum"] == pytest.approx(row.squared_error)
    assert numbers["units"]["nats"] == pytest.approx(row.gaussian)
    assert numbers["units"]["bits"] == pytest.approx(row.gaussian_bits)


@pytest.mark.parametrize("seed", range(4))
def test_the_thermometers_bound_is_pythons_and_climbs_to_the_posterior(seed):
    rng = np.random.default_rng(seed)
    x, mean, (spread, noise) = rng.normal(size=2), rng.normal(), rng.uniform(0.3, 1.5, 2)
    state = {"x": x, "variance": noise, "mean": mean, "spread": spread}
    numbers, after = (drawn("thermometers", steps=steps, **state)["numbers"] for steps in (0, 2000))
    room = two_measurements(x, noise)
    bound = elbo_of_two_measurements(room, mean, spread**2)
    assert numbers["posterior"] == pytest.approx({"mean": room.posterior_mean, "variance": room.posterior_variance})
    assert numbers["expected"] == pytest.approx(bound.expected_log_likelihood)
    assert (numbers["divergence"], numbers["elbo"]) == pytest.approx((bound.divergence, bound.elbo))
    assert (numbers["gap"], numbers["log_evidence"]) == pytest.approx((bound.gap, room.log_evidence))
    assert numbers["error_of_mean"] == pytest.approx(room.reconstruction_error(room.maximum_likelihood))
    assert after["q"] == pytest.approx(numbers["posterior"])
    assert (after["gap"], after["elbo"]) == pytest.approx((0.0, room.log_evidence), abs=1e-9)
