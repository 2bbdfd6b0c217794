"""Wrong use of a command, in one sentence: cyclopts's error without its terms for commands and tokens."""

from __future__ import annotations

import difflib
import re

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from isthmus.cli import STANDARD_INPUT

__all__ = ["ELSEWHERE", "is_data_missing", "what_is_wrong"]

CLOSE = 0.7  # similarity from which an option is suggested
ELSEWHERE = {  # what other libraries call an option, and its name here
    **dict.fromkeys(("--epochs", "--n-epochs", "--num-epochs", "--max-epochs"), "--max-iter"),
    **dict.fromkeys(("--latent-dim", "--latent-dims", "--latent-size", "--code-size", "--dim"), "--n-components"),
    **dict.fromkeys(("--lr", "--learning-rate-init"), "--learning-rate"),
    **dict.fromkeys(("--layers", "--hidden", "--hidden-layers", "--hidden-dim"), "--hidden-layer-sizes"),
    **dict.fromkeys(("--target", "--label", "--classes"), "--labels"),
    **dict.fromkeys(("--out", "--output-dir"), "--output"),
    "--model": "--variant",
    **dict.fromkeys(("--random-state", "--random-seed"), "--seed"),
    "--force": "--overwrite",
}
BOUNDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}


def what_is_wrong(error: CycloptsError) -> str:
    """What is wrong, as part of a sentence."""
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        return f"{name} needs a value" if name.startswith("-") else f"{name} is missing"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0].removeprefix(STANDARD_INPUT[0])!r} is one argument too many"
    if isinstance(error, RepeatArgumentError) and error.token.keyword:
        return f"{error.token.keyword} is given twice and takes one value; leave one of them out"
    text = " ".join(str(error).split()).rstrip(".")
    near = re.search(r" Did you mean \"?([^\"?]+)\"?\?$", text)
    guess = f"; did you mean {near[1]!r}?" if near else ""
    if isinstance(error, UnknownOptionError):
        option = str(error.token.keyword or error.token.value)
        known = [name for argument in error.argument_collection for name in argument.names]
        if ELSEWHERE.get(option) in known:
            guess = f"; did you mean {ELSEWHERE[option]!r}?"
        elif option in known or not difflib.get_close_matches(option, known, n=1, cutoff=CLOSE):
            guess = ""
        return f"there is no option {option!r}{guess}"
    if isinstance(error, CoercionError):
        choices = re.search(r"^Invalid value \"(.*)\" for (\S+)\. Choose from: (.*?)\.?(?: Did you mean .*)?$", text)
        if choices:
            return f"{choices[2]} must be one of {choices[3].replace(chr(34), '')}, got {choices[1]!r}{guess}"
        if error.argument is not None and text.startswith("must be "):
            return f"{error.argument.name} {text}"
    bound = re.search(r"^Invalid value \"(.*)\" for (\S+)\. Must be ([<>]=?) (\S+)$", text)
    if bound:
        return f"{bound[2]} must be {BOUNDS[bound[3]]} {bound[4]}, got {bound[1].removesuffix('.0')}"
    return text


def is_data_missing(error: CycloptsError) -> bool:
    """Whether the data were not given."""
    return isinstance(error, MissingArgumentError) and error.argument is not None and error.argument.name == "DATA"
