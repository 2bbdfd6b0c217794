"""What each command does with files found in practice, given nothing but the file.

    python benchmarks/first_contact.py FOLDER --command detect --command smallest --command impute --results first.jsonl

FOLDER holds files and a ``manifest.csv`` that states for each how many rows it has, and which of its columns a sensible
person would learn from, would leave out, or might do either with (``path,form,rows,learn,leave_out,either,names,
header,picture_shape``: places of columns as JSON lists). Every command runs in a process of its own, forked from one
that has imported the libraries: what it does is what the command line does, without the seconds of its start.
`impute`, `encode`, `evaluate`, `explore` and `sample` follow a fit of three epochs with nothing else set.

A command is right if it ends with 0 and answers for as many rows as there are, and (`fit`, `detect`, `smallest`) learns
from every column that should be learned from and from no id or free text; wrong in silence if it ends with 0 and is not
right; else it refuses, and its sentence is printed to be read.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMANDS = ("fit", "detect", "smallest", "impute", "denoise", "encode", "evaluate", "explore", "sample")
AFTER_A_FIT = ("impute", "encode", "evaluate", "explore", "sample")
FEW = ("--max-iter", "3")
N_SAMPLES = 16
BY_NUMBER = {"numpy", "svmlight", "picture folder", "sound folder", "mat and h5", "word vectors"}
UNNAMED = re.compile(r"(?:x|unnamed: ?|column ?)?(\d+)")
REFUSED = re.compile(r"^isthmus: ")


# ---- one command ---------------------------------------------------------------------------------------------------


def tokens_of(command: str, data: str, folder: Path) -> list[str]:
    """The command line as a person would type it, with few epochs for fits."""
    run = str(folder / "run")
    typed = {
        "fit": ["fit", data, "-o", run, "--no-plots", "--no-page", "--json", *FEW],
        "detect": ["detect", data, "-o", str(folder / "detect.csv"), "--json"],
        "smallest": ["smallest", data, "-o", str(folder / "smallest"), "--seeds", "1", "--json", *FEW],
        "impute": ["impute", run, data, "-o", str(folder / "impute.csv")],
        "denoise": ["denoise", data, "-o", str(folder / "denoise.csv"), "--json"],
        "encode": ["encode", run, data, "-o", str(folder / "encode.csv")],
        "evaluate": ["evaluate", run, data, "--json"],
        "explore": ["explore", run, "-o", str(folder / "page.html")],
        "sample": ["sample", run, "-o", str(folder / "sample.csv"), "--number", str(N_SAMPLES)],
    }
    return typed[command]


def run_apart(tokens: Sequence[str], folder: Path, seconds: float) -> dict[str, Any]:
    """Run one command line in a forked process: its exit code, its time, and what it printed."""
    out, said = folder / "stdout", folder / "stderr"
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for place, stream in ((out, 1), (said, 2)):
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_CPU, (max(1, round(seconds)), resource.RLIM_INFINITY))
        from isthmus.cli.outcome import run

        code = run(tokens)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    lines = [line for line in said.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "megabytes": used.ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "lines": lines,
        "out": out.read_text(encoding="utf-8"),
    }


# ---- what was expected ---------------------------------------------------------------------------------------------


def plain(name: Any) -> str:
    """A name as two people may write it."""
    return re.sub(r"\s+", " ", str(name).replace("\xca", " ")).strip().strip("\"'").lstrip("# ").lower()


def columns_fault(wanted: dict[str, str], learned: Sequence[str]) -> str:
    """What is wrong with the columns that were learned from; empty if nothing."""
    names = [plain(name) for name in json.loads(wanted["names"])]
    must, out, either = (set(json.loads(wanted[key])) for key in ("learn", "leave_out", "either"))
    if wanted["form"] in BY_NUMBER:
        return "" if len(must) <= len(learned) <= len(must | either) else f"{len(learned)} columns, not {len(must)}"
    places, unknown = set(), []
    for name in map(plain, learned):
        found = UNNAMED.fullmatch(name) if wanted["header"] == "no" else None
        place = names.index(name) if name in names else int(found[1]) if found else None
        if place is None:
            unknown.append(name)
        else:
            places.add(place)
    if unknown:  # names made differently, from duplicates or several header rows: compare the number
        return "" if len(must) <= len(learned) <= len(must | either) else f"{len(learned)} columns, not {len(must)}"
    missing, wrong = sorted(must - places), sorted(places & out)
    parts = [f"not learned from: {', '.join(names[place] for place in missing[:4])}"] if missing else []
    parts += [f"learned from: {', '.join(names[place] for place in wrong[:4])}"] if wrong else []
    return "; ".join(parts)


def rows_fault(wanted: dict[str, str], n_rows: Any) -> str:
    """What is wrong with the number of rows."""
    if wanted["rows"] == "any":
        return "" if isinstance(n_rows, int) and n_rows > 0 else f"{n_rows} rows"
    return "" if str(n_rows) in wanted["rows"].split("|") else f"{n_rows} rows, not {wanted['rows']}"


def facts_fault(wanted: dict[str, str], facts: dict[str, Any]) -> str:
    """What is wrong with a command's description of the file (data.json, or ``data`` of --json)."""
    fault = rows_fault(wanted, facts.get("n_rows"))
    columns = facts.get("columns") or []
    if fault or not columns or wanted["picture_shape"]:
        return fault
    taken = [one["name"] for one in columns if one["learned"]] if isinstance(columns[0], dict) else columns
    return columns_fault(wanted, taken)


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a written CSV, without the header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def fault_of(command: str, wanted: dict[str, str], found: dict[str, Any], folder: Path) -> str:
    """What is wrong with the output of a command that ended with 0; empty if nothing."""
    if command in ("fit", "smallest"):
        run = folder / {"fit": "run", "smallest": "smallest"}[command]
        return facts_fault(wanted, json.loads((run / "data.json").read_text()))
    fitted = folder / "run" / "data.json"
    n_fitted = str(json.loads(fitted.read_text())["n_rows"]) if fitted.exists() else wanted["rows"]
    same = wanted if wanted["rows"] == "any" else wanted | {"rows": n_fitted}  # a row of totals may be in or out
    if command == "detect":
        facts = json.loads(found["out"])
        fault = rows_fault(wanted, len(read_rows(folder / "detect.csv")))
        return fault or facts_fault(wanted, {"n_rows": facts["rows"]} | facts.get("data", {}))
    if command == "evaluate":
        return "" if json.loads(found["out"]).get("sentence") else "no sentence"
    if command == "explore":
        return "" if (folder / "page.html").stat().st_size > 10_000 else "no page"
    rows = read_rows(folder / f"{command}.csv")
    if command == "sample":
        return "" if len(rows) == N_SAMPLES else f"{len(rows)} rows, not {N_SAMPLES}"
    fault = rows_fault(same, len(rows))
    if command == "impute" and not fault:
        empty = sum(not cell for row in rows for cell in row[-number_of_columns(fitted) :])
        fault = f"{empty} cells are still empty" if empty else ""
    return fault


