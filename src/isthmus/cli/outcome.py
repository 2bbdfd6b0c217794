"""How a command ends: what it prints, where, and with which exit code.

0 means success, 1 failure, 2 wrong use (an unknown command, flag or value), 130 interrupted by Ctrl-C. Results go to
standard output; notes to the user, and every error, go to standard error in one sentence.
"""

from __future__ import annotations

import difflib
import errno
import gc
import json
import math
import os
import re
import shlex
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from cyclopts import CycloptsError

from isthmus.cli import STANDARD_INPUT, application, commands, is_command
from isthmus.cli.misuse import is_data_missing, what_is_wrong
from isthmus.cli.quick_imports import statistics_when_used
from isthmus.cli.signals import in_an_import, signals_unwind
from isthmus.cli.typed_flags import flags_typed

__all__ = [
    "CommandError",
    "UsageError",
    "as_json",
    "escaped",
    "finite",
    "print_json",
    "run",
    "say",
    "say_passing",
    "show",
    "warnings_said",
]

WELL, FAILED, WRONG_USE, STOPPED = 0, 1, 2, 130
DEBUG = "--debug"
OWN_OPTIONS = ("--help", "-h", "--version")
TOO_FEW = re.compile(r"Found array with (\d+) sample\(s\) .*while a minimum of (\d+) is required")  # scikit-learn's
CLASS = re.compile(r"^[A-Z][a-z]+[A-Z]?\w*: ")  # of the library, before what it says
CLEAR = "\x1b[K"
_is_passing = False  # whether the next line overwrites the one on the terminal
MIN_ROOM = 64 << 20  # with less, pyarrow cannot start its threads
MIN_ADDRESS_SPACE = 1 << 30  # with less, loading PyTorch's libraries aborts the process
# Libraries report a lack of memory in errors of many kinds.
NUMBERS = re.compile(r"\[\n[-+.\dEelnu,\s]+\]")  # an indented list of numbers and nulls
NO_MEMORY = re.compile(
    r"can(not|'t) allocate memory|not enough memory|failed to map segment|bad_alloc|can't start new thread|"
    "could not create a primitive",
    re.IGNORECASE,
)
# Modules whose ValueErrors are messages for the user: this library, and scikit-learn's validation of arrays.
SPEAKERS = ("isthmus", "sklearn.utils.validation")


GREETING = """\
isthmus: autoencoders that start where PCA ends.

  isthmus fit digits           fit a model to bundled data and compare it with PCA
  isthmus fit table.csv        the same for your own table, array or folder of pictures
  isthmus smallest table.csv   find the smallest code that still reconstructs your data well

isthmus --help lists all commands, isthmus help fit explains one, isthmus learn opens the course."""


class CommandError(Exception):
    """The command failed; the message is one sentence."""


class UsageError(Exception):
    """The command was used wrongly; the message is one sentence."""


