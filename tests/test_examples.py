"""What a newcomer adds: each example is one file of `tests/examples`, tried here as if it were one of the family."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

import isthmus
from conftest import curved_table
from isthmus.estimator import BaseAutoencoder
from isthmus.explorer.programs import UnknownLayerError
from isthmus.parts.autoencoder import ForwardOutput
from isthmus.parts.bottleneck import GaussianBottleneck, PointBottleneck, Posterior, TopKBottleneck
from isthmus.parts.corruption import GaussianNoise, NoCorruption
from isthmus.parts.draws import seeded
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import Network
from isthmus.rows.rows import dense_rows
from isthmus.training.loop import MEASURE_SEED

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE / "examples").glob("*.py"))
PACKAGE = Path(isthmus.__file__).parent
X = curved_table(300)
COUNTS = np.random.default_rng(0).poisson(np.exp(0.4 * curved_table(300, seed=1) - 1).clip(0, 30)).astype(float)


def example(path: Path) -> type[BaseAutoencoder]:
    """The variant in an example's file."""
    spec = importlib.util.spec_from_file_location(f"examples_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    (kind,) = (
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, BaseAutoencoder) and found.__module__ == spec.name
    )
    return kind


KINDS = {path.stem: example(path) for path in EXAMPLES}


def rows_for(name: str) -> np.ndarray:
    return COUNTS if name == "poisson" else X


# ---- parts made here, by someone who knows nothing of the short cuts ------------------------------------


class Rounded(PointBottleneck):
    def forward(self, h):
        bounded = 4 * torch.tanh(h)
        return Posterior(bounded + (bounded.round() - bounded).detach())


class Shrunk(NoCorruption):
    def forward(self, x):
        return 0.5 * x


class Absolute(GaussianLikelihood):
    def forward(self, output, x):
        return (self.mean(output) - x).abs().sum(1)


class Folded(GaussianLikelihood):
    def mean(self, output):
        return output.abs()


class Halved(Network):
    def forward(self, x, given=None):
        return 0.5 * super().forward(x, given)


class Noisy(GaussianBottleneck):
    def forward(self, h):
        posterior = super().forward(h)
        return Posterior(posterior.mean.tanh(), posterior.log_variance)


class Top(TopKBottleneck):
    def forward(self, h):
        return Posterior(super().forward(h).mean * 2)


class RoundedAutoencoder(BaseAutoencoder):
    def make_bottleneck(self, n_latents):
        return Rounded()


class ShrunkAutoencoder(BaseAutoencoder):
    def make_corruption(self, low, high):
        return Shrunk()


class AbsoluteAutoencoder(BaseAutoencoder):
    def make_likelihood(self, columns):
        return Absolute.from_settings(self, columns)


class FoldedAutoencoder(BaseAutoencoder):
    def make_likelihood(self, columns):
        return Folded.from_settings(self, columns)


class HalvedAutoencoder(BaseAutoencoder):
    def make_networks(self, architecture):
        encoder, decoder = architecture.build()
        return Halved(encoder.skip, encoder.residual, output_size=architecture.n_latents), decoder


class NoisyAutoencoder(BaseAutoencoder):
    def make_bottleneck(self, n_latents):
        return Noisy()


class TopAutoencoder(BaseAutoencoder):
    def make_bottleneck(self, n_latents):
        return Top(min(2, n_latents))


MADE = {
    kind.__name__: kind
    for kind in (
        RoundedAutoencoder,
        ShrunkAutoencoder,
        AbsoluteAutoencoder,
        FoldedAutoencoder,
        HalvedAutoencoder,
        NoisyAutoencoder,
        TopAutoencoder,
    )
}


def measured_by_hand(model: BaseAutoencoder, rows: np.ndarray) -> tuple[float, float]:
    """Squared error of the held-out rows: of a pass as training makes it, and of a plain reconstruction."""
    from isthmus.rows.validation import validation_count

    fitted = model.fitted_
    with seeded(fitted.seed):
        _, held_out = dense_rows(rows, fitted.scaling).split(validation_count(len(rows), None))
    x = torch.cat(list(held_out.batches()))
    with torch.no_grad(), seeded(MEASURE_SEED):
        passed = fitted.model(x)
        as_trained = (fitted.model.likelihood.mean(passed.output) - passed.x).square().mean()
    with torch.inference_mode():
        plain = (fitted.model.reconstruct(x) - x).square().mean()
    return float(as_trained), float(plain)


