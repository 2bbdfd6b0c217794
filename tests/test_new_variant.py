"""A variant costs one file: drop one into a copy of the package, and everything finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import isthmus

PACKAGE = Path(isthmus.__file__).parent

FILE = '''"""The square autoencoder: a code near zero, by the sum of its squares."""

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.penalty import Penalty


class Squares(Penalty):
    """Σ_j z_j²."""
    def __call__(self, forward):
        return forward.code.square().sum(1)


class SquareAutoencoder(BaseAutoencoder):
    """Adds λ Σ z² to the loss."""
    shrinkage: float = hyper(0.25, "weight λ of the squared code", at_least=0)
    def make_penalties(self): return {"shrinkage": Squares(self.shrinkage)}
'''

LIBRARY = """
import sys
from pathlib import Path
import numpy as np
import isthmus
from isthmus.variants import variant, variants

assert Path(isthmus.__file__).parent == Path(sys.argv[1]), isthmus.__file__
assert "square" in variants() and len(variants()) == int(sys.argv[2]) + 1
assert isthmus.SquareAutoencoder is variant("square")
X = np.random.default_rng(0).standard_normal((60, 5)) @ np.diag([3, 2, 1, 0.5, 0.1])
model = isthmus.SquareAutoencoder(2, max_iter=3, random_state=0).fit(X)
assert model.transform(X).shape == (60, 2) and model.reconstruct(X).shape == X.shape
assert "train_shrinkage" in model.history_.columns
assert model.get_params()["shrinkage"] == 0.25
try:
    isthmus.SquareAutoencoder(2, shrinkage=-1).fit(X)
except ValueError as refusal:
    assert str(refusal) == "SquareAutoencoder: shrinkage must be at least 0, got -1.", refusal
else:
    raise SystemExit("a shrinkage of -1 was accepted")

from sklearn.utils.estimator_checks import check_estimator
check_estimator(isthmus.SquareAutoencoder(2, max_iter=2), on_skip=None)

from isthmus.storage import load, save
save(model, sys.argv[3])
again = load(sys.argv[3])
assert type(again) is isthmus.SquareAutoencoder and again.get_params() == model.get_params()
assert np.array_equal(again.transform(X), model.transform(X))
print("found, fitted, checked, saved")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A copy of the package with one file more."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(PACKAGE, home / "isthmus", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "isthmus" / "variants" / "square.py").write_text(FILE)
    return home


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": str(home),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=300, check=False)


def test_the_library_finds_fits_checks_and_saves_it(home):
    from isthmus.variants import variants

    assert len(FILE.splitlines()) <= 20
    done = run(home, "-W", "error", "-c", LIBRARY, str(home / "isthmus"), str(len(variants())), str(home / "model"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("found, fitted, checked, saved\n")


@pytest.mark.skipif(not (PACKAGE / "cli" / "fit.py").exists(), reason="the command line is not written yet")
def test_the_command_line_fits_it_and_lists_its_flag(home):
    helped = run(home, "-m", "isthmus", "fit", "--help", "--variant", "square")
    done = run(
        home, "-m", "isthmus", "fit", "iris", "--variant", "square", "--shrinkage", "0.5", "--max-iter", "2",
        "-o", str(home / "run"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert helped.returncode == 0, helped.stderr
    assert "--shrinkage" in helped.stdout
    assert "weight λ of the squared code" in " ".join(helped.stdout.replace("│", " ").split())
    refused = run(home, "-m", "isthmus", "fit", "iris", "--variant", "square", "--shrinkage=-1", "-o", str(home / "no"))
    assert refused.returncode in (1, 2)
    assert "shrinkage must be at least 0, got -1" in refused.stdout + refused.stderr
    assert not (home / "no").exists()