def number_of_columns(data: Path) -> int:
    """Number of columns that a run learned from; impute writes them last."""
    columns = json.loads(data.read_text()).get("columns") or []
    return sum(one["learned"] for one in columns) if columns and isinstance(columns[0], dict) else len(columns) or 1


# ---- all of them ---------------------------------------------------------------------------------------------------


def tried(wanted: dict[str, str], data: str, commands: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """What each command did with one file."""
    folder = Path(tempfile.mkdtemp(prefix="first-contact-"))
    results = []
    try:
        needed = ["fit"] if any(command in AFTER_A_FIT for command in commands) and "fit" not in commands else []
        for command in [*needed, *commands]:
            if command in AFTER_A_FIT and not (folder / "run").exists():
                found: dict[str, Any] = {"code": 1, "seconds": 0.0, "lines": ["isthmus: not fitted"], "out": ""}
            else:
                found = run_apart(tokens_of(command, data, folder), folder, seconds)
            fault = fault_of(command, wanted, found, folder) if found["code"] == 0 else ""
            said = [line for line in found["lines"] if REFUSED.match(line)]
            result = found | {"path": wanted["path"], "command": command, "fault": fault, "message": " ".join(said)}
            result["outcome"] = "right" if found["code"] == 0 and not fault else "refused" if found["code"] else "wrong"
            result["notes"] = [line for line in found["lines"] if line.startswith("note:")]
            results.append({key: value for key, value in result.items() if key not in ("out", "lines")})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results


def import_libraries() -> None:
    """Once, before any process is forked."""
    import isthmus.anomaly
    import isthmus.cli.detect
    import isthmus.cli.fit
    import isthmus.denoising
    import isthmus.evaluation
    import isthmus.explorer
    import isthmus.smallest
    import isthmus.storage  # noqa: F401


def summary(results: Sequence[dict[str, Any]], commands: Sequence[str]) -> str:
    """One line per command."""
    lines = [f"{'command':<10} {'files':>5} {'right':>5} {'wrong':>5} {'refused':>7} {'longest s':>9}"]
    for command in commands:
        own = [one for one in results if one["command"] == command]
        longest = max((one["seconds"] for one in own), default=0.0)
        counts = [sum(one["outcome"] == outcome for one in own) for outcome in ("right", "wrong", "refused")]
        lines.append(f"{command:<10} {sum(counts):>5} {counts[0]:>5} {counts[1]:>5} {counts[2]:>7} {longest:>9.1f}")
    return "\n".join(lines)


def main() -> None:
    """Try the commands on every file, print what isn't right, then one line per command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--command", action="append", choices=COMMANDS, help="[default: all]")
    parser.add_argument("--only", default="", help="files whose name or form holds this text")
    parser.add_argument("--seconds", type=float, default=300.0, help="processor time a command may take")
    parser.add_argument("--results", type=Path, help="JSON Lines file of the results, for resuming")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    commands = [command for command in COMMANDS if command in (given.command or COMMANDS)]
    with (given.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        csv.field_size_limit(1 << 30)
        files = [row for row in csv.DictReader(file) if given.only in row["path"] or given.only == row["form"]]
    import_libraries()
    kept = given.results
    results = [json.loads(line) for line in kept.open(encoding="utf-8")] if kept is not None and kept.exists() else []
    known = {(one["path"], one["command"]) for one in results}
    for row in files:
        if all((row["path"], command) in known for command in commands):
            continue
        for result in tried(row, str((given.folder / row["path"]).resolve()), commands, given.seconds):
            results.append(result)
            if result["outcome"] != "right":
                why = result["fault"] or result["message"] or f"exit code {result['code']}"
                print(f"{result['outcome']:<7} {result['command']:<8} {row['path']}: {why}", flush=True)
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    print(summary(results, commands))


if __name__ == "__main__":
    main()
