"""Training and encoding a table larger than memory: peak memory and speed, compared with a table that fits.

    python benchmarks/larger_than_memory.py write big/ --gigabytes 20
    python benchmarks/larger_than_memory.py run big/
    python benchmarks/larger_than_memory.py encode big/     # only the encoding, in minutes
    python benchmarks/larger_than_memory.py speeds big/     # the same for the first 8 files, in minutes

`write` makes a folder of Parquet files of 64 float32 columns near a curved surface of 6 dimensions, from a seed. `run`
fits and encodes the folder, and the first file alone held in memory, each command in its own process with one thread,
and reports the peak memory of each. Rows per second of training are those of the epochs after the first by the run's
own history; for encoding, the time of a thousand rows is subtracted. The short commands are run three times, and the
median is taken. Codes of the first file are compared with its codes within the folder, and the weights learned from it
as a file with those learned from it as an array.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "uses" / "larger-than-memory.md"
MARKS = "<!-- larger_than_memory -->", "<!-- /larger_than_memory -->"
FEW_FILES = 8
RESULT = HERE / "results" / "larger_than_memory.json"
N_COLUMNS, N_HIDDEN, NOISE = 64, 6, 0.05
FILE_BYTES, GROUP_ROWS = 256 << 20, 1 << 17
FIT = ("--n-components", "8", "--max-iter", "3", "--no-plots", "--no-page", "--seed", "0")


def curved_rows(n_rows: int, seed: int, part: int) -> np.ndarray:
    """Rows near a curved surface; the surface is the seed's, the rows are the part's."""
    surface = np.random.default_rng(seed)
    inner = surface.normal(size=(N_HIDDEN, 32)).astype(np.float32)
    outer = surface.normal(size=(32, N_COLUMNS)).astype(np.float32) / np.float32(32**0.5)
    rng = np.random.default_rng([seed, part])
    rows = np.tanh(rng.standard_normal((n_rows, N_HIDDEN), dtype=np.float32) @ inner) @ outer
    return rows + np.float32(NOISE) * rng.standard_normal(rows.shape, dtype=np.float32)


def write(folder: Path, gigabytes: float, seed: int) -> None:
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    n_files = max(1, round(gigabytes * 1e9 / FILE_BYTES))
    for part in range(n_files):
        rows = curved_rows(FILE_BYTES // (4 * N_COLUMNS), seed, part)
        table = pyarrow.table({f"x{place}": rows[:, place] for place in range(N_COLUMNS)})
        parquet.write_table(table, folder / f"part-{part:05d}.parquet", row_group_size=GROUP_ROWS, use_dictionary=False)
        print(f"\r{part + 1} of {n_files} files", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def measured(*arguments: str) -> dict[str, float]:
    """Seconds and the largest resident memory of one command in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "isthmus", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"isthmus {' '.join(arguments)} failed.")
    return {"seconds": time.perf_counter() - started, "peak_megabytes": usage.ru_maxrss / 1024}


def epochs_measured(run: Path, n_rows: int) -> dict[str, float]:
    """Rows per second of a finished fit, in its epochs after the first."""
    with (run / "test_rows.csv").open() as file:
        n_learned = n_rows - sum(1 for _ in file) + 1
    with (run / "history.csv").open() as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return {"rows_learned": n_learned, "rows_per_second": n_learned * (len(seconds) - 2) / (seconds[-1] - seconds[1])}


def same_weights(file: Path) -> bool:
    """Whether a file that fits in memory gives the same weights, bit for bit, as its rows in an array."""
    from isthmus import Autoencoder, open_table

    table = open_table(file)
    table.held_bytes = 1 << 40
    rows = table.load().values
    models = [Autoencoder(8, max_iter=1, random_state=0).fit(source) for source in (rows, table)]
    states = [model.model_.state_dict() for model in models]
    return all(bool((states[0][name] == states[1][name]).all()) for name in states[0])


def run(folder: Path) -> dict:
    """All measurements of a folder."""
    from isthmus import open_table

    files = sorted(folder.glob("*.parquet"))
    facts: dict = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "gigabytes": sum(file.stat().st_size for file in files) / 1e9,
        "files": len(files),
    }
    cases = {"fits": (files[0], ("--memory", "4096")), "larger": (folder, ())}
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        for name, (source, memory) in cases.items():
            rows, model = len(open_table(source)), Path(place, f"run-{name}")
            facts[name] = {"rows": rows, "fit": measured("fit", str(source), *FIT, *memory, "-o", str(model))}
            facts[name]["fit"] |= epochs_measured(model, rows)
        facts = encoded(folder, Path(place, "run-fits"), facts)
    facts["same_weights_from_file_and_array"] = same_weights(files[0])
    return facts


