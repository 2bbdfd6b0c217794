"""The pictures of chapters 8 and 9: their arithmetic is Python's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes

from course.test_widgets import drawn, pytestmark  # noqa: F401
from isthmus import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from isthmus_course.moving import decoder_state, encoder_state


@pytest.fixture(scope="module")
def maps() -> dict:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 64)) + 0.3 * rng.normal(size=(60, 64))
    model = Autoencoder(2, max_iter=2, random_state=0).fit(X)
    codes = model.transform(X).astype(float)
    turned = (codes @ [[0.6, 0.8], [0.8, -0.6]]) * 3 + 5
    noisy = turned + 3 * codes.std() * rng.normal(size=codes.shape)
    state = {
        "place": codes[7],
        "morph": 100,
        "other": 0,
        "shaded": True,
        "codes": codes,
        "others": [{"name": "turned", "codes": turned}, {"name": "noisy", "codes": noisy}],
        "labels": [3] * 60,
        "pictures": ["0" * 64] * 60,
        "extent": [codes.min(0), codes.max(0)],
        "beyond": "1000",
        "decoder": decoder_state(model),
    }
    return {"state": state, "model": model, "codes": codes, "others": [turned, noisy]}


def test_a_map_is_laid_on_another_as_procrustes_does(maps):
    for other, codes in enumerate(maps["others"]):
        numbers = drawn("maps", **maps["state"] | {"other": other})["numbers"]
        left, moved, misfit = procrustes(maps["codes"], codes)
        size = np.sqrt(60)  # scipy's maps have the length 1 in all, the widget's in the mean
        assert numbers["misfit"] == pytest.approx(misfit, abs=1e-9)
        assert np.array(numbers["left"]) == pytest.approx(left * size, abs=1e-9)
        assert np.array(numbers["moved"]) == pytest.approx(moved * size, abs=1e-9)


def test_a_turned_map_has_the_same_neighbours_and_another_has_not(maps):
    numbers = drawn("maps", **maps["state"])["numbers"]
    assert (numbers["chosen"], numbers["both"]) == (7, 5)
    apart = np.linalg.norm(maps["codes"] - maps["codes"][7], axis=1)
    assert sorted(numbers["near"]) == sorted(np.argsort(apart)[1:6].tolist())
    assert drawn("maps", **maps["state"] | {"other": 1})["numbers"]["both"] < 5


def test_the_ring_reads_the_shade_of_its_cell_and_what_is_drawn_there(maps):
    low, high = maps["state"]["extent"]
    for place, empty in [(low, True), (high, False), (high + 0.01, True)]:
        numbers = drawn("maps", **maps["state"] | {"place": place})["numbers"]
        assert numbers["empty"] is empty
        reconstructed = maps["model"].inverse_transform(np.float32([place]))[0]
        assert numbers["drawn"] == pytest.approx(reconstructed, abs=1e-4)


@pytest.mark.parametrize("place", [(1.0, 0.0), (-2.0, 3.0), (0.0, 0.1)])
def test_arrows_are_the_networks_and_the_scores(place):
    heaps, width, level = np.array([[1.0, 0.0], [-1.0, 0.5], [0.0, -2.0]]), 0.3, 0.5
    X = np.random.default_rng(0).normal(size=(100, 2))
    model = DenoisingAutoencoder(2, hidden_layer_sizes=(8,), max_iter=3, restoring=True, random_state=0).fit(X)
    state = {"encoder": encoder_state(model), "decoder": decoder_state(model), "level": level}
    numbers = drawn("arrows", x=place, k=0, truth=True, heaps=heaps, width=width, points=heaps, models=[state])[
        "numbers"
    ]
    x, variance, step = np.array(place), width**2 + level**2, 1e-6

    def log_density(at):
        return np.log(np.exp(-np.sum((heaps - at) ** 2, axis=1) / (2 * variance)).sum())

    slope = [(log_density(x + e) - log_density(x - e)) / (2 * step) for e in step * np.eye(2)]
    move = model.reconstruct(x[None].astype(np.float32))[0] - x
    assert numbers["arrow"] == pytest.approx(level**2 * np.array(slope), abs=1e-6)
    assert numbers["move"] == pytest.approx(move, abs=1e-4)
    cosine = move @ slope / np.linalg.norm(move) / np.linalg.norm(slope)
    assert numbers["cosine"] == pytest.approx(cosine, abs=1e-3)


@pytest.mark.parametrize("place", [(2.0, 0.0), (-1.0, 1.5)])
def test_stretch_is_the_encoders_slopes_along_the_ring_and_across_it(place):
    X = np.random.default_rng(0).normal(size=(100, 2))
    model = ContractiveAutoencoder(2, hidden_layer_sizes=(8,), max_iter=3, polish=0, random_state=0).fit(X)
    turn, center = np.array([[0.0, 2.0], [-2.0, 0.0]]), model.transform(X).mean(0)
    state = {"encoder": encoder_state(model), "center": center, "turn": turn, "strength": 1.0}
    numbers = drawn("stretch", x=place, strength=0, points=X[:5], models=[state])["numbers"]
    x = torch.tensor([place], dtype=torch.float64)
    encode = model.encoder.to_torch().double()
    jacobian = 2 * torch.func.jacrev(lambda at: encode(at)[0])(x).reshape(2, 2).detach().numpy()
    across = np.array(place) / np.linalg.norm(place)
    assert numbers["across"] == pytest.approx(np.linalg.norm(jacobian @ across), rel=1e-3)
    assert numbers["along"] == pytest.approx(np.linalg.norm(jacobian @ [-across[1], across[0]]), rel=1e-3)
    assert numbers["code"] == pytest.approx(turn @ (model.transform(np.float32([place]))[0] - center), abs=1e-5)
