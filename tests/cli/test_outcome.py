"""Exit codes, one-sentence errors, and a help page that waits for no library."""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import warnings

import pandas
import pytest

import isthmus
import isthmus.cli
from cli.conftest import QUICK, call, sentence
from isthmus.__main__ import main
from isthmus.cli import application, commands
from isthmus.cli.misuse import ELSEWHERE
from isthmus.cli.outcome import CommandError, escaped, finite, run, say, say_passing

HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "pyarrow", "pandas", "polars", "PIL")
IN_A_NEW_PROCESS = """
import sys
from isthmus.cli.outcome import run
code = run(sys.argv[1:])
print("loaded:", *sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("tokens", "code", "words"),
    [
        (["--help"], 0, "Start with: isthmus fit digits"),
        (["--version"], 0, isthmus.__version__),
        ([], 0, "isthmus fit table.csv"),
        (["help"], 0, "Start with: isthmus fit digits"),
        (["encod"], 2, ""),
    ],
)
def test_help_and_version_wait_for_no_library(tokens, code, words):
    answer = python("-c", IN_A_NEW_PROCESS, *tokens)
    assert answer.returncode == code
    assert words in answer.stdout
    loaded = answer.stderr.split("loaded:")[1].split()
    assert not set(loaded) & set(HEAVY)


def test_the_package_is_a_command():
    answer = python("-m", "isthmus", "--version")
    assert (answer.returncode, answer.stdout.strip()) == (0, isthmus.__version__)


def test_every_command_is_listed_with_its_first_line():
    page = call("--help")
    assert page.code == 0
    assert {"fit", "encode", "decode", "reconstruct", "score", "sample", "evaluate", "plot", "info"} <= set(commands())
    assert not [name for name in commands() if "_" in name]  # what only other files call is no command
    for name, about in commands().items():
        assert name in page.out
        assert about.split("\n")[0].split()[0] in page.out


@pytest.mark.parametrize(
    "name", ["encode", "decode", "reconstruct", "impute", "score", "sample", "evaluate", "plot", "info"]
)
def test_every_command_explains_itself(name):
    page = call(name, "--help")
    assert page.code == 0
    assert "RUN" in page.out
    assert "--debug" in page.out


def test_a_new_command_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "greet.py").write_text(
        "def greet(name: str, /, *, loud: bool = False):\n"
        '    """Say good day.\n\n    Parameters\n    ----------\n    name\n        To whom.\n    """\n'
        "    print('GOOD DAY' if loud else 'good day', name)\n"
    )
    (tmp_path / "shared.py").write_text("def something_else():\n    pass\n")
    monkeypatch.setattr(isthmus.cli, "__path__", [*isthmus.cli.__path__, str(tmp_path)])
    assert commands()["greet"] == "Say good day."
    assert "shared" not in commands()
    assert call("greet", "Ada", "--loud").out == "GOOD DAY Ada\n"
    assert "Say good day." in call("--help").out
    sys.modules.pop("isthmus.cli.greet")


def test_a_file_may_hold_several_commands(tmp_path, monkeypatch):
    (tmp_path / "greeting_commands.py").write_text(
        'def hail():\n    """Say hail."""\n    print(_word(\'hail\'))\n\n\n'
        'def farewell():\n    """Say farewell."""\n    print(_word(\'farewell\'))\n\n\n'
        "def _word(text):\n    return text.upper()\n"
    )
    monkeypatch.setattr(isthmus.cli, "__path__", [*isthmus.cli.__path__, str(tmp_path)])
    assert (commands()["hail"], commands()["farewell"]) == ("Say hail.", "Say farewell.")
    assert not {"_word", "greeting_commands"} & set(commands())
    assert "isthmus.cli.greeting_commands" not in sys.modules
    assert (call("hail").out, call("farewell").out) == ("HAIL\n", "FAREWELL\n")
    sys.modules.pop("isthmus.cli.greeting_commands")


def test_two_files_with_one_command_are_refused(tmp_path, monkeypatch):
    (tmp_path / "encode.py").write_text("def encode():\n    pass\n")
    monkeypatch.setattr(isthmus.cli, "__path__", [*isthmus.cli.__path__, str(tmp_path)])
    with pytest.raises(ImportError, match=r"'encode' is a command in both row_commands\.py and encode\.py"):
        commands()


@pytest.mark.parametrize(
    ("tokens", "code", "words"),
    [
        (["encod"], 2, "there is no command 'encod'; did you mean 'encode'?"),
        (["frobnicate"], 2, "the commands are completion, decode, "),
        (["--frobnicate"], 2, "there is no option '--frobnicate' before a command; options of a command come after it"),
        (["--verison"], 2, "there is no option '--verison' before a command; did you mean '--version'?"),
        (["fit", "digits", "--network", "conv"], 2, "got 'conv'; did you mean 'convolution'?"),
        (["info"], 2, "RUN is missing; see isthmus info --help."),
        (["info", "a", "b"], 2, "'b' is one argument too many"),
        (["info", "a", "--jsn"], 2, "there is no option '--jsn'; did you mean '--json'? See isthmus info --help."),
        (["sample", "a", "-n", "0"], 2, "-n must be at least 1, got 0"),
        (["sample", "a", "-n", "few"], 2, "must be a whole number, got 'few'"),
        (["learn", "zero"], 2, "CHAPTER must be a whole number, got 'zero'; see isthmus learn --help."),
        (["detect", "a", "--score", "latnt"], 2, "--score must be one of combined, relations, density, "),
        (["detect", "a", "--score", "latnt"], 2, "got 'latnt'; did you mean 'latent'? See isthmus detect --help."),
        (
            ["fit", "digits", "-n", "two"],
            2,
            "--n-components must be a whole number, a share above 0 and below 1, 'auto' or 'none'",
        ),
        (["sample", "a", "-n", "2.5"], 2, "must be a whole number, got '2.5'"),
        (["encode", "a", "b", "-o"], 2, "--output needs a value"),
        (["detect"], 2, "DATA is missing; type isthmus detect table.csv, or see isthmus detect --help."),
        (["encode", "a"], 2, "DATA is missing; type isthmus encode a table.csv, or see isthmus encode --help."),
        (["info", "nowhere"], 1, "'nowhere': no such run folder; isthmus fit makes one."),
        (["fit", "nowhere"], 1, "no such file, folder or bundled data set"),
        (["fit", "digitz"], 1, "did you mean 'digits'?"),
        (["fit", "digits", "--epochs", "5"], 2, "there is no option '--epochs'; did you mean '--max-iter'? See"),
        (["fit", "digits", "--latent-dim", "2"], 2, "did you mean '--n-components'?"),
        (["fit", "digits", "--foo", "2"], 2, "there is no option '--foo'; see isthmus fit --help."),
        (["fit", "digits", "--scale", "standrd"], 2, "got 'standrd'; did you mean 'standard'?"),
        (["fit", "digits", "--labels", "x"], 1, "no column 'x'; the columns are 'digit', 'pixel_0_0'"),
    ],
)
def test_wrong_use_is_2_and_failure_is_1_in_one_sentence(tokens, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    called = call(*tokens)
    assert called.code == code
    assert words in sentence(called)
    assert called.out == ""
    assert not list(tmp_path.iterdir())


def test_what_other_libraries_call_an_option_is_an_option_of_fit():
    known = {name for argument in application()["fit"].assemble_argument_collection() for name in argument.names}
    assert set(ELSEWHERE.values()) <= known
    assert not set(ELSEWHERE) & known


def _raising(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("isthmus.cli.info.open_run", fail)


def test_debug_shows_the_traceback(monkeypatch):
    _raising(monkeypatch, RuntimeError("the moon is full\nand so on"))
    called = call("info", "x")
    assert called.code == 1
    expected = "isthmus: unexpected RuntimeError (the moon is full and so on); rerun with --debug to see where."
    assert sentence(called) == expected
    for tokens in (["info", "x", "--debug"], ["--debug", "info", "x"]):
        called = call(*tokens)
        assert called.code == 1
        assert "Traceback (most recent call last)" in called.err
        assert "RuntimeError: the moon is full" in called.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (CommandError("no luck."), 1, "no luck."),
        (PermissionError(13, "Permission denied", "/here"), 1, "'/here': Permission denied; check the path"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(12, "Cannot allocate memory"), 1, "not enough memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 1, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), 1, "not enough"),
        (CommandError("not readable as a NumPy array ([Errno 12] Cannot allocate memory)."), 1, "not enough memory"),
        (ZeroDivisionError(), 1, "unexpected ZeroDivisionError; rerun with --debug"),
    ],
)
def test_each_error_has_its_sentence(monkeypatch, error, code, words):
    _raising(monkeypatch, error)
    called = call("info", "x")
    assert called.code == code
    assert words in sentence(called)


def test_a_sentence_about_memory_stays_what_it_is(monkeypatch):
    error = CommandError("'x.npz': does not fit in memory; write it as .npy.")
    error.__cause__ = MemoryError()
    _raising(monkeypatch, error)
    assert sentence(call("info", "x")) == "isthmus: 'x.npz': does not fit in memory; write it as .npy."


def test_what_an_import_makes_of_ctrl_c_is_an_interruption(monkeypatch, tmp_path):
    """PyTorch, when Ctrl-C falls into its import, may raise an AttributeError of a module half imported."""
    (tmp_path / "half_imported.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt:\n    1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(signal, "default_int_handler", signal.getsignal(signal.SIGINT))
    monkeypatch.setattr("isthmus.cli.info.open_run", lambda run: importlib.import_module("half_imported"))
    before = signal.getsignal(signal.SIGINT)
    called = call("info", "x")
    assert (called.code, sentence(called)) == (130, "isthmus: interrupted; nothing was left half written.")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_after_ctrl_c_that_no_import_raised_is_itself(monkeypatch):
    def fails(run):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise CommandError("no luck.")

    monkeypatch.setattr("isthmus.cli.info.open_run", fails)
    assert sentence(call("info", "x")) == "isthmus: no luck."


def test_ctrl_c_before_the_command_line_is_there(monkeypatch, capsys):
    def interrupted(name, *_):
        if name == "isthmus.cli.outcome":
            raise KeyboardInterrupt
        return imported(name, *_)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    gc.enable()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "isthmus: interrupted; nothing was left half written.\n"


def test_too_little_address_space_is_said_before_pytorch_aborts():
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, -1));"
        "from isthmus.cli.outcome import run; sys.exit(run(['info', 'x']))"
    )
    answer = python("-c", code)
    assert answer.returncode == 1
    assert answer.stderr.startswith("isthmus: ulimit -v allows 512 MB of memory, and PyTorch alone takes 1,024;")
    assert answer.stderr.count("\n") == 1


def test_a_value_error_of_another_library_is_unexpected(monkeypatch):
    monkeypatch.setattr("isthmus.cli.info.open_run", lambda run: json.loads("{"))
    assert "unexpected JSONDecodeError" in sentence(call("info", "x"))


def test_a_polite_kill_unwinds(monkeypatch):
    unwound = []

    def waits(run):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            unwound.append(run)

    monkeypatch.setattr("isthmus.cli.info.open_run", waits)
    before = signal.getsignal(signal.SIGTERM)
    assert call("info", "x").code == 143
    assert unwound == ["x"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_closed_pipe_is_no_error(table_run, folder):
    code = "import sys; from isthmus.cli.outcome import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "info", str(table_run)]
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_warning_is_one_line_on_standard_error(monkeypatch):
    def warns(run):
        warnings.warn("the wind\nis rising", stacklevel=1)
        raise CommandError("gone.")

    monkeypatch.setattr("isthmus.cli.info.open_run", warns)
    assert call("info", "x").err == "note: the wind is rising\nisthmus: gone.\n"


def test_control_characters_are_escaped(capsys):
    assert escaped("a\x1b[31m\n\u202eb") == r"a\x1b[31m\n\u202eb"
    say("red\x1b[31m")
    assert capsys.readouterr().err == "red\\x1b[31m\n"


def test_json_holds_no_nan():
    assert finite({"a": [float("nan"), (1, float("inf"))], 2: "x"}) == {"a": [None, [1, None]], "2": "x"}


def test_run_is_given_nothing_but_tokens(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert run(["fit", "own.csv", "--ids", "name", *QUICK, "--variance", "-1"]) == 2


def test_a_small_file_is_described_before_any_large_library_is_imported(tmp_path):
    """Nor is pandas, which pyarrow would import with its first scalar; where it is needed it comes all the same."""
    table = tmp_path / "table.csv"
    table.write_text("size,town\n" + "".join(f"{place},{'ab'[place % 2]}\n" for place in range(9)))
    code = (
        "import sys; import isthmus.cli.fit; from isthmus.cli.data_split import DataRequest, read_and_split;"
        f"read_and_split(DataRequest({str(table)!r}));"
        "found = [name for name in ('torch', 'sklearn', 'scipy', 'pandas') if name in sys.modules];"
        "import pyarrow; print(found, pyarrow.array([1, 2]).to_pandas().sum(), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] 3 True"


def test_pandas_is_imported_for_no_fit_and_where_it_is_needed_all_the_same(folder, tmp_path):
    table = str(folder / "own.csv")
    code = (
        "import sys; from isthmus.cli.outcome import run;"
        f"code = run(['fit', {table!r}, '--labels', 'kind', '--ids', 'name', '-o', {str(tmp_path / 'run')!r}, "
        "'--max-iter', '1', '--no-plots', '--no-page']);"
        "print(code, 'pandas' in sys.modules, file=sys.stderr);"
        "from sklearn.decomposition import PCA; import pandas;"
        "rows = pandas.DataFrame({'a': [1., 2, 4], 'b': [1., 3, 9]});"
        "frame = PCA(1).set_output(transform='pandas').fit_transform(rows);"
        "print(type(frame).__module__, file=sys.stderr)"
    )
    done = python("-c", code)
    assert done.stderr.splitlines()[-2:] == ["0 False", pandas.DataFrame.__module__], done.stderr


def test_scipys_statistics_are_imported_when_one_of_their_names_is_used():
    code = (
        "import sys; from isthmus.cli.quick_imports import statistics_when_used;"
        "executed = lambda: 'scipy.stats._stats_py' in sys.modules\n"
        "with statistics_when_used(): import sklearn.base, torch\n"
        "before = executed(); import scipy.stats as held;"
        "from sklearn.utils.fixes import _mode; mode = int(_mode([1, 2, 2]).mode[0]);"
        "from scipy.stats import norm; import scipy;"
        "print(before, executed(), mode, held.norm is norm is scipy.stats.norm)"
    )
    assert python("-c", code).stdout == "False True 2 True\n"


def test_a_terminal_that_knows_only_ascii_gets_what_it_can_show(folder, tmp_path):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = ("-m", "isthmus", "fit", str(folder / "own.csv"), "--ids", "name", *QUICK, "-o", str(tmp_path / "run"))
    answer = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=os.environ | ascii_only, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "dimensions PCA needs for this" in answer.stdout
    assert answer.stdout.isascii()


def test_too_few_rows_are_counted_in_plain_words(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("size,weight\n1.5,2.5\n")
    called = call("detect", table, "-o", tmp_path / "out.csv")
    assert called.code == 1
    assert sentence(called) == "isthmus: 1 row is too few, at least 3 are needed; add rows."


def test_a_passing_line_is_for_a_terminal_alone_and_the_next_line_takes_its_place(monkeypatch, capsys):
    say_passing("fitting …")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    say_passing("fitting \x1b[31m …" + 500 * "x")
    say("done")
    said = capsys.readouterr().err
    assert said.startswith(r"CLEARfitting \x1b[31m …".replace("CLEAR", "\x1b[K"))
    assert said.endswith("x\r\x1b[Kdone\n")
    assert len(said) < 200