def run(tokens: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    debug, interrupted = DEBUG in tokens, []
    tokens = [token for token in tokens if token != DEBUG]
    try:
        with _notes_for_warnings(), statistics_when_used(), signals_unwind() as interrupted:
            if not tokens:
                show(*GREETING.splitlines())
                return WELL
            tokens = _help_first(tokens)
            _require_known_command(tokens)
            tokens = [STANDARD_INPUT if token == "-" else token for token in tokens]
            command, given, _ = application(tokens[0] if is_command(tokens[0]) else None).parse_args(
                tokens, print_error=False, exit_on_error=False
            )
            _require_address_space()
            _collect_from_here()
            with flags_typed(command, given):
                command(*given.args, **given.kwargs)
            sys.stdout.flush()
        return WELL
    except BrokenPipeError:
        _forget_stdout()
        return WELL
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else WELL
    except BaseException as error:
        if debug:
            for line in traceback.format_exc().splitlines():
                say(line)
        code, sentence = _outcome_of(KeyboardInterrupt() if interrupted and in_an_import(error) else error, tokens)
        say(f"isthmus: {sentence}")
        return code


def _collect_from_here() -> None:
    """Enable garbage collection again (see `isthmus.__main__`), without the objects of the imports."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _require_address_space() -> None:
    """Refuse too little address space, with which PyTorch aborts the process and pyarrow hangs."""
    try:
        import resource
    except ImportError:  # there is no such limit on Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    with suppress(OSError), open("/proc/self/statm") as file:  # on Linux only
        if limit - int(file.read().split()[0]) * resource.getpagesize() < MIN_ROOM:
            raise MemoryError
    if limit < MIN_ADDRESS_SPACE:
        raise CommandError(
            f"ulimit -v allows {limit >> 20:,} MB of memory, and PyTorch alone takes {MIN_ADDRESS_SPACE >> 20:,}; "
            "type ulimit -v unlimited."
        )


def say(text: str) -> None:
    """Print one line to standard error; control characters are escaped."""
    global _is_passing
    with suppress(OSError):
        print(f"{CLEAR if _is_passing else ''}{_encodable(escaped(text), sys.stderr)}", file=sys.stderr, flush=True)
    _is_passing = False


def say_passing(text: str) -> None:
    """Show progress on a terminal: a line that the next one overwrites; elsewhere print nothing."""
    global _is_passing
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return
    shown = _encodable(escaped(text), sys.stderr)[: shutil.get_terminal_size().columns - 1]
    with suppress(OSError):
        print(f"{CLEAR}{shown}\r", end="", file=sys.stderr, flush=True)  # the next line overwrites it
    _is_passing = bool(text)


def show(*parts: Any) -> None:
    """Print results for a person to standard output: lines of text, and tables made by rich."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    for part in parts:
        if isinstance(part, str):
            print(_encodable(escaped(part), sys.stdout))
        else:
            with console.capture() as drawn:
                console.print(part)
            print(_encodable(drawn.get(), sys.stdout), end="")


@contextmanager
def warnings_said() -> Iterator[None]:
    """Print the warnings of a fit as notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in caught:
        sentence = str(one.message).partition(": ")[2] or str(one.message)
        say(f"note: {sentence}")


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object to standard output."""
    print(as_json(facts))


def as_json(facts: Mapping[str, Any]) -> str:
    """One JSON object, indented, with a line for each list of numbers; numbers that are not finite become null.

    >>> print(as_json({"shares": [0.5, float("nan")], "name": "a"}))
    {
      "shares": [0.5, null],
      "name": "a"
    }
    """
    text = json.dumps(finite(facts), indent=2, allow_nan=False)
    return NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def finite(value: Any) -> Any:
    """The value with None for numbers that are not finite, which JSON cannot hold.

    >>> finite({"mse": float("nan"), "sizes": (1, 2)})
    {'mse': None, 'sizes': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def escaped(text: str) -> str:
    r"""Text with control and other non-printable characters escaped.

    >>> escaped("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _outcome_of(error: BaseException, tokens: Sequence[str]) -> tuple[int, str]:
    """The exit code of an error, and its message."""
    if isinstance(error, KeyboardInterrupt):
        return STOPPED, "interrupted; nothing was left half written."
    if _is_of_memory(error):
        return FAILED, "there is not enough memory for this; try fewer rows, columns or units, or raise ulimit -v."
    if isinstance(error, CycloptsError):
        chain = " ".join(["isthmus", *tokens[:1]]) if tokens and is_command(tokens[0]) else "isthmus"
        bare = is_data_missing(error) and not any(token.startswith("-") for token in tokens)
        example = f"type isthmus {shlex.join(tokens)} table.csv, or " if bare else ""
        what = what_is_wrong(error)
        join = " See" if what.endswith("?") else f"; {example}see"
        return WRONG_USE, f"{what}{join} {chain} --help."
    if isinstance(error, UsageError):
        return WRONG_USE, _one_line(error)
    few = TOO_FEW.match(_one_line(error)) if isinstance(error, ValueError) else None
    if few is not None:
        rows = "1 row is" if few[1] == "1" else f"{few[1]} rows are"
        return FAILED, f"{rows} too few, at least {few[2]} are needed; add rows."
    if _is_sentence(error):
        return FAILED, CLASS.sub("", _one_line(error))
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{str(error.filename)!r}: "
        return FAILED, f"{place}{error.strerror}; check the path, your rights and the space left."
    what = _one_line(error).rstrip(".")
    return (
        FAILED,
        f"unexpected {type(error).__name__}{f' ({what})' if what else ''}; rerun with {DEBUG} to see where.",
    )


def _is_sentence(error: BaseException) -> bool:
    """Whether an error's message is for the user."""
    speaks = isinstance(error, ValueError) and _raised_by(error).startswith(SPEAKERS)
    return speaks or isinstance(error, (CommandError, UsageError))


def _is_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, is from a lack of memory; a message for the user decides by its text."""
    if error is not None and _is_sentence(error):
        return NO_MEMORY.search(str(error)) is not None
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _raised_by(error: BaseException) -> str:
    """The module in which an error was raised."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return frames[-1][0].f_globals.get("__name__", "") if frames else ""


def _require_known_command(tokens: Sequence[str]) -> None:
    """Refuse an unknown command here: cyclopts would import every command to do so."""
    if tokens[0] in OWN_OPTIONS or is_command(tokens[0]):
        return
    if tokens[0].startswith("-"):
        close = difflib.get_close_matches(tokens[0], OWN_OPTIONS, n=1)
        rest = (
            f"did you mean {close[0]!r}?" if close else "options of a command come after it, as in isthmus fit --help."
        )
        raise UsageError(f"there is no option {tokens[0]!r} before a command; {rest}")
    close = difflib.get_close_matches(tokens[0], commands(), n=1)
    rest = f"did you mean {close[0]!r}?" if close else f"the commands are {', '.join(commands())}."
    raise UsageError(f"there is no command {tokens[0]!r}; {rest}")


def _help_first(tokens: Sequence[str]) -> list[str]:
    """``isthmus help fit`` is ``isthmus fit --help``, and ``isthmus help`` is ``isthmus --help``."""
    if tokens[0] != "help" or is_command("help"):
        return list(tokens)
    return [*(name for name in tokens[1:2] if name != "help"), "--help"]


@contextmanager
def _notes_for_warnings() -> Iterator[None]:
    """Print a warning as one sentence on standard error, without the line of code that raised it."""

    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"note: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = note
        # Columns are matched by name when a file is read; the model gets an array in its own order.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


def _forget_stdout() -> None:
    """Redirect standard output, so nothing is flushed into a closed pipe at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _encodable(text: str, stream: Any) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
