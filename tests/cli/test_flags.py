"""Every hyperparameter is a flag, written once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli.conftest import call, sentence
from isthmus.cli import torch_ahead
from isthmus.cli.flag_table import TABLE, declared, known, written
from isthmus.cli.hyperparameter_flags import _shown, as_flags, settings_of, variant_names
from isthmus.cli.outcome import UsageError
from isthmus.hyperparameter import hyperparameters
from isthmus.variants import variants


@pytest.fixture(scope="module")
def page() -> str:
    return call("fit", "--help").out


def test_the_variants_are_found_from_their_files():
    assert variant_names() == tuple(variants())


def test_the_table_of_flags_is_what_the_declarations_say():
    assert TABLE.read_text(encoding="utf-8") == written(declared()), "run python -m isthmus.cli.flag_table"
    assert known(variant_names()) == declared()


def test_with_another_variant_the_declarations_are_read():
    assert known(("vanilla",)) is not known(variant_names())
    assert known(("vanilla",)) == declared()


def test_a_file_is_described_before_pytorch_is_imported(tmp_path):
    (tmp_path / "people.csv").write_text("height,city\n" + "1.7,Oslo\n1.8,Bergen\n" * 20)
    refuse = (
        "import sys\n"
        "class Refused:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': raise ImportError('asked for')\n"
        "sys.meta_path.insert(0, Refused())\n"
        "from isthmus.cli.outcome import run\n"
        "run(['fit', 'people.csv', '--seed', '1'])\n"
    )
    done = subprocess.run([sys.executable, "-c", refuse], cwd=tmp_path, capture_output=True, text=True)
    described, asked, _ = done.stderr.partition("asked for")
    assert "city    category" in described
    assert asked


def test_pytorch_is_imported_while_a_large_file_is_read(tmp_path, monkeypatch):
    path, imported = tmp_path / "rows.csv", []
    path.write_bytes(b"0" * 100)
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(torch_ahead.importlib, "import_module", imported.append)
    monkeypatch.setattr(torch_ahead.os, "cpu_count", lambda: 2)
    assert torch_ahead.import_torch_while_reading(str(path)) is None
    assert torch_ahead.import_torch_while_reading(str(tmp_path / "none.csv")) is None
    monkeypatch.setattr(torch_ahead, "LARGE", 100)
    thread = torch_ahead.import_torch_while_reading(str(path))
    thread.join()
    assert imported == ["torch"]


def test_every_hyperparameter_is_on_the_help_page(page, kind):
    for name, parameter in hyperparameters(kind).items():
        assert f"--{name.replace('_', '-')}" in page
        assert parameter.meaning.split()[0] in page
    assert "None" not in page
    assert "()" not in page


def test_a_default_as_the_help_shows_it_means_the_default(kind):
    name_of = {found: name for name, found in variants().items()}
    for name, parameter in hyperparameters(kind).items():
        if not isinstance(parameter.default, bool):
            settings = settings_of(name_of[kind], {name: _shown(parameter)})
            assert settings[name] == parameter.default, name


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_components", "8", 8),
        ("n_components", "auto", "auto"),
        ("n_components", "none", None),
        ("n_components", "0.95", 0.95),
        ("rotate", "varimax", "varimax"),
        ("whiten", True, True),
        ("hidden_layer_sizes", "256,128", (256, 128)),
        ("hidden_layer_sizes", "64", (64,)),
        ("hidden_layer_sizes", "(64, 32)", (64, 32)),
        ("hidden_layer_sizes", "linear", ()),
        ("hidden_layer_sizes", "auto", None),
        ("image_shape", "28,28", (28, 28)),
        ("channels", "none", ()),
        ("scale", "none", None),
        ("scale", "standard", "standard"),
        ("gradient_clip", "none", None),
        ("learning_rate", "1e-2", 0.01),
        ("variance", "learned", "learned"),
        ("variance", "2", 2),
        ("max_iter", "auto", None),
        ("device", "cpu", "cpu"),
        ("early_stopping", False, False),
    ],
)
def test_text_becomes_a_value(name, text, value):
    settings = settings_of("vanilla", {name: text})
    assert settings == {"verbose": True, name: value}


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["-p", "0"], "--n-components must be at least 1, got 0."),
        (
            ["-p", "2.5"],
            "--n-components must be a whole number, a share above 0 and below 1, 'auto' or 'none', got 2.5.",
        ),
        (
            ["-n", "1.0"],
            "--n-components must be a whole number, a share above 0 and below 1, 'auto' or 'none', got 1.",
        ),
        (["--learning-rate", "fast"], "--learning-rate must be a number, got 'fast'."),
        (["--learning-rate", "0"], "--learning-rate must be above 0, got 0."),
        (["--scale", "loud"], "--scale must be one of 'auto', 'standard', 'minmax', got 'loud'."),
        (["--hidden-layer-sizes", "none"], "such as 256,128 or 'linear' or 'auto', got 'none'."),
        (["--hidden-layer-sizes", "64,,32"], "got '64,,32'."),
        (["--hidden-layer-sizes", "64,0"], "must contain integers of at least 1"),
        (["--validation-fraction", "nan"], "--validation-fraction must be"),
        (
            ["--top-k", "3"],
            "does not apply to --variant vanilla; it is for --variant combined and --variant sparse.",
        ),
        (["--beta", "1"], "does not apply to --variant vanilla; it is for --variant variational."),
        (["--variant", "spars"], "--variant must be one of combined, contractive, denoising, nested, sparse"),
        (["--test-size", "1"], "--test-size"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_a_wrong_value_is_wrong_use(tokens, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    called = call("fit", "digits", *tokens)
    assert called.code == 2
    assert words in sentence(called)
    assert not list(tmp_path.iterdir())


def test_an_unknown_variant_is_refused_by_name():
    with pytest.raises(UsageError, match="--variant must be one of"):
        settings_of("none", {})


def test_a_sentence_of_the_library_names_flags_and_no_class():
    said = "Autoencoder: network='convolution' needs hidden_layer_sizes=() or an order; give image_shape."
    wanted = "--network convolution needs --hidden-layer-sizes linear or an order; give --image-shape."
    assert as_flags(said) == wanted
