"""The house plan's floors, read from all imports: those inside functions and those for type checkers count too.

Each message names the rule that was broken.

The checker is itself checked on a made-up package, one broken rule at a time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

import isthmus

PACKAGE = Path(isthmus.__file__).parent
MAX_LINES = 370  # about 300 is meant

# ARCHITECTURE, "The floors", in module names; the first pattern that fits decides.
FLOORS = {
    "": 9,
    "hyperparameter": 0,
    "history": 0,
    "text_table": 0,
    "closed_form": 0,
    "distributed": 0,
    "rows.scaling": 0,
    "tables": 0,
    "tables.*": 0,
    "parts.autoencoder": 1,
    "parts.penalty": 2,
    "parts": 0,
    "parts.*": 0,
    "rows": 2,
    "rows.*": 2,
    "training": 3,
    "training.*": 3,
    "inference.density": 5,
    "inference.missing": 5,
    "inference.draws": 5,
    "inference.banded": 5,
    "imputation": 3,
    "imputation.*": 3,
    "inference": 3,
    "inference.*": 3,
    "fitted": 4,
    "fitted_attributes": 5,
    "pca_attributes": 5,
    "loadings": 5,
    "size_by_fits": 6,
    "generation": 5,
    "generation.*": 5,
    "torch_modules": 5,
    "input_validation": 4,
    "settings": 5,
    "choices": 5,
    "network_trial": 5,
    "closed_form_start": 6,
    "partial_closed_form": 3,
    "initialization": 6,
    "fitting": 6,
    "fitting_run": 6,
    "refitting": 6,
    "rehearsal": 6,
    "worth_trying": 5,
    "announcement": 6,
    "code_size": 6,
    "size_search": 6,
    "evidence_by_size": 6,
    "estimator": 7,
    "inner_fit": 8,
    "variants.*": 8,
    "variants": 9,
    "storage": 9,
    "storage.*": 9,
    "evaluation": 9,
    "evaluation.*": 9,
    "plots": 9,
    "plots.*": 9,
    "tutorial": 9,
    "smallest": 9,
    "smallest.*": 9,
    "anomaly": 9,
    "anomaly.*": 9,
    "series": 9,
    "series.*": 9,
    "denoising": 9,
    "denoising.*": 9,
    "pretraining": 9,
    "pretraining.*": 9,
    "ratings": 9,
    "ratings.*": 9,
    "explorer": 9,
    "explorer.*": 9,
    "onnx_export": 9,
    "__main__": 10,
    "cli": 10,
    "cli.*": 10,
}
TORCH = (
    "distributed",
    "parts.*",
    "rows.*",
    "training.*",
    "fitted",
    "fitted_attributes",
    "pca_attributes",
    "loadings",
    "size_by_fits",
    "imputation.*",
    "inference.*",
    "generation.*",
    "ratings.*",
    "torch_modules",
    "settings",
    "choices",
    "closed_form_start",
    "partial_closed_form",
    "fitting_run",
    "initialization",
    "refitting",
    "rehearsal",
    "announcement",
    "worth_trying",
    "estimator",
    "variants.*",
    "storage*",
    "evaluation*",
    "smallest.*",
    "pretraining.*",
    "explorer.*",
)
# Whoever imports the estimator has imported scikit-learn already; only those may name it at the top.
SKLEARN = (
    "estimator",
    "initialization",
    "fitting",
    "size_by_fits",
    "input_validation",
    "code_size",
    "inner_fit",
    "generation.*",
    "training.callbacks",
    "storage.*",
    "evaluation.*",
    "smallest.*",
    "denoising.*",
    "anomaly.*",
    "pretraining.*",
    "series.*",
    "ratings.*",
    "explorer.*",
)
SEAMS = {"make_corruption", "make_bottleneck", "make_networks", "make_likelihood", "make_penalties", "make_start"}
PART_KINDS = re.compile(
    r"\w*(Corruption|Bottleneck|Likelihood|Penalty|Network|Start|Noise|Masking|BlindSpot|Dictionary)$"
)
# Private names of libraries, which their own rules leave open to us.
FOREIGN = {
    "_fused_adamw_",
    "_is_avx512_bf16_supported",
    "_init_callback_context",
    "_get_param_names",
    "_n_features_out",
    "_replace",
}
VAGUE = {"utils", "util", "misc", "helpers", "helper", "base_utils", "common"}


@dataclass(frozen=True)
class Import:
    """One imported module: by whom, where, and whether at run time and at the top of the file."""

    source: str
    line: int
    target: str
    at_top: bool
    for_types: bool


def module_name(path: Path, root: Path) -> str:
    """``parts/network.py`` is "parts.network", ``parts/__init__.py`` "parts", the package itself ""."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, tree: ast.Module, modules: set[str]) -> Iterator[Import]:
    def walk(node: ast.AST, at_top: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inner = at_top and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from walk(child, inner, True)
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(source, child.lineno, alias.name, at_top, for_types)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    deep = f"{child.module}.{alias.name}"
                    is_module = deep.removeprefix("isthmus.") in modules and deep.startswith("isthmus.")
                    yield Import(source, child.lineno, deep if is_module else str(child.module), at_top, for_types)
            else:
                yield from walk(child, inner, for_types)

    return walk(tree, True, False)


def floor_of(module: str) -> int | None:
    return next((floor for pattern, floor in FLOORS.items() if fnmatch(module, pattern)), None)


def own(target: str) -> str | None:
    """The name inside the package, or None for another library's."""
    if target == "isthmus":
        return ""
    return target.removeprefix("isthmus.") if target.startswith("isthmus.") else None


def broken_rules(root: Path) -> list[str]:
    """Every rule of DESIGN section 3 (and two of section 5) that a file under ``root`` breaks."""
    paths = sorted(root.rglob("*.py"))
    trees = {module_name(path, root): ast.parse(path.read_text()) for path in paths}
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for path in paths:
        name, where = module_name(path, root), path.relative_to(root).as_posix()
        tree = trees[name]
        if VAGUE & set(path.relative_to(root).with_suffix("").parts):
            found.append(f"{where}: a file is named by the question it answers, not utils or helpers")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES:
            found.append(f"{where}: {lines} lines; a file stays under {MAX_LINES}")
        found += _undocumented(where, tree)
        found += _private_reaches(where, tree)
        if not fnmatch(name, "parts.*"):
            found += _questions_to_parts(where, tree)
        if fnmatch(name, "variants.*"):
            found += _beyond_the_seams(where, tree)
        floor = floor_of(name)
        if floor is None:
            found.append(f"{where}: no floor is declared for it (DESIGN section 3, FLOORS in this test)")
            continue
        for entry in imports_of(name, tree, set(trees)):
            found += _broken_by(entry, where, floor)
            target = own(entry.target)
            if target in trees and target != name:
                graph.setdefault(name, set()).add(str(target))
    return found + list(_circles(graph))


def _broken_by(entry: Import, where: str, floor: int) -> Iterator[str]:
    place = f"{where}:{entry.line}"
    target = own(entry.target)
    if target is not None:
        below = floor_of(target)
        if below is not None and below > floor:
            yield f"{place}: imports point down only; floor {floor} imports {entry.target} of floor {below}"
        if target.split(".")[0] == "cli" and entry.source.split(".")[0] not in ("cli", "__main__"):
            yield f"{place}: the library never imports cli"
    library = entry.target.split(".")[0]
    if library == "matplotlib" and entry.source.split(".")[0] != "plots":
        yield f"{place}: matplotlib is imported in plots only"
    for guarded, homes in (("torch", TORCH), ("sklearn", SKLEARN)):
        at_home = any(fnmatch(entry.source, home) for home in homes)
        if library == guarded and entry.at_top and not entry.for_types and not at_home:
            yield f"{place}: {guarded} at the top of a file only in {', '.join(homes)}"


def _undocumented(where: str, tree: ast.Module) -> Iterator[str]:
    if tree.body and ast.get_docstring(tree) is None:
        yield f"{where}: a module has a docstring"
    for node in tree.body:
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield f"{where}:{node.lineno}: public {node.name} has no docstring"


def _private_reaches(where: str, tree: ast.Module) -> Iterator[str]:
    """A private attribute belongs to the file that gives it its value; torch's and scikit-learn's are left to them."""
    given = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    } | {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    given |= {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not re.match(r"_[a-z]", node.attr) or node.attr in FOREIGN:
            continue
        if ast.unparse(node.value) in ("self", "cls", "super()"):
            continue  # its own, or a base class's for it
        if node.attr not in given:
            yield f"{where}:{node.lineno}: {ast.unparse(node)} is another file's private attribute"


def _questions_to_parts(where: str, tree: ast.Module) -> Iterator[str]:
    """What class a part is, is asked nowhere but in its own file."""
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = [node.args[1]]
        elif isinstance(node, ast.Compare) and ast.unparse(node.left).startswith("type("):
            asked = node.comparators
        elif isinstance(node, ast.Compare) and "outputs_per_latent" in ast.unparse(node):
            yield f"{where}:{node.lineno}: a part declares what it is; outputs_per_latent is a size and no answer"
        for kind in asked:
            for name in ast.walk(kind):
                text = name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""
                if PART_KINDS.match(text):
                    yield f"{where}:{node.lineno}: a part is asked whether it is a {text}; let it declare what matters"


def _beyond_the_seams(where: str, tree: ast.Module) -> Iterator[str]:
    """Of the variant's own class; a part that lies in its file, until a second variant wants it, is free."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Autoencoder" in ast.unparse(base) for base in node.bases):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name not in SEAMS:
                    yield f"{where}:{item.lineno}: a variant fills the make_* seams, not {item.name}"


def _circles(graph: dict[str, set[str]]) -> Iterator[str]:
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            circle = (*path[path.index(name) :], name)
            yield f"{' -> '.join(circle)}: imports run in a circle"
        elif name not in done:
            for target in sorted(graph.get(name, ())):
                yield from walk(target, (*path, name))
            done.add(name)

    for name in sorted(graph):
        yield from walk(name, ())


def test_the_package_keeps_the_house_rules():
    assert broken_rules(PACKAGE) == []


def test_the_checker_reads_the_whole_package():
    names = {module_name(path, PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {"", "parts.network", "training.loop", "variants.sparse", "tables.formats.text", "estimator"} <= names
    tree = ast.parse((PACKAGE / "estimator.py").read_text())
    assert {"isthmus.fitting", "torch", "sklearn.base"} <= {e.target for e in imports_of("estimator", tree, names)}


SOUND = {
    "__init__.py": '"""Package."""\n',
    "closed_form.py": '"""Closed form."""\nimport numpy\n',
    "parts/__init__.py": "",
    "parts/network.py": '"""Network."""\nimport torch\n',
    "parts/autoencoder.py": '"""Joined."""\nfrom isthmus.parts import network\n',
    "estimator.py": '"""Face."""\nfrom isthmus.initialization import x\nimport sklearn.base\n',
    "initialization.py": '"""Initialization."""\nfrom isthmus.settings import x\n',
    "settings.py": '"""Settings."""\n',
    "variants/vanilla.py": '"""Vanilla."""\nfrom isthmus.estimator import B\nclass A(B):\n    """One."""\n',
    "plots.py": '"""Plots."""\nfrom matplotlib import pyplot\n',
    "cli/fit.py": '"""Fit."""\ndef fit():\n    """Fit."""\n    import torch\n',
}

BREAKS = {
    "up": ("closed_form.py", "from isthmus.training.objective import x", "imports point down only"),
    "up inside a function": (
        "training/objective.py",
        "def _f():\n    import isthmus.estimator",
        "imports point down only",
    ),
    "up to a submodule": (
        "parts/network.py",
        "from isthmus.parts import autoencoder",
        "imports point down only",
    ),
    "up for types": (
        "history.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import isthmus.storage",
        "imports point down only",
    ),
    "cli": ("plots.py", "from isthmus.cli.fit import fit", "never imports cli"),
    "torch in tables": ("tables/reading.py", "import torch", "torch at the top"),
    "torch in the command line": ("cli/fit.py", "from torch import nn", "torch at the top"),
    "sklearn below the face": (
        "parts/network.py",
        "from sklearn.decomposition import PCA",
        "sklearn at the top",
    ),
    "matplotlib, even late": ("cli/plot.py", "def _f():\n    import matplotlib.pyplot", "matplotlib"),
    "a circle": ("settings.py", "from isthmus import initialization", "in a circle"),
    "a circle inside a function": ("settings.py", "def _f():\n    import isthmus.initialization", "in a circle"),
    "a circle for types": (
        "settings.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from isthmus import initialization",
        "in a circle",
    ),
    "a private reach": ("plots.py", "def _f(x):\n    return x._layout", "another file's private attribute"),
    "a question to a part": ("plots.py", "def _f(x):\n    return isinstance(x, GaussianLikelihood)", "let it declare"),
    "a question by type": ("plots.py", "def _f(x):\n    return type(x) is TopKBottleneck", "let it declare"),
    "a question by size": ("plots.py", "def _f(x):\n    return x.outputs_per_latent == 2", "is a size and no answer"),
    "a vague name": ("parts/utils.py", "", "not utils"),
    "a long file": ("closed_form.py", "x = 1\n" * MAX_LINES, "lines"),
    "no module docstring": ("history.py", None, "a module has a docstring"),
    "no docstring": ("closed_form.py", "def scale():\n    return 1", "public scale has no docstring"),
    "no floor": ("soup.py", "", "no floor is declared"),
    "an override": (
        "variants/own.py",
        "class A(BaseAutoencoder):\n    '''One.'''\n    def fit(self): ...",
        "the make_* seams",
    ),
}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_sound_package_breaks_nothing(tmp_path):
    _write(tmp_path, SOUND)
    assert broken_rules(tmp_path) == []


@pytest.mark.parametrize("what", BREAKS)
def test_each_broken_rule_is_named(tmp_path, what):
    name, text, words = BREAKS[what]
    source = "x = 1\n" if text is None else SOUND.get(name, '"""Doc."""\n') + text + "\n"
    _write(tmp_path, SOUND | {name: source})
    messages = broken_rules(tmp_path)
    assert any(words in message and (name in message or words == "in a circle") for message in messages), messages
