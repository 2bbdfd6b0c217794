"""Every draw comes from a generator of our own: fits beside other threads are fits alone, no global one is moved."""

from __future__ import annotations

import random
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

from conftest import curved_table
from isthmus import Denoiser, DenoisingAutoencoder, PretrainedClassifier
from isthmus.parts.draws import OwnDraws, generator, normal_like, seeded

FITS = {
    "start at random": ("vanilla", {"start": "random"}),
    "default": ("vanilla", {}),
    "drawn codes": ("variational", {}),
    "noise": ("denoising", {}),
    "missing cells": ("vanilla", {"missing": "mask"}),
    "a dictionary": ("sparse", {}),
    "an estimated Jacobian": ("contractive", {"jacobian": "estimate"}),
    "codes cut short": ("nested", {}),
    "convolutions": ("vanilla", {"image_shape": (2, 3), "channels": (4,), "start": "random"}),
}


def weights(name: str, seed: int = 0) -> torch.Tensor:
    from isthmus.variants import variant

    kind, settings = FITS[name]
    model = variant(kind)(2, max_iter=3, random_state=seed, device="cpu", **settings).fit(curved_table(120))
    found = [part.detach().flatten().double() for part in model.model_.parameters()]
    return torch.cat([*found, torch.from_numpy(model.sample(5).astype(np.float64)).flatten()])


@pytest.mark.parametrize("name", FITS)
def test_fits_in_threads_are_fits_alone(name):
    alone = [weights(name, seed) for seed in (0, 1, 0, 1)]
    found: dict[int, torch.Tensor] = {}
    stop = threading.Event()

    def disturb() -> None:
        while not stop.wait(0.0005):
            torch.rand(3)

    threads = [
        threading.Thread(target=lambda place=place: found.update({place: weights(name, place % 2)}))
        for place in range(4)
    ]
    other = threading.Thread(target=disturb)
    for thread in [other, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    other.join()
    for place, expected in enumerate(alone):
        assert torch.equal(found[place], expected)


@pytest.mark.parametrize("name", FITS)
def test_no_global_generator_is_moved(name):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    weights(name)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


def test_other_estimators_leave_them_alone_too():
    table = curved_table(80)
    before = torch.get_rng_state()
    short = DenoisingAutoencoder(2, hidden_layer_sizes=(4,), max_iter=2)
    Denoiser(autoencoder=short, random_state=0).fit(table)
    PretrainedClassifier(short, n_steps=3, random_state=0).fit(table, np.arange(80) % 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_fit_of_a_process_leaves_pythons_generator_alone():
    program = (
        "import random; random.seed(7); before = random.getstate()\n"
        "import numpy as np\nfrom isthmus import Autoencoder\n"
        "Autoencoder(2, max_iter=1, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 5)))\n"
        "print(before == random.getstate())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"


def test_layers_draw_their_first_weights_as_torch_would_of_that_seed():
    def network() -> list[torch.Tensor]:
        layers = nn.Sequential(nn.Linear(5, 7), nn.Conv2d(2, 3, 3), nn.GRU(4, 6), nn.Embedding(9, 3))
        nn.init.orthogonal_(layers[0].weight)
        return [part.detach().clone() for part in layers.parameters()]

    before = torch.get_rng_state()
    with seeded(5), OwnDraws():
        ours = network()
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng():
        torch.manual_seed(5)
        theirs = network()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_outside_of_a_seed_parts_draw_as_torch_does():
    assert generator() is None
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.randn(4, 2)
        torch.manual_seed(3)
        assert torch.equal(normal_like(torch.zeros(4, 2)), expected)