def encoded(folder: Path, model: Path, facts: dict) -> dict:
    """The facts of `run` with measurements of encoding the folder and its first file."""
    import pyarrow
    from pyarrow import parquet

    from isthmus import open_table

    files = sorted(folder.glob("*.parquet"))
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        few = Path(place, "few.parquet")
        parquet.write_table(pyarrow.table(parquet.ParquetFile(files[0]).read_row_group(0).slice(0, 1000)), few)

        def encoding(name: str, source: Path, repeats: int) -> dict[str, float]:
            output = str(Path(place, f"codes-{name}.parquet"))
            tries = [measured("encode", str(model), str(source), "-o", output, "--overwrite") for _ in range(repeats)]
            return sorted(tries, key=lambda one: one["seconds"])[repeats // 2]

        start = encoding("few", few, 3)
        for name, source, repeats in (("fits", files[0], 3), ("larger", folder, 1)):
            found = encoding(name, source, repeats)
            found["rows_per_second"] = facts[name]["rows"] / (found["seconds"] - start["seconds"])
            facts[name]["encode"] = found
        for job in ("fit", "encode"):
            speeds = [facts[name][job]["rows_per_second"] for name in ("larger", "fits")]
            facts[f"{job}_speed_ratio"] = speeds[0] / speeds[1]
        alone = open_table(Path(place, "codes-fits.parquet")).load().values
        within = open_table(Path(place, "codes-larger.parquet")).take(np.arange(len(alone))).values
        facts["largest_difference_of_codes"] = float(np.abs(alone - within).max())
    return facts


def encoded_again(folder: Path, facts: dict) -> dict:
    """The facts of `run` with the encoding measured again, by a model fitted to the first file."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        model = Path(place, "run")
        measured("fit", str(sorted(folder.glob("*.parquet"))[0]), *FIT, "--memory", "4096", "-o", str(model))
        return encoded(folder, model, facts) | {"date": time.strftime("%Y-%m-%d")}


def speeds(folder: Path, n_files: int) -> dict:
    """The same for the first files."""
    with tempfile.TemporaryDirectory() as place:
        for file in sorted(folder.glob("*.parquet"))[:n_files]:
            Path(place, file.name).symlink_to(file.resolve())
        return run(Path(place))


def as_markdown(whole: dict, some: dict) -> str:
    """The tables of the page."""
    lines = []
    for facts in (whole, some):
        lines += ["| | rows | peak memory | rows a second |", "|---|---:|---:|---:|"]
        for job in ("fit", "encode"):
            for name, said in (("fits", "one file, in memory"), ("larger", f"{facts['gigabytes']:.1f} GB")):
                one = facts[name]
                lines.append(
                    f"| {job}, {said} | {one['rows']:,} | {one[job]['peak_megabytes']:,.0f} MB "
                    f"| {one[job]['rows_per_second']:,.0f} |"
                )
        lines += [
            "",
            f"{facts['date']}, {facts['files']} files of 64 columns ({facts['processor']}, {facts['cores']} cores, one "
            f"thread a command): training runs at {facts['fit_speed_ratio']:.0%} and encoding at "
            f"{facts['encode_speed_ratio']:.0%} of the speed a row has in memory.",
            "",
        ]
    same = "the same bits" if whole["same_weights_from_file_and_array"] else "other bits"
    lines += [
        "The second table is of the first files of the same folder. A file that fits teaches "
        f"{same} as its rows in an array. Made by `benchmarks/larger_than_memory.py`.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--gigabytes", type=float, default=20)
    writing.add_argument("--seed", type=int, default=0)
    for name in ("run", "encode", "speeds"):
        commands.add_parser(name).add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.command == "write":
        write(asked.folder, asked.gigabytes, asked.seed)
        return
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    if asked.command == "encode":
        kept["run"] = encoded_again(asked.folder, kept["run"])
    else:
        kept[asked.command] = run(asked.folder) if asked.command == "run" else speeds(asked.folder, FEW_FILES)
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")
    if len(kept) == 2:
        table = as_markdown(kept["run"], kept["speeds"])
        before, rest = PAGE.read_text().split(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}")
        print(table)


if __name__ == "__main__":
    main()