def assert_history_is_true(model: BaseAutoencoder, rows: np.ndarray) -> None:
    best = model.history_[model.best_epoch_]
    as_trained, plain = measured_by_hand(model, rows)
    assert best["validation_mse"] == pytest.approx(as_trained, rel=2e-4)
    draws = model.model_.bottleneck.has_prior or model.model_.bottleneck.ordered
    if not draws and model.model_.corruption.is_identity:
        assert best["validation_mse"] == pytest.approx(plain, rel=2e-4)
        error = ((model.reconstruct(rows) - rows) ** 2).mean() / model.scaling_.unit**2
        assert error == pytest.approx(plain, rel=0.6)  # the other rows are of the same kind


@pytest.mark.parametrize("settings", [{}, {"hidden_layer_sizes": ()}, {"start": "random"}], ids=str)
def test_history_is_true_for_every_variant(kind, settings):
    assert_history_is_true(kind(2, random_state=0, max_iter=6, refit=False, **settings).fit(X), X)


@pytest.mark.parametrize("settings", [{}, {"hidden_layer_sizes": ()}, {"start": "random"}], ids=str)
@pytest.mark.parametrize("name", MADE)
def test_history_is_true_for_parts_nobody_has_heard_of(name, settings):
    assert_history_is_true(MADE[name](2, random_state=0, max_iter=6, refit=False, **settings).fit(X), X)


@pytest.mark.parametrize("name", KINDS)
def test_history_is_true_for_the_examples(name):
    rows = rows_for(name)
    assert_history_is_true(KINDS[name](2, random_state=0, max_iter=6, refit=False).fit(rows), rows)


def test_a_part_with_a_pass_of_its_own_declares_no_short_cut():
    assert PointBottleneck.is_identity
    assert not Rounded.is_identity
    assert not Rounded.is_gate
    assert not Shrunk.is_identity
    assert not Absolute().is_squared_error
    assert not Folded().is_gaussian
    assert Halved(torch.nn.Linear(2, 2), None).perceptron_layers() is None
    assert GaussianNoise(0.1).is_identity is False


def test_the_page_refuses_a_part_it_does_not_know_by_name(tmp_path):
    for name, words in (("RoundedAutoencoder", "Rounded"), ("FoldedAutoencoder", "a likelihood of the kind Folded")):
        model = MADE[name](2, random_state=0, max_iter=2).fit(X)
        page = tmp_path / f"{name}.html"
        if words == "Rounded":  # the decoder runs; rows of one's own can't be placed
            isthmus.explorer.write_explorer(model, page, X)
            assert page.exists()
        else:
            with pytest.raises(UnknownLayerError, match=words):
                isthmus.explorer.write_explorer(model, page, X)


# ---- the examples: their own maths ----------------------------------------------------------------------


def test_fsq_codes_are_levels():
    model = KINDS["fsq"](2, levels=5, max_iter=20, random_state=0).fit(X)
    codes = model.transform(X)
    assert set(np.unique(codes.round(5))) <= {-1.0, -0.5, 0.0, 0.5, 1.0}
    assert len(np.unique(codes, axis=0)) > 5
    first, last = model.history_[0], model.history_[model.best_epoch_]
    assert last["validation_mse"] < first["validation_mse"]


def test_the_total_correlation_is_nothing_for_one_latent_and_something_for_two_alike():
    kind = KINDS["beta_tc"](2)
    penalty = kind.make_penalties()["total_correlation"]
    mean = torch.linspace(-3, 3, 40)[:, None]

    def cost(latents):
        posterior = Posterior(latents, torch.full_like(latents, -4.0))
        return float(penalty(ForwardOutput(latents, latents, posterior, latents, latents)).mean())

    alone, alike = cost(mean), cost(torch.cat([mean, mean], 1))
    assert alone == pytest.approx(0, abs=1e-5)
    assert alike > 1
    model = kind.set_params(max_iter=3, random_state=0).fit(X)
    assert "validation_total_correlation" in model.history_.columns


def test_vq_codes_come_from_the_book():
    model = KINDS["vq"](2, book_size=7, max_iter=10, random_state=0).fit(X)
    assert len(np.unique(model.transform(X).round(4), axis=0)) <= 7
    for size in (None, 3):
        assert KINDS["vq"](size, max_iter=2, random_state=0).fit(X).transform(X).shape == (300, size or 2)


def test_poisson_takes_counts_samples_counts_and_refuses_others():
    kind = KINDS["poisson"]
    model = kind(2, max_iter=10, polish=0, random_state=0).fit(COUNTS)
    drawn = model.sample(200, noise=True)
    assert drawn.min() >= 0
    np.testing.assert_array_equal(drawn, drawn.round())
    assert np.isfinite(model.score(COUNTS))
    with pytest.raises(ValueError, match="PoissonAutoencoder: needs counts, whole numbers from 0; column 2 has"):
        kind(2).fit(np.where(np.arange(6) == 2, -COUNTS - 1, COUNTS))
    with pytest.raises(ValueError, match="needs counts"):
        kind(2).fit(COUNTS + 0.5)
    with pytest.raises(ValueError, match="counts must be left as they are"):
        kind(2, scale="standard").fit(COUNTS)
    with pytest.raises(UnknownLayerError, match="a likelihood of the kind PoissonLikelihood"):
        isthmus.explorer.write_explorer(model, "unwritten.html", COUNTS)
    rows = torch.from_numpy(COUNTS[:5])
    with torch.no_grad():
        np.testing.assert_allclose(model.to_torch()(rows).numpy(), model.reconstruct(COUNTS[:5]), rtol=1e-4)


def test_a_likelihood_that_says_nothing_of_samples_is_not_sampled_from():
    class Silent(Absolute):
        def sample(self, mean, noise_variance, generator):
            return isthmus.parts.likelihood.Likelihood.sample(self, mean, noise_variance, generator)

    class SilentAutoencoder(BaseAutoencoder):
        def make_likelihood(self, columns):
            return Silent.from_settings(self, columns)

    model = SilentAutoencoder(2, max_iter=2, random_state=0).fit(X)
    assert model.sample(3).shape == (3, 6)
    with pytest.raises(NotImplementedError, match="Silent doesn't define how rows are sampled"):
        model.sample(3, noise=True)


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"poisson"}))
def test_check_estimator_expects_no_failures(name):
    model = KINDS[name](2, max_iter=1, hidden_layer_sizes=(4,))
    check_estimator(model, expected_failed_checks={}, on_fail="raise", on_skip=None)


# ---- as a newcomer adds one -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the project, as it is compiled, with every example's file more, and the one of ARCHITECTURE.md."""
    root = tmp_path_factory.mktemp("house")
    for part in ("src", "tests", "docs", "README.md", "ARCHITECTURE.md", "pyproject.toml", "benchmarks", "course"):
        source = HERE.parent / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("_build", "node_modules", "*.pyc.*"))
        else:
            shutil.copy(source, root / part)
    for path in EXAMPLES:
        shutil.copy(path, root / "src" / "isthmus" / "variants" / path.name)
    (root / "src" / "isthmus" / "variants" / "square.py").write_text(shown_in_architecture())
    return root


def shown_in_architecture() -> str:
    """The file that the page tells a newcomer to write."""
    page = (HERE.parent / "ARCHITECTURE.md").read_text()
    (block,) = re.findall(r"```python\n# src/isthmus/variants/square\.py\n(.*?)```", page, flags=re.DOTALL)
    return block


def run(house: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(house / "src"), str(house / "course" / "src")]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=house, capture_output=True, text=True, check=False
    )


def test_the_house_rules_and_the_docs_take_them_as_they_are(house):
    done = run(
        house,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_floors.py",
        "tests/test_docs.py",
        "-k",
        "rules or variant",
    )
    assert done.returncode == 0, done.stdout


LIBRARY = """
import sys
import numpy as np
import isthmus
from isthmus.storage import load, save
from isthmus.variants import variants

assert {"square", "fsq", "beta_tc", "vq", "poisson"} <= set(variants()), variants()
X = np.random.default_rng(0).poisson(3.0, (90, 6)).astype(float)
for name in ("square", "fsq", "beta_tc", "vq", "poisson"):
    kind = variants()[name]
    assert getattr(isthmus, kind.__name__) is kind
    model = kind(2, max_iter=2, random_state=0).fit(X)
    again = load(save(model, f"{sys.argv[1]}-{name}"))
    assert type(again) is kind and again.get_params() == model.get_params()
    assert np.array_equal(again.transform(X), model.transform(X)), name
print("found, fitted, saved")
"""


def test_the_library_finds_fits_and_saves_them(house):
    done = run(house, "-W", "error", "-c", LIBRARY, str(house / "model"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "found, fitted, saved\n"


COMMANDS = """
from isthmus.cli.outcome import run

assert run("fit --help --variant fsq".split()) == 0
assert run("fit iris --variant fsq --levels 5 --max-iter 2 -o run --no-plots".split()) == 0
assert run("fit iris --variant square --shrinkage=-1 -o no".split()) in (1, 2)
"""


def test_the_command_line_lists_and_fits_them(house):
    done = run(house, "-c", COMMANDS)  # in one process: PyTorch is imported once
    assert done.returncode == 0, done.stdout + done.stderr
    helped, refused = " ".join(done.stdout.replace("│", " ").split()), done.stderr
    assert "levels that each latent can take" in helped
    assert "shrinkage must be at least 0, got -1" in refused
